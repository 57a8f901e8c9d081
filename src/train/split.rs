//! Which objects train, which validate and which take no part: decided by what an object is and the
//! seed alone.

use crate::base::random::{Purpose, derive_uniform};
use crate::config::TrainConfig;
use crate::data::Object;
use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::path::Path;

/// Whether an object is kept out of training: decided by what it is (its THING_ID where it has one,
/// else its name) and the seed alone, so that repeat observations stay on one side and a growing
/// catalog does not reshuffle.
#[must_use]
pub fn is_heldout(object: &Object, seed: u64, fraction: f64) -> bool {
    derive_uniform(seed, Purpose::Split, key(object)) < fraction
}

/// Whether an object trains: it is not held out and, where `[train] half` names one of two random
/// halves of the others, falls to that one.
#[must_use]
pub fn is_trained(object: &Object, seed: u64, train: &TrainConfig) -> bool {
    let half = || 1 + u8::from(derive_uniform(seed, Purpose::Halves, key(object)) >= 0.5);
    !is_heldout(object, seed, train.heldout) && train.half.is_none_or(|h| h == half())
}

/// A number for what the object is.
fn key(object: &Object) -> u64 {
    let digest = if object.thing_id > 0 {
        Sha256::digest(format!("THING_ID {}", object.thing_id))
    } else {
        Sha256::digest(&object.name)
    };
    let bytes = digest.iter().take(8);
    bytes.fold(0u64, |k, b| (k << 8) | u64::from(*b))
}

/// How the rows of a set are divided.
pub(super) struct Split<'a> {
    pub seed: u64,
    pub train: &'a TrainConfig,
}

impl Split<'_> {
    /// The usable rows of training and those held out, ascending.
    ///
    /// # Errors
    /// [`Error::Input`] (naming `path`) if there are none of either.
    pub fn of(&self, objects: &[Object], path: &Path) -> Result<[Vec<u32>; 2]> {
        let mut parts = [Vec::new(), Vec::new()];
        for (row, object) in (0..).zip(objects).filter(|(_, o)| o.flag == 0) {
            if is_trained(object, self.seed, self.train) {
                parts[0].push(row);
            }
            if is_heldout(object, self.seed, self.train.heldout) {
                parts[1].push(row);
            }
        }
        for (part, what) in parts.iter().zip(["training", "held-out"]) {
            if part.is_empty() {
                return Err(Error::input(
                    path,
                    "flag",
                    format!("no usable row falls to the {what} part"),
                    "both parts populated",
                    "prepare more rows or change train.heldout",
                ));
            }
        }
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heldout_fraction_is_respected_by_names_and_by_things() {
        let named = |i: i64| Object {
            name: format!("J{i}"),
            ..Object::default()
        };
        let thing = |i: i64| Object {
            thing_id: i,
            ..Object::default()
        };
        for object in [&named as &dyn Fn(i64) -> Object, &thing] {
            let n = (1..=20_000)
                .filter(|i| is_heldout(&object(*i), 5, 0.1))
                .count();
            assert!((1800..2200).contains(&n), "{n}");
        }
    }

    #[test]
    fn repeat_observations_of_one_thing_stay_on_one_side_whatever_they_are_called() {
        let observed = |thing_id, plate: i64| Object {
            name: format!("{plate}-55240-0001"),
            plate,
            thing_id,
            ..Object::default()
        };
        for thing in 1..200 {
            let sides = [3655, 7030, 11_353].map(|p| is_heldout(&observed(thing, p), 5, 0.5));
            assert!(sides.iter().all(|s| *s == sides[0]));
        }
        // Without a THING_ID (SDSS writes −1 or 0) the name decides.
        for unknown in [-1, 0] {
            let sides: Vec<bool> = (1..50)
                .map(|p| is_heldout(&observed(unknown, p), 5, 0.5))
                .collect();
            assert!(sides.contains(&true) && sides.contains(&false));
        }
    }

    #[test]
    fn the_halves_are_disjoint_about_equal_and_together_all_but_the_held_out() {
        let train = |half| TrainConfig {
            heldout: 0.2,
            half,
            ..TrainConfig::default()
        };
        let objects = (0..4000).map(|i| Object {
            name: format!("J{i}"),
            ..Object::default()
        });
        let mut counts = [0; 3];
        for o in objects {
            let [first, second, all] =
                [Some(1), Some(2), None].map(|h| is_trained(&o, 5, &train(h)));
            assert!(!(first && second) && all == (first || second));
            assert_eq!(all, !is_heldout(&o, 5, 0.2));
            for (n, yes) in counts.iter_mut().zip([first, second, !all]) {
                *n += usize::from(yes);
            }
        }
        // 1600, 1600, 800, give or take four standard deviations.
        assert!(
            counts[0].abs_diff(1600) < 124 && counts[2].abs_diff(800) < 102,
            "{counts:?}"
        );
    }
}
