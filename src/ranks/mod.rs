//! The processes of one training run, each with its share of every batch. One process alone without
//! the feature `mpi`, and with it wherever nothing started several.
//!
//! Every process (a *rank*) must make the same calls in the same order: each of them waits for all.

mod launched;
#[cfg(feature = "mpi")]
mod mpi;
mod place;

pub use launched::{Launched, check_alone, here};
pub use place::Place;

use crate::base::error::FAILED;
use crate::{Error, Result};
use std::cell::Cell;
use std::ops::Range;
use tch::Tensor;

/// A rank among those of its run.
pub struct Ranks {
    rank: usize,
    size: usize,
    /// Number of this rank among those of its machine.
    local: usize,
    /// Whether an error was agreed on: then all ranks end, and the first one says why.
    agreed: Cell<bool>,
    #[cfg(feature = "mpi")]
    world: Option<mpi::World>,
}

impl Ranks {
    /// One process alone: every call gives back what it is given.
    #[must_use]
    pub fn alone() -> Self {
        Self {
            rank: 0,
            size: 1,
            local: 0,
            agreed: Cell::new(false),
            #[cfg(feature = "mpi")]
            world: None,
        }
    }

    /// The ranks that this process was started among.
    ///
    /// # Errors
    /// [`Error::Config`] if several were started that cannot find each other: without the feature
    /// `mpi`, or with the launcher of another MPI than the program was built with.
    pub fn start() -> Result<Self> {
        let ranks = Self::found()?;
        match here() {
            Some(l) if l.size > 1 && ranks.size == 1 => Err(l.stranded()),
            _ => Ok(ranks),
        }
    }

    #[cfg(feature = "mpi")]
    fn found() -> Result<Self> {
        let world = mpi::World::start()?;
        Ok(Self {
            rank: world.rank(),
            size: world.size(),
            local: world.local_rank(),
            agreed: Cell::new(false),
            world: Some(world),
        })
    }

    #[cfg(not(feature = "mpi"))]
    #[allow(clippy::unnecessary_wraps)] // MPI may fail to start.
    fn found() -> Result<Self> {
        Ok(Self::alone())
    }

    /// How many there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Whether this is the one that writes, validates and speaks.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.rank == 0
    }

    /// The number of this rank, from 0.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Its number among the ranks of this machine: which device it takes.
    #[must_use]
    pub fn local(&self) -> usize {
        self.local
    }

    /// Which of `rows` rows are this rank's: runs of consecutive rows that differ by one at most in
    /// length. Empty for some if there are more ranks than rows.
    #[must_use]
    pub fn share(&self, rows: i64) -> Range<i64> {
        let bound = |rank: usize| rank as i64 * rows / self.size as i64;
        bound(self.rank)..bound(self.rank + 1)
    }

    /// Where this rank's share of a batch of `rows` rows lies; alone: everywhere.
    #[must_use]
    pub fn place(&self, rows: i64) -> Place {
        Place::part(&self.share(rows), rows)
    }

    /// Whether any rank says so.
    #[must_use]
    pub fn any(&self, said: bool) -> bool {
        #[cfg(feature = "mpi")]
        if let Some(world) = &self.world {
            return world.least(usize::from(!said)) == 0;
        }
        said
    }

    /// `found`, if it is no error on any rank. Otherwise an error on all: its own on the first rank
    /// that has one, on the others what that one says.
    ///
    /// # Errors
    /// That.
    pub fn agree<T>(&self, found: Result<T>) -> Result<T> {
        #[cfg(feature = "mpi")]
        if let Some(world) = &self.world {
            let mine = if found.is_err() { self.rank } else { self.size };
            let failed = world.least(mine);
            if failed == self.size {
                return found;
            }
            self.agreed.set(true);
            let words = found.as_ref().err().map(ToString::to_string);
            let problem = world.words(failed, words.unwrap_or_default());
            return match found {
                // A signal stops all ranks alike, and each ends with its exit code.
                Err(e) if failed == self.rank || e.exit_code() == crate::base::error::STOPPED => {
                    Err(e)
                }
                _ => Err(Error::Rank {
                    rank: failed,
                    problem,
                }),
            };
        }
        self.agreed.set(found.is_err());
        found
    }

    /// What `work` gives on the first rank alone, while the others wait; `None` on those.
    ///
    /// # Errors
    /// Its error, on all ranks.
    pub fn on_first<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
        let found = self.is_first().then(work).transpose();
        self.agree(found)
    }

    /// The sum over ranks of `part` `[P]`, the same on all, on the device of `part`.
    ///
    /// # Errors
    /// [`Error::Torch`] if the numbers cannot be copied to the host.
    pub fn sum(&self, part: Tensor) -> Result<Tensor> {
        #[cfg(feature = "mpi")]
        if let Some(world) = self.world.as_ref().filter(|_| self.size > 1) {
            return world.sum(&part);
        }
        Ok(part)
    }

    /// The gradient `[P]` and the loss of a batch of `rows` rows, of which those given are the means
    /// over this rank's share.
    ///
    /// # Errors
    /// As [`Ranks::sum`].
    pub fn mean(&self, gradient: Tensor, loss: Tensor, rows: i64) -> Result<(Tensor, Tensor)> {
        if self.size == 1 {
            return Ok((gradient, loss));
        }
        let share = self.share(rows);
        let weight = (share.end - share.start) as f64 / rows as f64;
        let p = gradient.size()[0];
        let both = Tensor::cat(&[gradient, loss.view([1])], 0) * weight;
        let both = self.sum(both)?;
        Ok((both.narrow(0, 0, p), both.get(p)))
    }

    /// The rows of all ranks [K B, D] of K batches of B rows, of which this rank has its shares
    /// [K b, D], one batch after the other.
    ///
    /// # Errors
    /// As [`Ranks::sum`].
    pub fn joined(&self, part: Tensor, batches: i64, rows: i64) -> Result<Tensor> {
        if self.size == 1 {
            return Ok(part);
        }
        let (share, d) = (self.share(rows), part.size()[1]);
        let whole = part.new_zeros([batches, rows, d], (part.kind(), part.device()));
        let n = share.end - share.start;
        whole
            .narrow(1, share.start, n)
            .copy_(&part.view([batches, n, d]));
        Ok(self.sum(whole.view([-1]))?.view([batches * rows, d]))
    }

    /// Overwrites `numbers` with those of the first rank.
    pub fn tell(&self, numbers: &mut [f64]) {
        #[cfg(feature = "mpi")]
        if let Some(world) = &self.world {
            world.tell(numbers);
        }
        #[cfg(not(feature = "mpi"))]
        let _ = numbers;
    }

    /// The end of a run that gave `found`. Where all ranks agreed that it failed, the first one says
    /// why; where this one alone failed, the others, which wait for it, are ended.
    ///
    /// # Errors
    /// The error of `found`; [`Error::Elsewhere`] where another rank says it.
    pub fn end<T>(self, found: Result<T>) -> Result<T> {
        match found {
            Err(e) if self.size > 1 && !self.agreed.get() => self.abort(&e),
            Err(e) if !self.is_first() => Err(Error::Elsewhere {
                exit_code: e.exit_code(),
            }),
            found => found,
        }
    }

    /// Says what failed here and ends all ranks.
    fn abort(&self, e: &Error) -> ! {
        log::error!("rank {}: {e}", self.rank);
        #[cfg(feature = "mpi")]
        if let Some(world) = &self.world {
            world.abort();
        }
        crate::base::atomic::abandon(i32::from(FAILED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks(rank: usize, size: usize) -> Ranks {
        Ranks {
            rank,
            size,
            ..Ranks::alone()
        }
    }

    #[test]
    fn shares_lie_end_to_end_and_differ_by_one_row_at_most() {
        for (rows, size) in [(128, 1), (128, 3), (7, 4), (2, 5), (0, 2)] {
            let shares: Vec<_> = (0..size).map(|r| ranks(r, size).share(rows)).collect();
            assert_eq!((shares[0].start, shares[size - 1].end), (0, rows));
            assert!(shares.windows(2).all(|p| p[0].end == p[1].start));
            let lengths = shares.iter().map(|s| s.end - s.start);
            assert!(lengths.clone().max().unwrap() - lengths.min().unwrap() <= 1);
        }
    }

    #[test]
    fn alone_every_call_gives_back_what_it_is_given() {
        let alone = Ranks::alone();
        assert_eq!(alone.share(10), 0..10);
        assert!(alone.any(true) && !alone.any(false));
        assert_eq!(alone.agree(Ok(3)).unwrap(), 3);
        assert_eq!(alone.on_first(|| Ok(4)).unwrap(), Some(4));
        let g = Tensor::from_slice(&[1f32, 2.0]);
        assert_eq!(alone.sum(g.shallow_clone()).unwrap(), g);
        let (same, loss) = alone
            .mean(g.shallow_clone(), Tensor::from(3f32), 5)
            .unwrap();
        assert!(same == g && loss.double_value(&[]) == 3.0);
        let mut numbers = [5.0];
        alone.tell(&mut numbers);
        assert_eq!(numbers, [5.0]);
        let e = alone.agree::<()>(Err(Error::config("a", "b", "c", "d")));
        assert!(matches!(alone.end(e), Err(Error::Config { .. })));
    }
}
