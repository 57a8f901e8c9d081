//! The observations of training on the host, for what is learned from them before the training.

use super::data::Data;
use super::observations::Observations;
use crate::Result;
use crate::base::tensors::{matrix, numbers};
use crate::data::Block;

/// Rows on the host at once.
pub(super) const CHUNK: i64 = 1024;
/// Rows that it is learned from, at most: chunks evenly spread over a larger survey. What more would
/// add to mean and covariance is below the self-consistent loop's own errors, and costs two readings.
const LEARNED_FROM: i64 = 100 * CHUNK;

/// The training part, on the host; of a large one an even part.
pub(super) fn blocks(data: &Data) -> impl Iterator<Item = Result<Block>> + '_ {
    let o = &data.training;
    let chunks = o.len().div_euclid(CHUNK) + i64::from(o.len() % CHUNK > 0);
    let read = chunks.min(LEARNED_FROM / CHUNK);
    (0..read).map(move |k| {
        let start = k * chunks / read * CHUNK;
        let part = o.part(start..(start + CHUNK).min(o.len()))?;
        on_host(&part)
    })
}

/// Observations of spectra on the host.
///
/// # Errors
/// [`crate::Error::Torch`] if the numbers cannot be copied.
pub(super) fn on_host(o: &Observations) -> Result<Block> {
    let ivar = &o.latent.good / o.latent.sigma.square();
    Ok(Block {
        flux: matrix(&o.flux)?,
        ivar: matrix(&ivar)?,
        lsf: matrix(&o.latent.lsf)?,
        sky: matrix(&o.latent.sky)?,
        resolution: matrix(&o.latent.resolution)?,
        norm: numbers(&o.latent.norm)?
            .iter()
            .map(|n| f64::from(*n))
            .collect(),
        z: numbers(&o.latent.redshift)?
            .iter()
            .map(|l| f64::from(*l).exp_m1())
            .collect(),
        z_err: vec![f64::NAN; o.len() as usize],
    })
}
