//! What an evaluation of images finds, in the form of evaluation.json.

use super::psnr::DataRange;
use super::shape_errors::{CatalogShapes, ShapeErrors};
use crate::base::statistics::median;
use crate::evaluate::calibration::Calibration;
use crate::evaluate::json_nan;
use serde::{Deserialize, Serialize};

/// What a row of the table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageKind {
    /// The observations, lost pixels at the channel's mean.
    Observed,
    /// A classical method, its one parameter tuned on the truth.
    Baseline,
    /// A draw by diffusion posterior sampling, from clean data and the gradient of F.
    Dps,
    /// A draw under the prior that EM with posterior sampling finds.
    EmPosterior,
    /// A restoration by the ODE.
    Ode,
    /// One SDE draw per image.
    Draw,
    /// The mean of the SDE draws.
    Mean,
}

/// A measure over the images, with standard errors. NaN where it could not be measured (`null` in
/// the file), also where a value is infinite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Statistic {
    /// Over the images.
    #[serde(with = "json_nan")]
    pub mean: f64,
    /// Scatter / √N.
    #[serde(with = "json_nan")]
    pub mean_error: f64,
    /// Over the images.
    #[serde(with = "json_nan")]
    pub median: f64,
    /// Half the distance of the order statistics √N/2 below and above the median: one standard error
    /// whatever the distribution.
    #[serde(with = "json_nan")]
    pub median_error: f64,
}

impl Statistic {
    /// Of one value per image.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = (n - 1.0) / 2.0;
        let at = |shift: f64| {
            let place = (middle + shift * n.sqrt() / 2.0).round().max(0.0) as usize;
            sorted.get(place.min(sorted.len().saturating_sub(1)))
        };
        let median_error = match (at(-1.0), at(1.0)) {
            (Some(low), Some(high)) if n > 1.0 => (high - low) / 2.0,
            _ => f64::NAN,
        };
        Self {
            mean,
            mean_error: (variance / n).sqrt(),
            median: median(values.iter().copied()),
            median_error,
        }
    }
}

/// One row of the table. Errors refer to the values that [`ImageEvaluation::unit`] names.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImageRow {
    /// What the row is called in the table.
    pub name: String,
    /// What made the restorations.
    pub kind: ImageKind,
    /// Root of the mean square error of each image.
    pub rmse: Statistic,
    /// dB.
    pub psnr: Statistic,
    /// Structural similarity, at most 1.
    pub ssim: Statistic,
    /// Sliced Wasserstein distance to the clean population per pixel, free of the finite sample's
    /// own, in the same unit as `rmse`, and its standard error.
    #[serde(with = "json_nan")]
    pub distance: f64,
    /// Its standard error.
    #[serde(with = "json_nan")]
    pub distance_error: f64,
    /// With `--lpips`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lpips: Option<Statistic>,
    /// With `--fid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fid: Option<f64>,
    /// With `restore.shapes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shapes: Option<ShapeErrors>,
}

/// The result.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImageEvaluation {
    /// Version of selfsi that measured.
    pub selfsi: String,
    /// The run's name.
    pub run: String,
    /// Channels, height, width.
    pub shape: [usize; 3],
    /// Held-out images that were scored.
    pub images: usize,
    /// Held-out, usable images left out because a restoration is not finite, and because the truth
    /// lacks them or has missing pixels.
    pub not_finite: usize,
    /// Left out for want of a complete truth.
    pub without_truth: usize,
    /// What the pixel values are in: the file's unit, or its asinh stretch.
    pub unit: String,
    /// Data range of PSNR and SSIM.
    pub range: DataRange,
    /// Features F of the network of `--fid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<usize>,
    /// Observations that the Wiener filter's power spectrum comes from.
    pub learned_from: usize,
    /// Baselines that do not apply, and why.
    pub left_out: Vec<String>,
    /// How the baselines that sample were made, or why there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// One for each restoration and baseline.
    pub rows: Vec<ImageRow>,
    /// What the tables of the restored files say of shapes, one for each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub catalogs: Vec<CatalogShapes>,
    /// Of the draws of each restored file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calibration: Vec<Calibration>,
}

impl ImageEvaluation {
    /// What the numbers should not be trusted for.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let n = self.images;
        let few = self.features.filter(|f| n < *f).map(|f| {
            format!(
                "FID from {n} images in {f} features: the covariances are singular and the value is biased upwards; \
                 restore more than {f} held-out images"
            )
        });
        let lost = (self.not_finite > 0).then(|| {
            format!(
                "{} restorations are not finite and were left out",
                self.not_finite
            )
        });
        few.into_iter().chain(lost).collect()
    }
}
