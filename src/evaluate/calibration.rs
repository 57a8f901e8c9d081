//! Whether the truth lies among the draws as one more draw would: PIT, coverage, CRPS.
//!
//! Every number is a mean over objects of the mean over an object's pixels, and its error comes
//! from the scatter over the objects: pixels of one object are correlated, objects are not.

use super::ensemble::{Pit, crps};
use super::line_calibration::LineCalibration;
use super::population::Band;
use crate::base::statistics::standard_deviation;
use ndarray::{ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

/// Bins of the PIT histogram.
pub const BINS: usize = 10;
/// Nominal coverages of the central intervals.
pub const LEVELS: [f64; 4] = [0.50, 0.68, 0.90, 0.95];

/// Calibration of the draws of one catalog.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Calibration {
    /// The draws, as the table of restorations names their mean.
    pub name: String,
    /// Draws of each object.
    pub draws: usize,
    /// Pixel by pixel: all of them, then of spectra the forest and the red side, of images those that were
    /// seen and those that were lost. Empty where the catalog does not hold the draws.
    pub pixels: Vec<PixelCalibration>,
    /// Empty where the catalog holds no measured lines.
    #[serde(default)]
    pub lines: Vec<LineCalibration>,
}

/// A mean over objects with its standard error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    /// The mean; NaN of no objects.
    #[serde(with = "super::json_nan")]
    pub value: f64,
    /// Its standard error.
    #[serde(with = "super::json_nan")]
    pub error: f64,
}

/// Coverage of the central interval of probability `nominal`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Probability that the interval should have.
    pub nominal: f64,
    /// Part of the truth inside it.
    pub found: Mean,
}

/// Calibration of a part of the pixels.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PixelCalibration {
    /// Which pixels: all, or a part of them.
    pub part: String,
    /// Objects with such pixels.
    pub objects: usize,
    /// Fraction of the truth in each tenth of the PIT; 0.1 throughout if calibrated.
    pub pit: Vec<Mean>,
    /// Mean of ((pit − 0.1)/error)² over the bins: 1 is expected if calibrated.
    #[serde(with = "super::json_nan")]
    pub pit_chi2: f64,
    /// So many independent values would have the errors of `pit`: fewer than there are pixels, since
    /// the pixels of an object go together.
    #[serde(with = "super::json_nan")]
    pub effective: f64,
    /// At [`LEVELS`].
    pub coverage: Vec<Coverage>,
    /// Fair CRPS, of spectra of the normalised flux, of images of the values as they are shown.
    pub crps: Mean,
    /// √(mean variance of the draws · (1 + 1/m)) over the RMSE of their mean: 1 if calibrated, below
    /// if over-confident.
    #[serde(with = "super::json_nan")]
    pub spread_over_error: f64,
}

/// What is scored of one pixel, or the mean over the pixels of an object: the bins of the PIT, the
/// coverages, then CRPS, variance of the draws and squared error of their mean.
type Scores = [f64; SQUARE + 1];
const COVERAGE: usize = BINS;
const CRPS: usize = COVERAGE + LEVELS.len();
const VARIANCE: usize = CRPS + 1;
const SQUARE: usize = VARIANCE + 1;

/// The parts of a spectrum that are distinguished.
const PARTS: [(&str, Option<Band>); 3] = [
    ("all pixels", None),
    ("forest", Some(Band::Forest)),
    ("red side", Some(Band::Red)),
];

/// Collects objects.
#[derive(Debug, Clone)]
pub struct Tally {
    /// Scores of the objects, for each part by its name.
    parts: Vec<(&'static str, Vec<Scores>)>,
    draws: usize,
}

impl Tally {
    /// Of all pixels of a spectrum, of its forest and of its red side.
    #[must_use]
    pub fn of_spectra() -> Self {
        Self::of_parts(&PARTS.map(|(part, _)| part))
    }

    /// Of the parts of these names.
    #[must_use]
    pub fn of_parts(names: &[&'static str]) -> Self {
        Self {
            parts: names.iter().map(|name| (*name, Vec::new())).collect(),
            draws: 0,
        }
    }

    /// Adds a spectrum at redshift `z` to a tally of spectra, as [`Tally::add`], on `wavelength` `[D]` (Å, in the
    /// frame that `z` is against).
    pub fn add_spectrum(
        &mut self,
        draws: ArrayView2<f32>,
        truth: ArrayView1<f32>,
        wavelength: &[f64],
        z: f64,
    ) {
        let inside =
            |part: usize, j: usize| PARTS[part].1.is_none_or(|b| b.holds(wavelength[j], z));
        self.add(draws, truth, &inside);
    }

    /// Adds an object: its `draws` [m, D], m ≥ 2 as for all objects, and its `truth` `[D]`, in the same unit;
    /// `belongs` tells whether a part, by its number, has a pixel. An object with draws that are not finite is
    /// left out, and so are pixels whose truth is NaN.
    pub fn add(
        &mut self,
        draws: ArrayView2<f32>,
        truth: ArrayView1<f32>,
        belongs: &dyn Fn(usize, usize) -> bool,
    ) {
        if draws.nrows() < 2 || draws.iter().any(|v| !v.is_finite()) {
            return;
        }
        self.draws = draws.nrows();
        let columns = draws.columns().into_iter().zip(truth);
        let pixels: Vec<Scores> = columns.map(|(x, y)| scores(x.to_vec(), *y)).collect();
        for (part, (_, objects)) in self.parts.iter_mut().enumerate() {
            let inside = |j: &usize| !truth[*j].is_nan() && belongs(part, *j);
            let chosen: Vec<&Scores> = (0..pixels.len())
                .filter(inside)
                .map(|j| &pixels[j])
                .collect();
            if !chosen.is_empty() {
                let mean =
                    |k: usize| chosen.iter().map(|s| s[k]).sum::<f64>() / chosen.len() as f64;
                objects.push(std::array::from_fn(mean));
            }
        }
    }

    /// The calibration of each part that several objects have.
    #[must_use]
    pub fn calibrations(&self) -> Vec<PixelCalibration> {
        let several = |(_, objects): &&(_, Vec<Scores>)| objects.len() > 1;
        let parts = self.parts.iter().filter(several);
        parts
            .map(|(part, objects)| calibration(part, objects, self.draws))
            .collect()
    }
}

fn scores(mut draws: Vec<f32>, truth: f32) -> Scores {
    draws.sort_by(f32::total_cmp);
    let pit = Pit::of(truth, &draws);
    let values = draws.iter().map(|v| f64::from(*v));
    let mean = values.clone().sum::<f64>() / draws.len() as f64;
    let mut scores = [0.0; SQUARE + 1];
    for (b, score) in scores[..BINS].iter_mut().enumerate() {
        *score = pit.within(b as f64 / BINS as f64, (b + 1) as f64 / BINS as f64);
    }
    for (score, p) in scores[COVERAGE..CRPS].iter_mut().zip(LEVELS) {
        *score = pit.within(0.5 - 0.5 * p, 0.5 + 0.5 * p);
    }
    scores[CRPS] = crps(truth, &draws);
    scores[VARIANCE] = standard_deviation(values).powi(2);
    scores[SQUARE] = (mean - f64::from(truth)).powi(2);
    scores
}

fn calibration(part: &str, objects: &[Scores], draws: usize) -> PixelCalibration {
    let n = objects.len() as f64;
    let mean = |k: usize| {
        let values = objects.iter().map(|s| s[k]);
        Mean {
            value: values.clone().sum::<f64>() / n,
            error: standard_deviation(values) / n.sqrt(),
        }
    };
    let flat = 1.0 / BINS as f64;
    let pit: Vec<Mean> = (0..BINS).map(mean).collect();
    let over_bins = |of: &dyn Fn(&Mean) -> f64| pit.iter().map(of).sum::<f64>() / BINS as f64;
    // The predictive variance of a further draw, about the mean of m.
    let spread = mean(VARIANCE).value * (1.0 + 1.0 / draws as f64);
    PixelCalibration {
        part: part.to_owned(),
        objects: objects.len(),
        pit_chi2: over_bins(&|m| ((m.value - flat) / m.error).powi(2)),
        effective: over_bins(&|m| m.value * (1.0 - m.value)) / over_bins(&|m| m.error.powi(2)),
        coverage: LEVELS
            .iter()
            .enumerate()
            .map(|(i, nominal)| Coverage {
                nominal: *nominal,
                found: mean(COVERAGE + i),
            })
            .collect(),
        crps: mean(CRPS),
        spread_over_error: (spread / mean(SQUARE).value).sqrt(),
        pit,
    }
}
