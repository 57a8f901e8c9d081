//! Whether the uncertainties of the measured lines are what their errors are.

use crate::base::statistics::median;
use crate::lines::{C_KMS, LINES, MeasuredLines, measure};
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// Fewest objects for statistics of a quantity.
const OBJECTS_MIN: usize = 10;
/// Scatter of a Gaussian over its median absolute deviation.
const GAUSSIAN: f64 = 1.4826;

/// Pulls, (measured − true)/uncertainty, of one quantity of one line over the objects that it is
/// measured in, both restored and true. The uncertainty of the value is σ·√(1 + 1/m) for draws of
/// standard deviation σ. Calibrated and Gaussian: median 0, scatter 1, 68.3 % and 95.4 % within 1 and 2.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LineCalibration {
    /// Name of the line.
    pub line: String,
    /// `peak` (normalised flux), `centroid` (km/s) or `equivalent width` (Å, rest frame).
    pub quantity: String,
    /// Objects with both measurements.
    pub objects: usize,
    /// Median uncertainty, in the unit of the quantity.
    #[serde(with = "super::json_nan")]
    pub uncertainty: f64,
    /// Median of |measured − true|, in the unit of the quantity.
    #[serde(with = "super::json_nan")]
    pub error: f64,
    /// Median pull.
    #[serde(with = "super::json_nan")]
    pub pull: f64,
    /// Scatter of the pulls, from their median absolute deviation.
    #[serde(with = "super::json_nan")]
    pub scatter: f64,
    /// Fractions of pulls within 1 and 2.
    pub within: [f64; 2],
}

const QUANTITIES: [&str; 3] = ["peak", "centroid", "equivalent width"];

/// Calibration of `measured` lines `[N]`, of `draws` draws, against `truth` [N, D], normalised by
/// `norm` `[N]`, of objects at redshifts `z` `[N]` whose pixels are at the observed wavelengths (Å, `[D]`)
/// that `observed` gives of each. Quantities that fewer than ten objects have are left out.
#[must_use]
pub fn line_calibrations(
    measured: &[MeasuredLines],
    draws: usize,
    truth: ArrayView2<f32>,
    norm: &[f64],
    observed: impl Fn(usize) -> Vec<f64>,
    z: &[f64],
) -> Vec<LineCalibration> {
    let factor = (1.0 + 1.0 / draws as f64).sqrt();
    let mut found: Vec<Vec<[f64; 2]>> = vec![Vec::new(); LINES.len() * QUANTITIES.len()];
    for (i, measured) in measured.iter().enumerate() {
        let truth = measure(&observed(i), truth.row(i), z[i]);
        for (line, (m, t)) in measured.iter().zip(truth).enumerate() {
            let centroid = t.centroid * (1.0 + z[i]);
            let pairs = [
                (m.peak, t.height * norm[i], norm[i]),
                (m.centroid, centroid, centroid / C_KMS),
                (m.width, t.width, 1.0),
            ];
            for (quantity, (m, true_value, unit)) in pairs.into_iter().enumerate() {
                let pair = [(m.value - true_value) / unit, m.error * factor / unit];
                if pair.iter().all(|v| v.is_finite()) && pair[1] > 0.0 {
                    found[line * QUANTITIES.len() + quantity].push(pair);
                }
            }
        }
    }
    let named = found
        .iter()
        .enumerate()
        .filter(|(_, f)| f.len() >= OBJECTS_MIN);
    named
        .map(|(i, f)| {
            let line = LINES[i / QUANTITIES.len()].name;
            calibration(line, QUANTITIES[i % QUANTITIES.len()], f)
        })
        .collect()
}

/// From pairs of error and uncertainty.
fn calibration(line: &str, quantity: &str, pairs: &[[f64; 2]]) -> LineCalibration {
    let pulls = || pairs.iter().map(|[error, uncertainty]| error / uncertainty);
    let pull = median(pulls());
    let within = |k: f64| pulls().filter(|p| p.abs() <= k).count() as f64 / pairs.len() as f64;
    LineCalibration {
        line: line.to_owned(),
        quantity: quantity.to_owned(),
        objects: pairs.len(),
        uncertainty: median(pairs.iter().map(|p| p[1])),
        error: median(pairs.iter().map(|p| p[0].abs())),
        pull,
        scatter: GAUSSIAN * median(pulls().map(|p| (p - pull).abs())),
        within: [within(1.0), within(2.0)],
    }
}
