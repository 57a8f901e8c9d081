//! How many objects go through the network at once: a number of the config, or as many as there is memory
//! and work for. What they are restored to does not depend on it, but for the rounding of a GPU.

use crate::Result;
use crate::base::cuda::free_memory;
use crate::base::memory::caught;
use crate::base::workers;
use crate::config::RestoreConfig;
use std::ops::Range;
use tch::Device;

/// Larger batches are this times a power of two, so that the processor's parts hold the same rows in each.
pub(super) const OBJECTS: usize = RestoreConfig::OBJECTS;
/// Most bytes of the draws of a batch, which are also copied to the host.
const MOST: u64 = 1 << 26;
/// Parts for each thread, so that none is without work for long.
const PARTS: usize = 4;
/// Of the memory of a GPU, in tenths: blocks of many sizes leave gaps.
const USED: u64 = 8;

/// Objects that go through the network at once.
#[derive(Debug)]
pub(super) struct Size {
    now: usize,
    most: usize,
    /// The config says how many.
    given: bool,
    device: Device,
    /// Bytes that the device had free before the first batch; of no use when that is over.
    free: Option<u64>,
    first: bool,
}

/// What the objects of a batch need.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needs {
    /// Rows of each that the network gets.
    pub rows: usize,
    /// Draws of each.
    pub draws: usize,
    /// Numbers of a draw.
    pub width: usize,
}

impl Size {
    /// As the config says: `None` for as many as suit `device`.
    pub fn new(given: Option<usize>, needs: Needs, device: Device) -> Self {
        let bytes = 4 * (needs.draws * needs.width).max(1) as u64;
        let most = doubled(MOST / bytes);
        let (now, most) = match (given, device) {
            (Some(n), _) => (n, n),
            (None, Device::Cpu) => {
                let now = for_threads(needs, rayon::current_num_threads()).min(most);
                (now, now)
            }
            (None, _) => (OBJECTS, most),
        };
        Self {
            now,
            most,
            given: given.is_some(),
            free: free_memory(device),
            device,
            first: true,
        }
    }

    /// Rows that are read at once.
    pub fn block(&self) -> usize {
        self.most
    }

    /// After a batch of `done` objects, the first of which tells what one needs.
    fn grow(&mut self, done: usize) {
        if self.given || self.now >= self.most {
            return;
        }
        let wanted = match (self.free, free_memory(self.device)) {
            (Some(before), Some(after)) if self.first => fitting(before, after, done),
            (Some(_), _) => self.now,
            // Until it does not fit.
            (None, _) => 2 * self.now,
        };
        self.first = false;
        self.now = wanted.clamp(self.now, self.most);
        log::debug!("{} objects at once", self.now);
    }

    /// Whether fewer than `tried` can be tried.
    fn halve(&mut self, tried: usize) -> bool {
        if self.given || tried < 2 {
            return false;
        }
        self.now = tried.next_power_of_two() / 2;
        self.most = self.now;
        true
    }
}

/// What fits where the first `done` objects have left `after` bytes of `before`: the rest is libtorch's, and
/// free for the next.
fn fitting(before: u64, after: u64, done: usize) -> usize {
    let each = (before.saturating_sub(after) / done.max(1) as u64).max(1);
    doubled(before.max(after) / 10 * USED / each)
}

/// Objects of which every one of the `threads` has several parts.
fn for_threads(needs: Needs, threads: usize) -> usize {
    let rows = workers::most(needs.width as i64, Device::Cpu).map_or(1, |r| r as usize);
    // Where parts are no part of a batch, another batch would have other parts.
    if !OBJECTS.is_multiple_of(rows) {
        return OBJECTS;
    }
    doubled((PARTS * threads * rows / needs.rows.max(1)) as u64)
}

/// The largest batch with no more than `objects`.
fn doubled(objects: u64) -> usize {
    let times = (objects / OBJECTS as u64).clamp(1, 1 << 20);
    OBJECTS << times.ilog2()
}

/// Does `work` for the rows 0..`n`, as many at once as `size` says, and hands what was made to `take`, in
/// order. Where libtorch has no memory for them, fewer are tried.
///
/// # Errors
/// The first of `work` and `take`; a lack of memory where the size is given, or for one object alone.
pub(super) fn in_portions<T>(
    n: usize,
    size: &mut Size,
    mut work: impl FnMut(Range<usize>) -> Result<T>,
    mut take: impl FnMut(Range<usize>, T) -> Result<()>,
) -> Result<()> {
    let mut start = 0;
    while start < n {
        let rows = start..n.min(start + size.now);
        match caught(|| work(rows.clone())) {
            Ok(made) => {
                size.grow(rows.len());
                start = rows.end;
                take(rows, made)?;
            }
            Err(e) if e.is_out_of_memory() && size.halve(rows.len()) => log::warn!(
                "no memory for {} objects at once ({e}): going on with {}",
                rows.len(),
                size.now
            ),
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::memory::tests::ask_for_too_much;

    const SPECTRA: Needs = Needs {
        rows: 16,
        draws: 16,
        width: 512,
    };

    /// The portions in which `n` rows are done where more than `fit` are too many.
    fn portions(n: usize, size: &mut Size, fit: usize) -> Result<Vec<Range<usize>>> {
        let mut taken = Vec::new();
        let work = |rows: Range<usize>| {
            if rows.len() > fit {
                ask_for_too_much();
            }
            Ok(rows)
        };
        in_portions(n, size, work, |rows, made| {
            assert_eq!(rows, made);
            taken.push(made);
            Ok(())
        })?;
        Ok(taken)
    }

    #[test]
    fn where_memory_runs_out_half_as_many_are_tried_until_they_fit() {
        let mut size = Size::new(None, SPECTRA, Device::Cpu);
        let found = portions(150, &mut size, 20).unwrap();
        assert_eq!(found[..2], [0..16, 16..32]);
        assert!(found.windows(2).all(|p| p[0].end == p[1].start));
        assert_eq!(found.last().unwrap().end, 150);
        // Nor is more tried again.
        assert_eq!(
            portions(40, &mut size, 20).unwrap(),
            [0..16, 16..32, 32..40]
        );
    }

    #[test]
    fn a_number_stays_a_number_and_one_object_is_the_least() {
        let mut seven = Size::new(Some(7), SPECTRA, Device::Cpu);
        assert_eq!(portions(16, &mut seven, 7).unwrap(), [0..7, 7..14, 14..16]);
        assert!(portions(16, &mut seven, 6).unwrap_err().is_out_of_memory());
        let mut any = Size::new(None, SPECTRA, Device::Cpu);
        assert!(portions(16, &mut any, 0).unwrap_err().is_out_of_memory());
        assert!(portions(0, &mut any, 0).unwrap().is_empty());
    }

    #[test]
    fn a_gpu_gets_as_many_as_its_memory_holds_when_the_first_batch_is_done() {
        let gib = 1u64 << 30;
        // 64 objects took 1 GiB: of 24, eight tenths are for 1228, which is 64 · 16 and some.
        assert_eq!(fitting(24 * gib, 23 * gib, 64), 1024);
        assert_eq!(fitting(gib, gib / 8, 64), 64);
        assert_eq!(fitting(gib, gib, 64), 64 << 20);
        let size = Size::new(None, SPECTRA, Device::Cuda(0));
        // 64 MiB of draws: 32 KiB for each object.
        assert_eq!((size.now, size.block()), (64, 2048));
    }

    #[test]
    fn the_processor_gets_several_parts_for_each_thread() {
        for (threads, objects) in [(1, 64), (2, 64), (8, 64), (16, 128), (64, 512)] {
            assert_eq!(for_threads(SPECTRA, threads), objects);
        }
        let mean = Needs { rows: 1, ..SPECTRA };
        assert_eq!(for_threads(mean, 2), 256);
        let narrow = Needs {
            width: 100,
            ..SPECTRA
        };
        assert_eq!(for_threads(narrow, 64), OBJECTS);
    }
}
