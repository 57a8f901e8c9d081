//! Observations of a prepared set as tensors.

use crate::base::tensors::tensor;
use crate::base::workers;
use crate::data::{Block, ImageBlock, RowBlock};
use crate::forward::{Latent, levels, redshift_errors, redshifts};
use std::ops::Range;
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

    /// The rows shared out to all cores, each part with where it lies.
    #[must_use]
    pub fn parts(&self) -> Vec<(Self, Range<i64>)> {
        let parts = workers::parts(self.len(), self.flux.size()[1], self.flux.device());
        let part = |r: Range<i64>| (self.narrow(r.start, r.end - r.start), r);
        parts.into_iter().map(part).collect()
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

/// Rows of a prepared set that become tensors.
pub trait Observable: RowBlock {
    /// The rows on `device`, with what is known of the corruption of each.
    fn observations(&self, device: Device) -> Observations;
}

impl Observable for Block {
    fn observations(&self, device: Device) -> Observations {
        let ivar = tensor(&self.ivar, device);
        Observations {
            flux: tensor(&self.flux, device),
            latent: Latent {
                norm: levels(&self.norm).to_device(device),
                sky: tensor(&self.sky, device),
                resolution: tensor(&self.resolution, device),
                ..Latent::from_ivar(&ivar, &tensor(&self.lsf, device))
            }
            .at(&redshifts(&self.z).to_device(device))
            .unsure_by(&redshift_errors(&self.z, &self.z_err).to_device(device)),
        }
    }
}

impl Observable for ImageBlock {
    fn observations(&self, device: Device) -> Observations {
        let ivar = tensor(&self.ivar, device);
        // There is no line-spread function: zeros, without the memory for them.
        let lsf = ivar.new_zeros([1, 1], (ivar.kind(), ivar.device()));
        Observations {
            flux: tensor(&self.pixels, device),
            latent: Latent {
                vector: tensor(&self.vector, device),
                planes: tensor(&self.planes, device),
                psf: tensor(&self.psf, device),
                ..Latent::from_ivar(&ivar, &lsf.expand(ivar.size(), false))
            },
        }
    }
}

pub(super) fn concatenate(parts: &[Observations]) -> Observations {
    let flux: Vec<&Tensor> = parts.iter().map(|o| &o.flux).collect();
    let latents: Vec<&Latent> = parts.iter().map(|o| &o.latent).collect();
    Observations {
        flux: Tensor::cat(&flux, 0),
        latent: Latent::concatenate(&latents),
    }
}
