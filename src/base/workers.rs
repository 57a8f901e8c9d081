//! Every core: the rows of a batch are shared out to threads, each of which takes its rows through the
//! whole of a computation.
//!
//! libtorch's own threads share out a single operator, hundreds of times in each evaluation of a network,
//! and wait for each other as often: a core that another program takes from one of them stops all. Here
//! every thread has its own rows, and libtorch has one thread in each.
//!
//! A batch falls into parts whose size does not depend on the number of threads, and what comes of them
//! is put together in their order: any number of threads gives the same bits. A device other than the
//! processor shares out its work itself and gets the batch whole.

use super::random::{dropout_of_part, with_dropout};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tch::Device;

/// Rows of a part: fewer cost more processor time each, and more leave cores without work.
const ROWS: i64 = 32;
/// Numbers of a part, where rows are so narrow that these are more.
const NUMBERS: i64 = 8192;

/// Rows of `width` numbers that a part holds at most; `None`: no matter how many.
#[must_use]
pub fn most(width: i64, device: Device) -> Option<i64> {
    (device == Device::Cpu).then(|| ROWS.max(NUMBERS / width.max(1)))
}

/// The parts of a batch of `rows` rows of `width` numbers on `device`; one, of none, where there are no
/// rows.
#[must_use]
pub fn parts(rows: i64, width: i64, device: Device) -> Vec<Range<i64>> {
    let each = most(width, device).unwrap_or(rows).max(1);
    let count = (rows + each - 1).div_euclid(each).max(1);
    let part = |k: i64| k * each..rows.min((k + 1) * each);
    (0..count).map(part).collect()
}

/// What `work` makes of each of `parts`, in their order.
///
/// The threads are those of rayon's pool. Where one of them calls, because it has a part of something
/// larger, it does all the work itself. `work` may run on any thread: whether gradients are recorded is
/// its own to say.
pub fn each<P: Send, T: Send>(parts: Vec<P>, work: impl Fn(P) -> T + Sync) -> Vec<T> {
    let mut made = Vec::with_capacity(parts.len());
    in_order(parts, work, |t| made.push(t));
    made
}

/// As [`each`], but hands what was made to `take` as soon as all before it has been taken: what is not
/// kept is not held.
pub fn in_order<P: Send, T: Send>(
    parts: Vec<P>,
    work: impl Fn(P) -> T + Sync,
    mut take: impl FnMut(T) + Send,
) {
    let dropout = dropout_of_part();
    let work = |(k, part): (usize, P)| {
        one_thread();
        with_dropout(dropout, k as u64, || work(part))
    };
    let threads = rayon::current_num_threads().min(parts.len());
    let queue = parts.into_iter().enumerate();
    if threads < 2 || rayon::current_thread_index().is_some() {
        return queue.for_each(|part| take(work(part)));
    }
    let (queue, taken) = (Mutex::new(queue), Mutex::new(Taken::new(take)));
    let worker = || {
        loop {
            let next = locked(&queue).next();
            let Some((k, part)) = next else { break };
            let made = work((k, part));
            locked(&taken).add(k, made);
        }
    };
    rayon::scope(|scope| (0..threads).for_each(|_| scope.spawn(|_| worker())));
}

/// What was made out of order waits here.
struct Taken<T, F> {
    next: usize,
    waiting: BTreeMap<usize, T>,
    take: F,
}

impl<T, F: FnMut(T)> Taken<T, F> {
    fn new(take: F) -> Self {
        Self {
            next: 0,
            waiting: BTreeMap::new(),
            take,
        }
    }

    fn add(&mut self, k: usize, made: T) {
        self.waiting.insert(k, made);
        while let Some(made) = self.waiting.remove(&self.next) {
            (self.take)(made);
            self.next += 1;
        }
    }
}

/// A panic of another part ends the whole anyway.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Leaves libtorch one thread for what this thread computes. libtorch asks OpenMP, which counts for each
/// thread by itself.
pub fn one_thread() {
    thread_local!(static TOLD: Cell<bool> = const { Cell::new(false) });
    if !TOLD.replace(true) {
        tch::set_num_threads(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn parts_lie_end_to_end_and_a_gpu_gets_the_whole() {
        for rows in [0, 1, 31, 32, 33, 64, 100] {
            let found = parts(rows, 1000, Device::Cpu);
            assert_eq!((found[0].start, found[found.len() - 1].end), (0, rows));
            assert!(found.windows(2).all(|p| p[0].end == p[1].start));
            assert!(found.iter().all(|p| p.end - p.start <= ROWS));
            assert_eq!(parts(rows, 1000, Device::Cuda(0)).len(), 1);
        }
        assert_eq!(parts(4096, 2, Device::Cpu).len(), 1);
    }

    #[test]
    fn what_is_made_comes_in_the_order_of_the_parts_whatever_the_threads() {
        // The first part takes longest.
        let work = |k: u64| {
            thread::sleep(Duration::from_millis(9 - 3 * k.min(3)));
            k * k
        };
        let expected: Vec<u64> = (0..20).map(|k| k * k).collect();
        for threads in [1, 2, 3, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let pool = pool.build().unwrap();
            // From outside the pool and from one of its threads, which has to do it all.
            let found = pool.install(|| each((0..20).collect(), work));
            assert_eq!(found, expected);
        }
        assert_eq!(each((0..20).collect(), work), expected);
        assert_eq!(each(Vec::<u64>::new(), work), Vec::<u64>::new());
    }
}
