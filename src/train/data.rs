//! The observations of a prepared set, on the device, split into a training and a held-out part.

use super::Clean;
use super::split::Split;
use crate::catalog::{Block, ImageBlock, ImageSet, Layout, Prepared};
use crate::config::TrainConfig;
use crate::forward::{ForwardModel, Latent};
use crate::random::{Purpose, derive};
use crate::{Error, Result};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::path::Path;
use tch::{Device, Tensor};

/// Rows read at once.
pub(super) const CHUNK: usize = 1024;

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

    /// The rows that `keep` names by their number.
    pub(super) fn kept(&self, keep: impl Fn(usize) -> bool) -> Self {
        let rows: Vec<i64> = (0..self.len()).filter(|k| keep(*k as usize)).collect();
        self.select(&Tensor::from_slice(&rows).to_device(self.flux.device()))
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
    /// Clean data (`[train.clean]`).
    pub clean: Option<Clean>,
}

impl Data {
    /// Reads the usable rows of `set`.
    ///
    /// # Errors
    /// [`Error::Input`] if the set cannot be read, or either part would be empty.
    pub fn load(set: &Prepared, seed: u64, train: &TrainConfig, device: Device) -> Result<Self> {
        let read = |rows| Ok(observations(&set.read(rows)?, device));
        let parts = Split { seed, train }.read(set.objects(), set.path(), &read)?;
        Ok(Self::of(set.layout(), parts))
    }

    /// As [`Data::load`], from a set of images.
    ///
    /// # Errors
    /// As [`Data::load`].
    pub fn load_images(
        set: &ImageSet,
        seed: u64,
        train: &TrainConfig,
        device: Device,
    ) -> Result<Self> {
        let read = |rows| Ok(image_observations(&set.read(rows)?, device));
        let parts = Split { seed, train }.read(set.objects(), set.path(), &read)?;
        Ok(Self::of(
            Layout::Images(set.header().layout.clone()),
            parts.map(without_lsf),
        ))
    }

    fn of(layout: Layout, [training, heldout]: [Observations; 2]) -> Self {
        Self {
            layout,
            training,
            heldout,
            clean: None,
        }
    }

    /// Whether the observations of `set` come with the latents that `forward` tells the network.
    ///
    /// # Errors
    /// [`Error::Input`] if they do not.
    pub fn check_latents(&self, forward: &dyn ForwardModel, set: &Path) -> Result<()> {
        let Layout::Images(image) = &self.layout else {
            return Ok(());
        };
        let (is, wanted) = ((image.vector, image.planes), forward.widths());
        if is == wanted {
            return Ok(());
        }
        let words = |(k, p): (usize, usize)| format!("{k} numbers and {p} planes per image");
        Err(Error::input(
            set,
            "vector, planes",
            format!("the corruption is described by {}", words(is)),
            format!("{}, which [forward] tells the network", words(wanted)),
            "make the observations with this [forward], or set latent = \"hidden\"",
        ))
    }
}

/// A block of a prepared set as tensors.
#[must_use]
pub fn observations(block: &Block, device: Device) -> Observations {
    let ivar = tensor(&block.ivar, device);
    Observations {
        flux: tensor(&block.flux, device),
        latent: Latent::from_ivar(&ivar, &tensor(&block.lsf, device)),
    }
}

/// A block of images as tensors; there is no line-spread function.
#[must_use]
pub fn image_observations(block: &ImageBlock, device: Device) -> Observations {
    let ivar = tensor(&block.ivar, device);
    Observations {
        flux: tensor(&block.pixels, device),
        latent: Latent {
            vector: tensor(&block.vector, device),
            planes: tensor(&block.planes, device),
            ..Latent::from_ivar(&ivar, &ivar.zeros_like())
        },
    }
}

fn tensor(a: &ndarray::Array2<f32>, device: Device) -> Tensor {
    let shape = [a.nrows() as i64, a.ncols() as i64];
    let standard = a.as_standard_layout();
    Tensor::from_slice(standard.as_slice().unwrap_or_default())
        .view(shape)
        .to_device(device)
}

/// The zeros of a line-spread function that there is not, without the memory for them.
fn without_lsf(mut observations: Observations) -> Observations {
    let lsf = &observations.latent.lsf;
    observations.latent.lsf = lsf
        .new_zeros([1, 1], (lsf.kind(), lsf.device()))
        .expand(lsf.size(), false);
    observations
}

pub(super) fn concatenate(parts: &[Observations]) -> Observations {
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
}
