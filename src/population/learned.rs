//! What the observations and the known channel tell of the clean population.

use super::channel::{Channel, correlations};
use super::moments::{Accumulator, Learned};
use crate::Result;
use crate::config::ForwardConfig;
use crate::data::{Block, LogGrid, RowBlock};
use ndarray::{Array1, Axis};

/// The channel of `forward` for these observations and the moments of the population behind them.
/// `blocks` gives all observations, and again the same when called again: memory does not grow with
/// their number. `noise_rho` `[D]` is the prepared set's noise correlation.
///
/// # Errors
/// The first error of `blocks`, and those of [`Channel::new`].
pub fn learn<I>(
    blocks: impl Fn() -> I,
    forward: &ForwardConfig,
    grid: &LogGrid,
    noise_rho: &[f32],
) -> Result<(Channel, Learned)>
where
    I: Iterator<Item = Result<Block>>,
{
    let rho = correlations(noise_rho);
    let mut sums = Accumulator::new(grid.pixels);
    let (mut lsf, mut seen) = (Array1::<f64>::zeros(grid.pixels), 0.0);
    for block in blocks() {
        let block = block?;
        sums.add_mean(block.flux.view(), block.ivar.view());
        lsf += &block.lsf.mapv(f64::from).sum_axis(Axis(0));
        seen += block.len() as f64;
    }
    lsf /= f64::max(seen, 1.0);
    let channel = Channel::new(forward, grid, &lsf.to_vec(), noise_rho)?;
    for block in blocks() {
        let block = block?;
        sums.add_products(block.flux.view(), block.ivar.view(), &rho);
    }
    let learned = sums.deconvolved(&channel);
    Ok((channel, learned))
}
