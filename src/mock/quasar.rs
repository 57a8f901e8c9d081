//! One quasar: redshift, brightness, continuum and emission lines, drawn from a few shared factors.
//!
//! Continuum: a power law with α_ν = −0.61 (Lusso et al. 2015, MNRAS 449, 4204), steeper in frequency
//! blueward of 1000 Å: α_ν = −1.41 (Stevans et al. 2014, ApJ 794, 75). In f_λ ∝ λ^α: −1.39 and −0.59.

use super::lines::Line;
use crate::config::Redshifts;
use ndarray::Array1;
use rand::RngExt;
use rand_distr::StandardNormal;

/// Speed of light, km/s.
pub const LIGHT: f64 = 299_792.458;

/// Median of the brightness level, 1e-17 erg/s/cm²/Å: i ≈ 20.4, typical of DR16Q at these redshifts.
const LEVEL: f64 = 1.4;
/// Scatter of its logarithm.
const LEVEL_SCATTER: f64 = 0.6;
/// Slope of f_λ redward of the break, and its scatter.
const SLOPE: f64 = -1.39;
const SLOPE_SCATTER: f64 = 0.6;
/// Further change of slope blueward of Lyα: scatter without a mean.
const BLUE_SCATTER: f64 = 0.7;
const BLUE_PIVOT: f64 = 1215.67;
/// The far-ultraviolet break: where, by how much the slope of f_λ rises, and its softness in ln λ.
const BREAK: f64 = 1000.0;
const BREAK_CHANGE: f64 = 0.8;
const BREAK_SOFTNESS: f64 = 0.03;
/// Where the continuum is 1 before scaling to the level.
const PIVOT: f64 = 1450.0;
/// Scatter of an object's ln width (shared by its lines) and of each line's own.
const WIDTH_SHARED: f64 = 0.2;
const WIDTH_OWN: f64 = 0.07;
/// Own scatter of a line's shift, as a fraction of its width: broad lines are placed less well.
const SHIFT_OWN: f64 = 0.06;
/// How fast n(z) falls: e-folding in z, near DR16Q's over 2.75-3.25.
const Z_FOLD: f64 = 0.7;

/// One drawn emission line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DrawnLine {
    /// Rest-frame wavelength of the centre, Å.
    pub centre: f64,
    /// Rest-frame equivalent width, Å.
    pub ew: f64,
    /// σ in km/s.
    pub width: f64,
    /// Velocity against the object's redshift, km/s.
    pub shift: f64,
}

/// What is known of a mock quasar.
#[derive(Debug, Clone, PartialEq)]
pub struct Quasar {
    /// Redshift.
    pub z: f64,
    /// Mean flux in the survey's normalisation window, 1e-17 erg/s/cm²/Å.
    pub level: f64,
    /// Slope of f_λ redward of Lyα.
    pub slope: f64,
    /// Added to it blueward of Lyα.
    pub blue: f64,
    /// In the order of the line list.
    pub lines: Vec<DrawnLine>,
    /// Of a quasar of a factor model, `[K]`.
    pub scores: Array1<f64>,
}

/// A normal deviate cut at 3.5 σ, so that no object is absurd.
pub(super) fn normal(rng: &mut impl RngExt) -> f64 {
    loop {
        let x: f64 = rng.sample(StandardNormal);
        if x.abs() < 3.5 {
            return x;
        }
    }
}

impl Quasar {
    /// Draws an object with redshift in `z`, distributed by `law`.
    pub fn draw(rng: &mut impl RngExt, z: (f64, f64), law: Redshifts, list: &[Line]) -> Self {
        let fall = 1.0 - (-(z.1 - z.0) / Z_FOLD).exp();
        let chance: f64 = rng.random();
        let redshift = match law {
            Redshifts::Falling => z.0 - Z_FOLD * (1.0 - fall * chance).ln(),
            Redshifts::Uniform => z.0 + (z.1 - z.0) * chance,
        };
        let bright = LEVEL_SCATTER * normal(rng);
        let (common, eigen, width) = (normal(rng), normal(rng), normal(rng));
        let slope = SLOPE + SLOPE_SCATTER * normal(rng);
        let blue = BLUE_SCATTER * normal(rng);
        let lines = list
            .iter()
            .map(|l| {
                let strength = l.baldwin * bright
                    + l.common * common
                    + l.eigen * eigen
                    + l.scatter * normal(rng);
                let width = l.width * (WIDTH_SHARED * width + WIDTH_OWN * normal(rng)).exp();
                let shift = l.shift + l.blueshift * eigen + SHIFT_OWN * l.width * normal(rng);
                DrawnLine {
                    centre: l.wavelength * (1.0 + shift / LIGHT),
                    ew: l.ew * strength.exp(),
                    width,
                    shift,
                }
            })
            .collect();
        Self {
            z: redshift.min(z.1),
            level: LEVEL * bright.exp(),
            slope,
            blue,
            lines,
            scores: Array1::zeros(0),
        }
    }

    /// Continuum at rest-frame wavelength `rest` (Å), 1 at 1450 Å.
    #[must_use]
    pub fn continuum(&self, rest: f64) -> f64 {
        let bend = |x: f64, softness: f64| softness * (-x / softness).exp().ln_1p();
        let red = self.slope * (rest / PIVOT).ln();
        let blue = -self.blue * bend((rest / BLUE_PIVOT).ln(), 0.02);
        let far = -BREAK_CHANGE * bend((rest / BREAK).ln(), BREAK_SOFTNESS);
        (red + blue + far).exp()
    }

    /// Continuum and lines at the rest-frame wavelengths `rest` (Å, ascending, evenly spaced in the
    /// logarithm), in units of the continuum at 1450 Å.
    #[must_use]
    pub fn emission(&self, rest: &[f64]) -> Vec<f64> {
        let mut lines = vec![1.0; rest.len()];
        for l in &self.lines {
            let sigma = l.width / LIGHT;
            let amplitude = l.ew / (l.centre * sigma * (2.0 * std::f64::consts::PI).sqrt());
            let reach = 6.0 * sigma;
            let from = rest.partition_point(|w| *w < l.centre * (1.0 - reach));
            let to = rest.partition_point(|w| *w < l.centre * (1.0 + reach));
            for (w, sum) in rest[from..to].iter().zip(&mut lines[from..to]) {
                let x = (w / l.centre - 1.0) / sigma;
                *sum += amplitude * (-0.5 * x * x).exp();
            }
        }
        rest.iter()
            .zip(lines)
            .map(|(w, l)| l * self.continuum(*w))
            .collect()
    }
}
