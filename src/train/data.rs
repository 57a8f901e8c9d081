//! The observations of a prepared set, on the device, split into a training and a held-out part.

use crate::catalog::{Layout, Object, Prepared};
use crate::forward::Latent;
use crate::random::{Purpose, derive};
use crate::{Error, Result};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use tch::{Device, Tensor};

/// Rows read at once.
const CHUNK: usize = 1024;

/// Observations with their latents.
#[derive(Debug)]
pub struct Observations {
    /// Normalised flux [N, D], 0 where masked.
    pub flux: Tensor,
    pub latent: Latent,
}

impl Observations {
    /// Rows `index` (int64 [n]).
    #[must_use]
    pub fn select(&self, index: &Tensor) -> Self {
        Self {
            flux: self.flux.index_select(0, index),
            latent: self.latent.select(index),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> i64 {
        self.flux.size()[0]
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The observation as the transport takes it: masked pixels hold standard normals.
    pub fn filled(&self, random: &crate::random::Rows) -> Tensor {
        self.latent.fill_masked(&self.flux, random)
    }
}

/// A prepared set in memory.
#[derive(Debug)]
pub struct Data {
    pub layout: Layout,
    pub training: Observations,
    pub heldout: Observations,
}

/// Whether an object is kept out of training: decided by what it is (its THING_ID where it has one,
/// else its name) and the seed alone, so that repeat observations stay on one side and a growing
/// catalog does not reshuffle.
#[must_use]
pub fn is_heldout(object: &Object, seed: u64, fraction: f64) -> bool {
    let digest = if object.thing_id > 0 {
        Sha256::digest(format!("THING_ID {}", object.thing_id))
    } else {
        Sha256::digest(&object.name)
    };
    let key = digest
        .iter()
        .take(8)
        .fold(0u64, |k, b| (k << 8) | u64::from(*b));
    (derive(seed, Purpose::Split, key) >> 11) as f64 / ((1u64 << 53) as f64) < fraction
}

impl Data {
    /// Reads the usable rows of `set`.
    ///
    /// # Errors
    /// [`Error::Input`] if the set cannot be read, or either part would be empty.
    pub fn load(set: &Prepared, seed: u64, heldout: f64, device: Device) -> Result<Self> {
        let mut parts = [Vec::new(), Vec::new()];
        let objects = set.objects();
        for start in (0..set.len()).step_by(CHUNK) {
            let end = (start + CHUNK).min(set.len());
            let block = set.read(start..end)?;
            let chunk = observations(&block, device);
            for (side, part) in parts.iter_mut().enumerate() {
                let rows: Vec<i64> = (start..end)
                    .filter(|i| objects[*i].flag == 0)
                    .filter(|i| is_heldout(&objects[*i], seed, heldout) == (side == 1))
                    .map(|i| (i - start) as i64)
                    .collect();
                part.push(chunk.select(&Tensor::from_slice(&rows).to_device(device)));
            }
        }
        let [training, heldout] = parts.map(|p| concatenate(&p));
        for (part, what) in [(&training, "training"), (&heldout, "held-out")] {
            if part.is_empty() {
                return Err(Error::input(
                    set.path(),
                    "flag",
                    format!("no usable spectrum falls to the {what} part"),
                    "both parts populated",
                    "prepare more spectra or change train.heldout",
                ));
            }
        }
        Ok(Self {
            layout: set.layout(),
            training,
            heldout,
        })
    }
}

/// A block of a prepared set as tensors.
#[must_use]
pub fn observations(block: &crate::catalog::Block, device: Device) -> Observations {
    let tensor = |a: &ndarray::Array2<f32>| {
        let shape = [a.nrows() as i64, a.ncols() as i64];
        let standard = a.as_standard_layout();
        Tensor::from_slice(standard.as_slice().unwrap_or_default())
            .view(shape)
            .to_device(device)
    };
    let ivar = tensor(&block.ivar);
    Observations {
        flux: tensor(&block.flux),
        latent: Latent::from_ivar(&ivar, &tensor(&block.lsf)),
    }
}

fn concatenate(parts: &[Observations]) -> Observations {
    let flux: Vec<&Tensor> = parts.iter().map(|o| &o.flux).collect();
    let latents: Vec<&Latent> = parts.iter().map(|o| &o.latent).collect();
    Observations {
        flux: Tensor::cat(&flux, 0),
        latent: Latent::concatenate(&latents),
    }
}

/// Batches in shuffled epochs: every observation once per epoch, in an order that depends on the
/// seed and the epoch alone.
#[derive(Debug)]
pub struct Sampler {
    seed: u64,
    n: u64,
    batch: u64,
    epoch: Option<(u64, Vec<i64>)>,
}

impl Sampler {
    /// Batches of `batch` out of `n` observations.
    #[must_use]
    pub fn new(seed: u64, n: i64, batch: usize) -> Self {
        Self {
            seed,
            n: n as u64,
            batch: batch as u64,
            epoch: None,
        }
    }

    /// The rows of step `step`, int64 [batch]; a batch may run into the next epoch.
    pub fn rows(&mut self, step: u64) -> Vec<i64> {
        (step * self.batch..(step + 1) * self.batch)
            .map(|i| self.row(i / self.n, i % self.n))
            .collect()
    }

    fn row(&mut self, epoch: u64, position: u64) -> i64 {
        if self.epoch.as_ref().is_none_or(|(e, _)| *e != epoch) {
            let mut order: Vec<i64> = (0..self.n as i64).collect();
            let seed = derive(self.seed, Purpose::Shuffle, epoch);
            order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
            self.epoch = Some((epoch, order));
        }
        self.epoch
            .as_ref()
            .map_or(0, |(_, order)| order[position as usize])
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
}
