//! Peak heights and centroids of the strong emission lines.
//!
//! Truth and restoration are measured in the same way, in the rest frame given by the object's
//! redshift. The spectrum is first smoothed by 300 km/s (σ), which no quasar line is narrower than;
//! then, inside the line's window,
//!
//! - the *height* is the maximum above the baseline,
//! - the *centroid* is the excess-weighted mean wavelength of the pixels around the maximum that
//!   rise above half of the height.
//!
//! The baseline is the straight line between the mean fluxes of two side bands, or the mean flux of
//! one where the other side is unusable: Lyα has the forest on its blue side and N V on its red one,
//! so its baseline is the continuum near 1285 Å; C IV's red side leaves the spectrum early. N V sits
//! on Lyα's red wing: its baseline is the chord from 1228–1231 Å, on the wing, to 1255–1260 Å, beyond
//! the line, so that its height is what N V adds to the wing (0 or less: no bump at all, and then no
//! centroid). A line is not measured (NaN) when a part of its window or side bands is outside the
//! spectrum.

use super::statistics::{Errors, median};
use ndarray::{ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

/// Laboratory vacuum wavelength of Lyman α, Å.
pub const LYMAN_ALPHA: f64 = 1215.67;
/// Speed of light, km/s.
const C_KMS: f64 = 299_792.458;
/// Smoothing before measuring, σ in km/s.
const SMOOTHING_KMS: f64 = 300.0;

/// An emission line and where to measure it; wavelengths in Å, rest frame, vacuum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EmissionLine {
    pub name: &'static str,
    /// Laboratory wavelength (of a doublet: the mean).
    pub rest: f64,
    pub window: [f64; 2],
    pub baseline: [Option<[f64; 2]>; 2],
}

/// The lines that the study measures.
pub const LINES: [EmissionLine; 4] = [
    EmissionLine {
        name: "Lyα",
        rest: LYMAN_ALPHA,
        window: [1205.0, 1230.0],
        baseline: [None, Some([1278.0, 1292.0])],
    },
    EmissionLine {
        name: "N V",
        rest: 1240.81,
        window: [1231.0, 1255.0],
        baseline: [Some([1228.0, 1231.0]), Some([1255.0, 1260.0])],
    },
    EmissionLine {
        name: "Si IV",
        rest: 1396.76,
        window: [1375.0, 1420.0],
        baseline: [Some([1345.0, 1355.0]), Some([1432.0, 1445.0])],
    },
    EmissionLine {
        name: "C IV",
        rest: 1549.06,
        window: [1515.0, 1575.0],
        baseline: [Some([1450.0, 1470.0]), None],
    },
];

/// One measured line; NaN where it cannot be measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measurement {
    /// Maximum above the baseline, in the flux's unit.
    pub height: f64,
    /// Å, rest frame.
    pub centroid: f64,
}

const NOT_MEASURED: Measurement = Measurement {
    height: f64::NAN,
    centroid: f64::NAN,
};

impl EmissionLine {
    /// Measures this line in `flux` [D] at `wavelength` [D] (observed, Å, evenly spaced in log) of an
    /// object at redshift `z`.
    #[must_use]
    pub fn measure(&self, wavelength: &[f64], flux: ArrayView1<f32>, z: f64) -> Measurement {
        let rest = |i: usize| wavelength[i] / (1.0 + z);
        let [low, high] = self.extent();
        let last = wavelength.len() - 1;
        if !z.is_finite() || rest(0) > low || rest(last) < high {
            return NOT_MEASURED;
        }
        let smooth = smoothed(wavelength, flux);
        let pixels = |band: [f64; 2]| {
            (0..wavelength.len()).filter(move |i| (band[0]..=band[1]).contains(&rest(*i)))
        };
        let level = |band: [f64; 2]| {
            let v: Vec<f64> = pixels(band).map(|i| smooth[i]).collect();
            (
                0.5 * (band[0] + band[1]),
                v.iter().sum::<f64>() / v.len() as f64,
            )
        };
        let baseline: Box<dyn Fn(f64) -> f64> = match self.baseline {
            [Some(a), Some(b)] => {
                let ((xa, ya), (xb, yb)) = (level(a), level(b));
                Box::new(move |x| ya + (yb - ya) * (x - xa) / (xb - xa))
            }
            [Some(a), None] | [None, Some(a)] => {
                let (_, y) = level(a);
                Box::new(move |_| y)
            }
            [None, None] => Box::new(|_| 0.0),
        };
        let excess: Vec<(f64, f64)> = pixels(self.window)
            .map(|i| (rest(i), smooth[i] - baseline(rest(i))))
            .collect();
        let Some(peak) = (0..excess.len()).max_by(|a, b| excess[*a].1.total_cmp(&excess[*b].1))
        else {
            return NOT_MEASURED;
        };
        let height = excess[peak].1;
        if !height.is_finite() {
            return NOT_MEASURED;
        }
        Measurement {
            height,
            centroid: centroid(&excess, peak),
        }
    }

    /// From the bluest to the reddest wavelength that the measurement needs.
    fn extent(&self) -> [f64; 2] {
        let bands = self.baseline.iter().flatten().chain([&self.window]);
        bands.fold([f64::INFINITY, 0.0], |e, b| {
            [e[0].min(b[0]), e[1].max(b[1])]
        })
    }
}

/// Mean wavelength of the pixels about `peak` above half of its height, weighted by the excess.
fn centroid(excess: &[(f64, f64)], peak: usize) -> f64 {
    let height = excess[peak].1;
    if height <= 0.0 {
        return f64::NAN;
    }
    let above = |i: &usize| excess[*i].1 >= 0.5 * height;
    let from = (0..=peak).rev().take_while(above).last().unwrap_or(peak);
    let to = (peak..excess.len())
        .take_while(above)
        .last()
        .unwrap_or(peak);
    let part = &excess[from..=to];
    let weight: f64 = part.iter().map(|e| e.1).sum();
    part.iter().map(|e| e.0 * e.1).sum::<f64>() / weight
}

fn smoothed(wavelength: &[f64], flux: ArrayView1<f32>) -> Vec<f64> {
    let d = wavelength.len();
    let step = (wavelength[d - 1] / wavelength[0]).ln() / (d - 1) as f64;
    let sigma = SMOOTHING_KMS / C_KMS / step;
    let reach = (4.0 * sigma).ceil() as usize;
    let kernel: Vec<f64> = (0..=reach)
        .map(|k| (-0.5 * (k as f64 / sigma).powi(2)).exp())
        .collect();
    (0..d)
        .map(|i| {
            let (mut sum, mut norm) = (0.0, 0.0);
            for j in i.saturating_sub(reach)..=(i + reach).min(d - 1) {
                let k = kernel[i.abs_diff(j)];
                sum += k * f64::from(flux[j]);
                norm += k;
            }
            sum / norm
        })
        .collect()
}

/// Errors of one line over a population.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LineErrors {
    pub line: String,
    /// Median height in the truth, normalised flux.
    #[serde(with = "super::json_nan")]
    pub true_height: f64,
    /// Normalised flux.
    pub height: Errors,
    /// km/s.
    pub centroid: Errors,
}

/// Errors of every line in `restored` against `truth`, both [N, D], for objects at redshifts `z` [N].
#[must_use]
pub fn line_errors(
    restored: ArrayView2<f32>,
    truth: ArrayView2<f32>,
    wavelength: &[f64],
    z: &[f64],
) -> Vec<LineErrors> {
    LINES
        .iter()
        .map(|line| {
            let measure = |x: ArrayView2<f32>| -> Vec<Measurement> {
                x.rows()
                    .into_iter()
                    .zip(z)
                    .map(|(row, z)| line.measure(wavelength, row, *z))
                    .collect()
            };
            let (r, t) = (measure(restored), measure(truth));
            let pairs = || r.iter().zip(&t);
            let height: Vec<f64> = pairs().map(|(r, t)| r.height - t.height).collect();
            let centroid: Vec<f64> = pairs()
                .map(|(r, t)| (r.centroid / t.centroid - 1.0) * C_KMS)
                .collect();
            LineErrors {
                line: line.name.to_owned(),
                true_height: median(t.iter().map(|m| m.height)),
                height: Errors::of(&height),
                centroid: Errors::of(&centroid),
            }
        })
        .collect()
}
