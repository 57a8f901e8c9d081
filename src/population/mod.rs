//! What the observations and the known channel tell of the population's mean and covariance.
//!
//! In the observed frame ([`learn`]), and in the rest frame of objects at known redshifts, whose
//! spectra are shifted by whole pixels to a common grid of ln λ_rest, where lines lie on lines:
//! [`RestPopulation`] is the Gaussian that they are drawn from, each with an amplitude of its own;
//! [`RestFilter`] its posterior, given an observation.

mod average;
mod banded;
mod blur;
mod channel;
pub(crate) mod fill;
mod filter;
mod gaussian_start;
mod image_learning;
mod image_population;
mod image_prior;
mod image_start;
mod joint;
mod joint_declared;
mod learned;
mod likelihood;
pub(crate) mod linalg;
mod local_level;
mod modes;
mod moments;
mod noise_law;
mod residues;
mod rest_bins;
mod rest_drift;
mod rest_em;
mod rest_erased;
mod rest_filter;
mod rest_grid;
mod rest_moments;
mod rest_parts;
mod rest_passed;
mod rest_population;
mod rest_seen;
mod rest_start;
mod rest_structure;
mod rest_sums;
mod scatter_table;
mod seen_patterns;
mod smooth;
mod structured;

pub use banded::BandMatrix;
pub use blur::blur_matrix;
pub use channel::Channel;
pub use fill::{interpolate, observed as fill_masked};
pub use filter::LinearFilter;
pub use gaussian_start::GaussianStart;
pub use image_population::ImagePopulation;
pub use image_start::ImageStart;
pub use joint::Joint;
pub use learned::learn;
pub use likelihood::Likelihood;
pub use linalg::{Cholesky, eigen};
pub use moments::{Accumulator, Learned, Moments};
pub use residues::Residues;
pub(crate) use residues::{FIBRES_MIN, ResidueSums};
pub use rest_drift::Drift;
pub use rest_filter::{Response, RestFilter, RestPosterior};
pub use rest_grid::RestGrid;
pub use rest_moments::RestMoments;
pub use rest_population::{Amplitudes, RestPopulation};
pub use rest_start::RestStart;
pub use rest_structure::Structure;
pub use smooth::smooth;
