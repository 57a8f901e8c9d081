//! Metrics of restorations against a known truth, and the baselines that they are compared with.
//!
//! Everything here works on arrays [N, D] of normalised flux; training never sees any of it.

mod bars;
mod blur;
mod channel;
mod fill;
mod filter;
pub mod images;
mod json_nan;
mod learned;
mod linalg;
mod lines;
mod modes;
mod moments;
mod noise_law;
mod population;
mod power;
mod report;
mod result;
mod sampling;
mod sliced;
mod smoothing;
mod statistics;
mod structured;
mod study;
mod survey;
mod table;
mod truth;

pub use bars::{bars, regime};
pub use blur::blur_matrix;
pub use channel::Channel;
pub use fill::{interpolate, observed as fill_masked};
pub use filter::LinearFilter;
pub use learned::learn;
pub use linalg::eigen;
pub use lines::{EmissionLine, LINES, LineErrors, Measurement, line_errors};
pub use moments::{Accumulator, Learned, Moments};
pub use population::{Band, band_rmse, rmse, scatter_ratio, standard_deviation};
pub use power::{band_edges, band_power, log_power, power_ratio};
pub use report::{load, report};
pub use result::{Bar, Distance, Evaluation, Kind, Regime, Row};
pub use sampling::{Answer, Method, Observed, Sampled, Samplers, Sampling};
pub use sliced::{Slices, SquaredDistance, population_distance, sliced_wasserstein};
pub use smoothing::{best_smoothing, gaussian_smooth};
pub use statistics::{Errors, median};
pub use study::{Candidate, Scored, TruePopulation, study};
pub use survey::{Outcome, RunFiles, evaluate_runs};
pub use table::{markdown, text};
pub use truth::Truth;
