//! Baselines that sample with a diffusion prior, for linear Gaussian channels y = A x + n:
//!
//! * [`dps`]: diffusion posterior sampling (Chung et al. 2023). Its prior is trained on *clean* data
//!   and its guidance is the gradient of F: it has what selfsi never sees.
//! * [`em`]: expectation–maximisation with posterior sampling (Rozet et al. 2024), from the
//!   observations alone, but with A, its transpose and the noise's covariance.
//!
//! And those of spectra, told the redshifts:
//!
//! * [`Empca`]: weighted principal components in the rest frame (Bailey 2012), from the observations alone;
//! * a U-Net of the run's size, fitted by Stein's estimate to the observations alone;
//! * the control: the run's network on clean pairs, which nobody has.

mod control;
mod descent;
pub mod dps;
pub mod em;
mod empca;
mod gaussian;
mod image_control;
mod linear;
mod peers;
mod posterior;
mod prior;
mod rows;
mod sampler;
mod settings;
mod sure_unet;
mod table;

pub use empca::{Coefficients, Empca};
pub use gaussian::Gaussian;
pub use linear::Linear;
pub use posterior::Posterior;
pub use prior::{Denoiser, Fit, Prior};
pub use rows::sampled;
pub use settings::Settings;
