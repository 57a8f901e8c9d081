//! The forward model F: a stochastic black box that turns clean data into observations.
//!
//! Everything above this module only *runs* F; nothing asks for its gradient.

mod gaussian;
mod latent;
mod noise;
mod quasar;
mod smooth;

pub use gaussian::Gaussian;
pub use latent::Latent;
pub use noise::CorrelatedNoise;
pub use quasar::Quasar;
pub use smooth::{Smoothing, gaussian_smooth_host};

use crate::catalog::LogGrid;
use crate::config::ForwardConfig;
use crate::random::Rows;
use tch::{Device, Tensor};

/// A stochastic channel y = F(x), run on batches.
pub trait ForwardModel: Send {
    /// Observes clean spectra `x` [B, D] (normalised flux) and returns y [B, D] together with the
    /// latent of that observation. `recorded` is the latent of the observations that x came from:
    /// what the channel takes as given (the mask; ivar and the line-spread function where the
    /// config says so) is kept, the rest is drawn afresh. Masked pixels of y hold standard normals.
    fn observe(&self, x: &Tensor, recorded: &Latent, random: &Rows) -> (Tensor, Latent);
}

/// The forward model of a config. `noise_rho` [D] is the prepared set's noise correlation.
#[must_use]
pub fn build(
    config: &ForwardConfig,
    grid: &LogGrid,
    noise_rho: &[f32],
    device: Device,
) -> Box<dyn ForwardModel> {
    let noise = CorrelatedNoise::new(noise_rho, device);
    match config {
        ForwardConfig::Gaussian { sigma } => Box::new(Gaussian::new(*sigma, noise)),
        ForwardConfig::Quasar {
            tilt,
            smoothing,
            noise: from,
        } => Box::new(Quasar::new(
            *tilt,
            smoothing.clone(),
            from.clone(),
            grid,
            noise,
            device,
        )),
    }
}
