//! What reproduces the paper and serves tests, not a user's survey.

pub mod baselines;
mod seeds_bars;
mod seeds_report;
pub mod study_report;
pub mod theory;
pub mod toy;

pub use study_report::report;
