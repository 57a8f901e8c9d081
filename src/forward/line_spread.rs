//! The line-spread function of a channel, of the width that its config says.

use super::latent::Latent;
use super::smooth::{Smoothing, recorded_widths, resolved};
use crate::config::SmoothingFrom;
use crate::data::LogGrid;
use tch::{Device, Tensor};

/// A Gaussian line-spread function.
#[derive(Debug)]
pub(super) struct LineSpread {
    from: SmoothingFrom,
    dln: f64,
    smoothing: Smoothing,
}

impl LineSpread {
    pub fn new(from: SmoothingFrom, grid: &LogGrid, device: Device) -> Self {
        Self {
            from,
            dln: grid.dln(),
            smoothing: Smoothing::new(grid.pixels, device),
        }
    }

    /// Smoothed flux of `x` and the width used at each pixel, both [B, D]; `uniform` draws a number of each
    /// row on (0, 1), [B, 1].
    pub fn apply(
        &self,
        x: &Tensor,
        recorded: &Latent,
        uniform: impl FnOnce() -> Tensor,
    ) -> (Tensor, Tensor) {
        match self.from {
            SmoothingFrom::Resolution { resolution, spread } => {
                let vary = (uniform() * 2.0 - 1.0) * spread + 1.0;
                // The inverse width is what varies: σ = 1/(R (1 ± spread)).
                let sigma = (vary * (resolution * self.dln)).reciprocal();
                (self.smoothing.uniform(x, &sigma), sigma.expand_as(x))
            }
            SmoothingFrom::Lsf => {
                let sigma = recorded_widths(recorded);
                (self.smoothing.per_pixel(x, &sigma), sigma)
            }
            SmoothingFrom::Matrix => (
                resolved(x, &recorded.resolution),
                recorded.lsf.shallow_clone(),
            ),
        }
    }
}
