//! Errors of the measured lines over a population.

use super::statistics::Errors;
use crate::base::statistics::median;
use crate::lines::{C_KMS, LINES, Measurement, measure};
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// Errors of one line over a population.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LineErrors {
    /// Name of the line.
    pub line: String,
    /// Median height in the truth, normalised flux.
    #[serde(with = "super::json_nan")]
    pub true_height: f64,
    /// Normalised flux.
    pub height: Errors,
    /// km/s.
    pub centroid: Errors,
}

/// Errors of every line in `restored` against `truth`, both [N, D], for objects at redshifts `z` `[N]` whose
/// pixels are at the observed wavelengths (Å, `[D]`) that `observed` gives of each.
#[must_use]
pub fn line_errors(
    restored: ArrayView2<f32>,
    truth: ArrayView2<f32>,
    observed: impl Fn(usize) -> Vec<f64>,
    z: &[f64],
) -> Vec<LineErrors> {
    let measured = |x: ArrayView2<f32>| -> Vec<[Measurement; LINES.len()]> {
        let rows = x.rows().into_iter().zip(z).enumerate();
        rows.map(|(i, (row, z))| measure(&observed(i), row, *z))
            .collect()
    };
    let (restored, truth) = (measured(restored), measured(truth));
    let of_line = |(i, line): (usize, &crate::lines::EmissionLine)| {
        let pairs = || restored.iter().zip(&truth).map(|(r, t)| (r[i], t[i]));
        let height: Vec<f64> = pairs().map(|(r, t)| r.height - t.height).collect();
        let centroid: Vec<f64> = pairs()
            .map(|(r, t)| (r.centroid / t.centroid - 1.0) * C_KMS)
            .collect();
        LineErrors {
            line: line.name.to_owned(),
            true_height: median(truth.iter().map(|m| m[i].height)),
            height: Errors::of(&height),
            centroid: Errors::of(&centroid),
        }
    };
    LINES.iter().enumerate().map(of_line).collect()
}
