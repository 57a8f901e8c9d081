//! Reading while something else computes: one thread works ahead of another, a bounded way.

use std::sync::mpsc::{IntoIter, sync_channel};
use std::thread::Scope;

/// The items of `items`, in their order, made by a thread of their own while the caller is busy with
/// earlier ones: `depth` wait ready, one more is in the making, so that memory is bounded. The thread
/// ends when the items do, or when the iterator given back is dropped.
pub fn ahead<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    depth: usize,
    items: impl Iterator<Item = T> + Send + 'scope,
) -> IntoIter<T> {
    let (sender, receiver) = sync_channel(depth);
    scope.spawn(move || {
        for item in items {
            // Nobody takes any more: an error, or enough.
            if sender.send(item).is_err() {
                break;
            }
        }
    });
    receiver.into_iter()
}

#[cfg(test)]
mod tests {
    use super::ahead;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::scope;

    #[test]
    fn every_item_comes_once_and_in_order_through_several_stages() {
        let found: Vec<usize> = scope(|s| {
            let first = ahead(s, 1, 0..1000usize);
            ahead(s, 2, first.map(|i| 2 * i)).collect()
        });
        assert_eq!(found, (0..1000).map(|i| 2 * i).collect::<Vec<_>>());
    }

    #[test]
    fn no_more_are_made_than_the_depth_allows() {
        let made = AtomicUsize::new(0);
        scope(|s| {
            let items = (0..100).inspect(|_| _ = made.fetch_add(1, Ordering::SeqCst));
            let mut items = ahead(s, 3, items);
            for taken in 1..=50 {
                assert_eq!(items.next(), Some(taken - 1));
                // Those taken, three that wait and one that cannot be handed over yet.
                assert!(made.load(Ordering::SeqCst) <= taken + 4);
            }
        });
        assert!(made.load(Ordering::SeqCst) <= 54, "the rest is not wanted");
    }
}
