//! The theory in numbers: Gaussian π behind additive Gaussian noise, where the whole sequence π_k,
//! its KL to π and the constants of Theorem 1 and Corollary 1 have closed forms.
//!
//! Double precision and plain numbers: nothing here knows of tensors, data or networks.

mod bounds;
mod gaussian;
mod integral;
mod path;
mod report;

pub use bounds::{Visited, chi, kl, regularity};
pub use gaussian::{Case, Iterate};
pub use path::Path;
pub use report::Report;
