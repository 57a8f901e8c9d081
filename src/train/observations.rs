//! Observations of a prepared set as tensors.

use crate::base::tensors::tensor;
use crate::data::{Block, ImageBlock};
use crate::forward::{Latent, redshifts};
use tch::{Device, Tensor};

/// Rows read at once.
pub(super) const CHUNK: usize = 1024;

/// Observations with their latents.
#[derive(Debug)]
pub struct Observations {
    /// Normalised flux [N, D], 0 where masked.
    pub flux: Tensor,
    /// What is known of each row's corruption.
    pub latent: Latent,
}

impl Observations {
    /// Rows `index` (int64 `[n]`).
    #[must_use]
    pub fn select(&self, index: &Tensor) -> Self {
        Self {
            flux: self.flux.index_select(0, index),
            latent: self.latent.select(index),
        }
    }

    /// The `n` rows from `start` on.
    #[must_use]
    pub fn narrow(&self, start: i64, n: i64) -> Self {
        Self {
            flux: self.flux.narrow(0, start, n),
            latent: self.latent.narrow(start, n),
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
    pub fn filled(&self, random: &crate::base::random::Rows) -> Tensor {
        self.latent.fill_masked(&self.flux, random)
    }
}

/// A block of a prepared set as tensors.
#[must_use]
pub fn observations(block: &Block, device: Device) -> Observations {
    let ivar = tensor(&block.ivar, device);
    Observations {
        flux: tensor(&block.flux, device),
        latent: Latent::from_ivar(&ivar, &tensor(&block.lsf, device))
            .at(&redshifts(&block.z).to_device(device)),
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

/// The zeros of a line-spread function that there is not, without the memory for them.
pub(super) fn without_lsf(mut observations: Observations) -> Observations {
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
