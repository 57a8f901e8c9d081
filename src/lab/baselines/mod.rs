//! Baselines that sample with a diffusion prior, for linear Gaussian channels y = A x + n:
//!
//! * [`dps`]: diffusion posterior sampling (Chung et al. 2023). Its prior is trained on *clean* data
//!   and its guidance is the gradient of F: it has what selfsi never sees.
//! * [`em`]: expectation–maximisation with posterior sampling (Rozet et al. 2024), from the
//!   observations alone, but with A, its transpose and the noise's covariance.

pub mod dps;
pub mod em;
mod gaussian;
mod linear;
mod posterior;
mod prior;
mod sampler;
mod table;

pub use gaussian::Gaussian;
pub use linear::Linear;
pub use posterior::Posterior;
pub use prior::{Denoiser, Fit, Prior};
pub use table::{Settings, sampled};
