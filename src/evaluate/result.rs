//! What a study finds, in the form of evaluation.json.

use super::calibration::Calibration;
use super::continuum::ContinuumErrors;
use super::line_errors::LineErrors;
use super::methods::Method;
use crate::base::regular;
use crate::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What a row of the study's table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Clean spectra of other objects: what a perfect restoration's population is measured as.
    Clean,
    /// The truth without the modes that the channel erases: what could be known of each object at best.
    Passed,
    /// The observations, masked pixels interpolated.
    Observed,
    /// Gaussian smoothing, its one width tuned on the truth.
    Smoothing,
    /// Linear filter with moments learned from the observations and the known channel.
    Wiener,
    /// Linear filter with the true moments and each spectrum's own noise.
    Oracle,
    /// The same with the population's mean noise: one filter for all.
    OracleOne,
    /// The oracle for a population without the erased modes: the best linear estimate whose moments
    /// observations can teach.
    OraclePassed,
    /// One draw per spectrum with the true moments: how near to the population a single restoration
    /// can be expected to come with this many spectra.
    OracleDraw,
    /// Posterior mean under a Gaussian population in the rest frame, learned from the observations.
    RestWiener,
    /// A draw of the same posterior.
    RestDraw,
    /// The same mean with the true moments in the rest frame.
    RestOracle,
    /// A draw by diffusion posterior sampling, from clean data and the gradient of F.
    Dps,
    /// A draw under the prior that EM with posterior sampling finds.
    EmPosterior,
    /// Weighted principal components in the rest frame, fitted to the observation by least squares.
    Empca,
    /// The same coefficients off by a draw of their errors.
    EmpcaDraw,
    /// A network's estimate, fitted by Stein's unbiased risk estimate to the observations alone.
    SureUnet,
    /// The run's network fitted to clean pairs: its mean.
    Control,
    /// A draw about that mean.
    ControlDraw,
    /// A restoration by the ODE.
    Ode,
    /// One SDE draw per spectrum.
    Draw,
    /// The mean of the SDE draws.
    Mean,
}

impl Kind {
    /// Whether the row holds single restorations, which should look like the clean population.
    #[must_use]
    pub fn is_single(self) -> bool {
        matches!(self, Self::Ode | Self::Draw)
    }

    /// Whether a user without truth could have it, other than by selfsi.
    #[must_use]
    pub fn is_user_baseline(self) -> bool {
        matches!(
            self,
            Self::Observed
                | Self::Smoothing
                | Self::Wiener
                | Self::RestWiener
                | Self::EmPosterior
                | Self::Empca
                | Self::SureUnet
        )
    }
}

/// A sliced Wasserstein distance to the clean population, corrected for the floor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Distance {
    /// In normalised flux, or in natural-log power; 0 where the estimate of its square is negative.
    #[serde(with = "super::json_nan")]
    pub value: f64,
    /// Standard error.
    #[serde(with = "super::json_nan")]
    pub error: f64,
    /// Over the best smoothing's.
    #[serde(with = "super::json_nan")]
    pub over_smoothing: f64,
}

/// One row of the table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// What the row is called in the table.
    pub name: String,
    /// What made the restorations.
    pub kind: Kind,
    /// Over all pixels, normalised flux; then over the forest and redward of Lyα.
    pub rmse: f64,
    /// Mean absolute error over all pixels, normalised flux; NaN in evaluations of earlier versions.
    #[serde(default = "super::json_nan::nan", with = "super::json_nan")]
    pub mae: f64,
    /// RMSE over the forest, blueward of Lyα.
    #[serde(with = "super::json_nan")]
    pub rmse_forest: f64,
    /// RMSE redward of Lyα.
    #[serde(with = "super::json_nan")]
    pub rmse_red: f64,
    /// RMSE over the oracle's; NaN without one.
    #[serde(with = "super::json_nan")]
    pub rmse_over_oracle: f64,
    /// Distances to the clean population: of whole spectra (normalised flux), of contrasts in short
    /// windows (small-scale structure), and of natural-log band powers.
    pub whole: Distance,
    /// Of contrasts in short windows.
    pub local: Distance,
    /// Of natural-log band powers.
    pub power: Distance,
    /// Mean power over the truth's, per band.
    pub power_ratio: Vec<f64>,
    /// Standard deviation over objects, over the truth's: medians over pixels.
    #[serde(with = "super::json_nan")]
    pub scatter_forest: f64,
    /// The same redward of Lyα.
    #[serde(with = "super::json_nan")]
    pub scatter_red: f64,
    /// Errors of the emission lines.
    pub lines: Vec<LineErrors>,
    /// Errors relative to the unabsorbed continuum, where the truth holds that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub continuum: Vec<ContinuumErrors>,
}

/// A bar that the study sets itself, and whether it is met.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// The bar in words.
    pub text: String,
    /// What was reached.
    #[serde(with = "super::json_nan")]
    pub value: f64,
    /// What `value` must not exceed.
    pub limit: f64,
    /// Whether it does.
    pub met: bool,
    /// Standard error of `value`; NaN where none is estimated.
    #[serde(with = "super::json_nan")]
    pub error: f64,
    /// What the oracle's own draws reach; NaN where they are no measure of it.
    #[serde(with = "super::json_nan")]
    pub oracle_draw: f64,
    /// What is reached with all that the channel leaves of the spectra and nothing else: by the truth
    /// without the erased modes (distances), by the oracle without them (RMSE).
    #[serde(with = "super::json_nan")]
    pub attainable: f64,
}

/// Which of the paper's two regimes the observations are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Regime {
    /// Noise dominates.
    LowSnr,
    /// Smoothing dominates.
    LowResolution,
    /// Neither.
    Other,
}

/// The study's result.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Evaluation {
    /// Version of selfsi that measured.
    pub selfsi: String,
    /// The run's name.
    pub run: String,
    /// What the channel does to the spectra.
    pub regime: Regime,
    /// Held-out spectra that were scored.
    pub spectra: usize,
    /// Spectra behind the learned and the true moments; none are learned where the channel has no
    /// closed form.
    pub learned_from: usize,
    /// Spectra behind the true moments.
    pub oracle_from: usize,
    /// Median S/N per pixel of the scored observations.
    pub snr: f64,
    /// Width of the channel's smoothing, σ in pixels; NaN where the channel has no closed form.
    #[serde(with = "super::json_nan")]
    pub blur_pixels: f64,
    /// Best width of Gaussian smoothing, σ in pixels.
    pub smoothing_pixels: f64,
    /// Modes that the channel leaves, out of as many as there are pixels.
    pub passed_modes: usize,
    /// Pixels of a spectrum, D.
    pub pixels: usize,
    /// Plain distances (whole, local, power) between the scored objects' truth and as many clean
    /// spectra of other objects: what the corrected ones are free of.
    pub floor: [f64; 3],
    /// Edges of the power bands, cycles per spectrum.
    pub power_bands: Vec<usize>,
    /// One for each restoration and baseline.
    pub rows: Vec<Row>,
    /// Those of the study.
    pub bars: Vec<Bar>,
    /// Of the draws of every SDE catalog.
    #[serde(default)]
    pub calibration: Vec<Calibration>,
    /// Which rows and calibrations belong to one method, with --baselines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<Method>,
    /// How the baselines that sample were made, or why there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Evaluation {
    /// The first row of a kind.
    #[must_use]
    pub fn row(&self, kind: Kind) -> Option<&Row> {
        self.rows.iter().find(|r| r.kind == kind)
    }
}

/// Reads the `evaluation.json` of a run folder (or that file itself).
///
/// # Errors
/// [`Error::Run`] if there is none, or it is of another version.
pub fn load(run: &Path) -> Result<Evaluation> {
    parsed(run)
}

/// The calibration in the `evaluation.json` of a run folder (or in that file itself), of spectra or images.
///
/// # Errors
/// As [`load`].
pub fn load_calibration(run: &Path) -> Result<Vec<Calibration>> {
    #[derive(Deserialize)]
    struct Part {
        #[serde(default)]
        calibration: Vec<Calibration>,
    }
    parsed::<Part>(run).map(|part| part.calibration)
}

fn parsed<T: DeserializeOwned>(run: &Path) -> Result<T> {
    let path = if run.is_dir() {
        run.join("evaluation.json")
    } else {
        run.to_path_buf()
    };
    let fix = "make it: selfsi evaluate RUN --truth FILE";
    let text = regular::read_to_string(&path).map_err(|e| Error::run(&path, e, fix))?;
    serde_json::from_str(&text).map_err(|e| Error::run(&path, e, fix))
}
