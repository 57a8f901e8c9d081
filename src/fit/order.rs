//! In which order an epoch goes through the observations: a function of the seed and the epoch alone.

use crate::base::random::{Purpose, derive};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::ops::Range;

/// An observation that is picked for a batch, and where it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pick {
    /// Its row.
    pub row: i64,
    /// The window it is in, counted through all epochs; 0 without windows.
    pub window: u64,
    /// Its place among the rows of the window, ascending; its row without windows.
    pub at: i64,
}

/// Batches in shuffled epochs: every observation once per epoch.
#[derive(Debug)]
pub struct Sampler {
    seed: u64,
    n: u64,
    batch: u64,
    windows: Option<Windows>,
    /// The order of the epoch in use, without windows.
    epoch: Option<(u64, Vec<i64>)>,
}

/// Rows that lie together on disk, a window's worth of which is shuffled at a time.
#[derive(Debug)]
struct Windows {
    blocks: Vec<Range<i64>>,
    /// Blocks per window.
    each: usize,
    epoch: Option<Epoch>,
    open: Option<Window>,
}

/// The windows of one epoch.
#[derive(Debug)]
struct Epoch {
    number: u64,
    /// Numbers of the blocks, shuffled.
    order: Vec<usize>,
    /// Rows before each window, and all of them.
    starts: Vec<u64>,
}

#[derive(Debug)]
struct Window {
    number: u64,
    /// Ascending.
    rows: Vec<i64>,
    /// Places among them, shuffled.
    order: Vec<i64>,
}

impl Sampler {
    /// Batches of `batch` out of `n` observations, all of them shuffled.
    #[must_use]
    pub fn new(seed: u64, n: i64, batch: usize) -> Self {
        Self {
            seed,
            n: n as u64,
            batch: batch as u64,
            windows: None,
            epoch: None,
        }
    }

    /// Batches of `batch` out of the rows of `blocks`, which lie end to end from row 0: the blocks are
    /// shuffled, then the rows of `each` of them in a row, a window.
    #[must_use]
    pub fn in_windows(seed: u64, blocks: Vec<Range<i64>>, each: usize, batch: usize) -> Self {
        let n = blocks.last().map_or(0, |b| b.end);
        let windows = Windows {
            blocks,
            each: each.max(1),
            epoch: None,
            open: None,
        };
        Self {
            windows: Some(windows),
            ..Self::new(seed, n, batch)
        }
    }

    /// The rows of step `step`, int64 `[batch]`; a batch may run into the next epoch.
    pub fn rows(&mut self, step: u64) -> Vec<i64> {
        self.picks(step).iter().map(|p| p.row).collect()
    }

    /// The observations of step `step`.
    pub fn picks(&mut self, step: u64) -> Vec<Pick> {
        (step * self.batch..(step + 1) * self.batch)
            .map(|i| self.pick(i / self.n, i % self.n))
            .collect()
    }

    /// The rows of window `number`, ascending.
    pub fn window(&mut self, number: u64) -> Vec<i64> {
        let seed = self.seed;
        self.windows
            .as_mut()
            .map(|w| w.open(seed, number).rows.clone())
            .unwrap_or_default()
    }

    fn pick(&mut self, epoch: u64, position: u64) -> Pick {
        let seed = self.seed;
        if let Some(windows) = &mut self.windows {
            return windows.pick(seed, epoch, position);
        }
        if self.epoch.as_ref().is_none_or(|(e, _)| *e != epoch) {
            let mut order: Vec<i64> = (0..self.n as i64).collect();
            order.shuffle(&mut shuffler(seed, epoch, 0));
            self.epoch = Some((epoch, order));
        }
        let order = self.epoch.as_ref().map(|(_, order)| order);
        let row = order.map_or(0, |order| order[position as usize]);
        Pick {
            row,
            window: 0,
            at: row,
        }
    }
}

/// The random numbers of a shuffle of an epoch: of the whole or its blocks (`stream` 0), or of the
/// rows of a window.
fn shuffler(seed: u64, epoch: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(derive(seed, Purpose::Shuffle, epoch));
    rng.set_stream(stream);
    rng
}

impl Windows {
    /// Windows in an epoch.
    fn count(&self) -> u64 {
        self.blocks.len().div_ceil(self.each).max(1) as u64
    }

    fn pick(&mut self, seed: u64, epoch: u64, position: u64) -> Pick {
        let starts = &self.epoch(seed, epoch).starts;
        let k = starts.partition_point(|s| *s <= position) - 1;
        let within = (position - starts[k]) as usize;
        let number = epoch * self.count() + k as u64;
        let window = self.open(seed, number);
        let at = window.order[within];
        Pick {
            row: window.rows[at as usize],
            window: number,
            at,
        }
    }

    fn epoch(&mut self, seed: u64, number: u64) -> &Epoch {
        let blocks = &self.blocks;
        let each = self.each;
        let fresh = || {
            let mut order: Vec<usize> = (0..blocks.len()).collect();
            order.shuffle(&mut shuffler(seed, number, 0));
            let mut starts = vec![0];
            let mut rows = 0;
            for window in order.chunks(each) {
                let length = |b: &usize| (blocks[*b].end - blocks[*b].start) as u64;
                rows += window.iter().map(length).sum::<u64>();
                starts.push(rows);
            }
            Epoch {
                number,
                order,
                starts,
            }
        };
        let open = self.epoch.take().filter(|e| e.number == number);
        self.epoch.insert(open.unwrap_or_else(fresh))
    }

    fn open(&mut self, seed: u64, number: u64) -> &Window {
        let open = self.open.take().filter(|w| w.number == number);
        let window = open.unwrap_or_else(|| self.fresh(seed, number));
        self.open.insert(window)
    }

    fn fresh(&mut self, seed: u64, number: u64) -> Window {
        let (epoch, k) = (number / self.count(), number % self.count());
        let each = self.each;
        let order = &self.epoch(seed, epoch).order;
        let window = order.iter().skip(k as usize * each).take(each);
        let mut blocks: Vec<usize> = window.copied().collect();
        blocks.sort_unstable();
        let rows: Vec<i64> = blocks
            .iter()
            .flat_map(|b| self.blocks[*b].clone())
            .collect();
        let mut order: Vec<i64> = (0..rows.len() as i64).collect();
        order.shuffle(&mut shuffler(seed, epoch, 1 + k));
        Window {
            number,
            rows,
            order,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_holds_every_row_once_and_the_next_is_in_another_order() {
        let mut sampler = Sampler::new(3, 10, 5);
        let epoch = |s: &mut Sampler, k: u64| [s.rows(2 * k), s.rows(2 * k + 1)].concat();
        let (first, second) = (epoch(&mut sampler, 0), epoch(&mut sampler, 1));
        assert_ne!(first, second);
        for mut e in [first, second] {
            e.sort_unstable();
            assert_eq!(e, (0..10).collect::<Vec<i64>>());
        }
    }

    #[test]
    fn a_sampler_that_starts_late_continues_the_same_sequence() {
        let mut a = Sampler::new(3, 7, 4);
        let all: Vec<_> = (0..9).map(|s| a.rows(s)).collect();
        let mut b = Sampler::new(3, 7, 4);
        assert_eq!(b.rows(8), all[8]);
    }

    /// 7 blocks of unequal length, 40 rows, in windows of 2.
    fn windowed() -> Sampler {
        let ends = [5, 9, 17, 18, 25, 33, 40];
        let blocks = ends.iter().scan(0, |start, end| {
            let block = *start..*end;
            *start = *end;
            Some(block)
        });
        Sampler::in_windows(11, blocks.collect(), 2, 8)
    }

    #[test]
    fn in_windows_too_an_epoch_holds_every_row_once_in_an_order_of_its_own() {
        let mut sampler = windowed();
        let epoch = |s: &mut Sampler, k: u64| (5 * k..5 * k + 5).flat_map(|i| s.rows(i)).collect();
        let epochs: Vec<Vec<i64>> = (0..3).map(|k| epoch(&mut sampler, k)).collect();
        assert!(epochs[0] != epochs[1] && epochs[1] != epochs[2]);
        for mut e in epochs {
            assert!(e.windows(2).any(|w| w[0] > w[1]), "shuffled");
            e.sort_unstable();
            assert_eq!(e, (0..40).collect::<Vec<i64>>());
        }
    }

    #[test]
    fn one_window_follows_another_and_each_pick_tells_where_its_row_is() {
        let mut sampler = windowed();
        let picks: Vec<Pick> = (0..15).flat_map(|s| sampler.picks(s)).collect();
        // Four windows an epoch: two blocks each, the last of one.
        let numbers: Vec<u64> = picks.iter().map(|p| p.window).collect();
        assert!(numbers.is_sorted() && numbers[119] == 11);
        for p in picks {
            let rows = sampler.window(p.window);
            assert!(rows.is_sorted() && rows[p.at as usize] == p.row);
        }
    }

    #[test]
    fn where_it_starts_and_what_was_asked_before_does_not_matter() {
        let mut a = windowed();
        let all: Vec<_> = (0..20).map(|s| a.picks(s)).collect();
        for step in [19, 3, 12, 4] {
            assert_eq!(windowed().picks(step), all[step as usize]);
            assert_eq!(a.picks(step), all[step as usize]);
        }
    }
}
