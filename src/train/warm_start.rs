//! The Gaussian population that a warm start trains on: a sounder Θ0 than the identity.
//!
//! Its mean and covariance are those of the clean population to the extent that the observations and the
//! known channel tell them ([`crate::population::learn`]); no clean spectrum is seen. The map
//! that belongs to it is near the Wiener filter's; the self-consistent loop then makes it that of
//! the true, non-Gaussian population. The fixed point does not depend on where the loop starts.

use super::data::Data;
use crate::base::random::Rows;
use crate::base::tensors::{matrix, numbers};
use crate::config::ForwardConfig;
use crate::data::{Block, Layout};
use crate::population::{eigen, learn};
use crate::{Error, Result};
use ndarray::s;
use std::path::Path;
use tch::{Device, Tensor};

/// Rows on the host at once.
pub(super) const CHUNK: i64 = 1024;
/// Rows that it is learned from, at most: chunks evenly spread over a larger survey. What more would
/// add to mean and covariance is below the self-consistent loop's own errors, and costs two readings.
const LEARNED_FROM: i64 = 100 * CHUNK;
/// Modes with less than this part of the largest variance are left out.
const NEGLIGIBLE: f64 = 1e-9;

/// x = mean + factor · z with z standard normal.
#[derive(Debug)]
pub struct GaussianPopulation {
    /// [1, D].
    mean: Tensor,
    /// [K, D].
    factor: Tensor,
}

impl GaussianPopulation {
    /// Learned from the training part of `data`, of more than 100,000 observations an even part of so
    /// many, behind the channel of `forward`.
    ///
    /// # Errors
    /// [`Error::Input`] (naming `set`, where the data came from) if they hold no signal.
    pub fn learn(set: &Path, data: &Data, forward: &ForwardConfig, device: Device) -> Result<Self> {
        let Layout::Spectra { grid, noise_rho } = &data.layout else {
            return Err(Error::config(
                "config",
                "train.warm_start",
                "there is none for images",
                "give train.warm_start = 0",
            ));
        };
        let (_, learned) = learn(|| blocks(data), forward, grid, noise_rho)?;
        let moments = learned.moments;
        let (variances, vectors) = eigen(&moments.covariance);
        let largest = variances.first().copied().unwrap_or(0.0);
        let modes = variances
            .iter()
            .take_while(|v| **v > NEGLIGIBLE * largest && largest > 0.0)
            .count();
        if modes == 0 {
            return Err(Error::input(
                set,
                "flux, ivar",
                "the observations show no signal above their noise: no warm start is possible",
                "spectra that vary by more than their noise",
                "check ivar with selfsi inspect, or set train.warm_start = 0",
            ));
        }
        let scale = variances.slice(s![..modes]).mapv(f64::sqrt);
        let factor = &vectors.slice(s![.., ..modes]) * &scale;
        let factor: Vec<f32> = factor.t().iter().map(|v| *v as f32).collect();
        let mean: Vec<f32> = moments.mean.iter().map(|v| *v as f32).collect();
        Ok(Self {
            mean: Tensor::from_slice(&mean).unsqueeze(0).to_device(device),
            factor: Tensor::from_slice(&factor)
                .view([modes as i64, mean.len() as i64])
                .to_device(device),
        })
    }

    /// One spectrum for each of the rows of `random`, [B, D].
    pub fn draw(&self, random: &Rows) -> Tensor {
        let z = random.normal(0, self.factor.size()[0]);
        &self.mean + z.matmul(&self.factor)
    }
}

/// The training part, on the host; of a large one an even part.
pub(super) fn blocks(data: &Data) -> impl Iterator<Item = Result<Block>> + '_ {
    let o = &data.training;
    let chunks = o.len().div_euclid(CHUNK) + i64::from(o.len() % CHUNK > 0);
    let read = chunks.min(LEARNED_FROM / CHUNK);
    (0..read).map(move |k| {
        let start = k * chunks / read * CHUNK;
        let part = o.part(start..(start + CHUNK).min(o.len()))?;
        let ivar = &part.latent.good / part.latent.sigma.square();
        Ok(Block {
            flux: matrix(&part.flux)?,
            ivar: matrix(&ivar)?,
            lsf: matrix(&part.latent.lsf)?,
            z: numbers(&part.latent.redshift)?
                .iter()
                .map(|l| f64::from(*l).exp_m1())
                .collect(),
        })
    })
}
