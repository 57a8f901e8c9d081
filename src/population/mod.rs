//! What the observations and the known channel tell of the clean population, in the rest frame.
//!
//! Spectra of objects at known redshifts are shifted by whole pixels to a common grid of ln λ_rest,
//! where lines lie on lines. [`RestPopulation`] is the Gaussian that they are drawn from, each times
//! an amplitude of its own; [`RestFilter`] its posterior, given an observation.

mod rest_filter;
mod rest_grid;
mod rest_population;
mod rest_structure;
mod rest_sums;

pub use rest_filter::{RestFilter, RestPosterior};
pub use rest_grid::RestGrid;
pub use rest_population::RestPopulation;
