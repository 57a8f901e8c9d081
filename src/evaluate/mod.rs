//! Metrics of restorations against a known truth, and the baselines that they are compared with.
//!
//! Everything here works on arrays [N, D] of normalised flux; training never sees any of it.

mod bars;
mod calibration;
mod calibration_table;
mod catalogs;
pub(crate) mod cells;
mod continuum;
mod ensemble;
pub mod images;
mod json_nan;
mod line_calibration;
mod line_errors;
mod methods;
pub(crate) mod methods_table;
mod population;
mod power;
mod rest_frame;
mod restored_spectra;
mod result;
mod sampled;
mod sampling;
mod scored;
mod sliced;
mod smoothing;
mod statistics;
mod study;
mod survey;
pub(crate) mod table;

pub use bars::{bars, regime};

pub use calibration::{BINS, Calibration, Coverage, LEVELS, Mean, PixelCalibration, Tally};
pub use scored::{AtRest, Scored};

pub use continuum::{ContinuumErrors, WINDOWS, continuum_errors};

pub use ensemble::{Pit, crps};

pub use line_calibration::{LineCalibration, line_calibrations};
pub use line_errors::{LineErrors, line_errors};

pub use methods::{Method, Role};

pub use population::{Band, band_rmse, mae, rmse, scatter_ratio};
pub use power::{band_edges, band_power, log_power, power_ratio};

pub use result::{Bar, Distance, Evaluation, Kind, Regime, Row, load, load_calibration};
pub(crate) use sampling::evenly;
pub use sampling::{Answer, Baseline, ImagePairs, Observed, Sampled, Samplers, Sampling, Spectra};
pub use sliced::{Slices, SquaredDistance, population_distance, sliced_wasserstein};
pub use smoothing::{best_smoothing, gaussian_smooth};
pub use statistics::Errors;
pub use study::{Candidate, TruePopulation, study};
pub use survey::{Outcome, RunFiles, evaluate_runs};
pub use table::{markdown, text};
