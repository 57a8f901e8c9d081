//! The variance that a population in the rest frame is declared to have in waves that a wide blur erases.
//!
//! What is seen does not tell it; what is known of such spectra does:
//!
//! - Blueward of Lyα there is the forest. Relative to the mean spectrum it has the one-dimensional power that
//!   Palanque-Delabrouille et al. 2013 (A&A 559, A85) measured, at the redshift of the gas.
//! - All else, redward of it above all, is lines and continuum. Their power goes on as a power law, that of the
//!   seen waves redward of Lyα, and ends where the profiles of broad lines do. They vary by parts of themselves:
//!   its share at a wavelength is the mean's square times a smooth factor, under which the seen waves vary
//!   along the spectrum as they do.

use super::moments::PowerLaw;
use super::rest_grid::RestGrid;
use crate::config::ForwardConfig;
use crate::lines::{C_KMS, LYMAN_ALPHA};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};
use std::f64::consts::PI;

/// Fewer waves tell of no power law.
const FEWEST: usize = 4;
/// σ of the narrowest broad line, km/s: FWHM 2,000, as narrow-line objects are told from others (Osterbrock
/// & Pogge 1985, ApJ 297, 166).
const NARROWEST: f64 = 2000.0 / 2.354_8;
/// Rounds in which the shares are fitted (Richardson 1972; Lucy 1974).
const ROUNDS: usize = 10;

/// k P(k)/π of the forest's transmission over its mean at k = 0.009 s/km and z = 3, its slope there and what
/// that changes by with ln k, and how it goes with 1 + z (Palanque-Delabrouille et al. 2013, table 5, without
/// the evolution of the slope).
const POWER: f64 = 0.064;
const SLOPE: f64 = 3.0 - 2.55;
const RUNNING: f64 = -0.10;
const EVOLUTION: f64 = 3.55;
const PIVOT: f64 = 0.009;

/// Power of the forest's transmission over its mean at z = 3, km/s; `k` in s/km.
fn forest_power(k: f64) -> f64 {
    let x = (k / PIVOT).ln();
    PI / k * POWER * ((SLOPE + RUNNING * x) * x).exp()
}

/// A population of which `passed` waves [L, K], from long to short periods, are known.
pub(super) struct Erased<'a> {
    grid: &'a RestGrid,
    passed: &'a Array2<f64>,
    /// Mean of ln(1 + z).
    distance: f64,
    /// σ of the narrowest line, km/s.
    narrowest: f64,
}

/// Covariances [L, L] that are declared beyond the waves that are known.
pub(super) struct Declared {
    pub forest: Array2<f64>,
    pub lines: Array2<f64>,
}

impl<'a> Erased<'a> {
    pub fn new(
        grid: &'a RestGrid,
        passed: &'a Array2<f64>,
        (forward, distance): (&ForwardConfig, f64),
    ) -> Self {
        let narrowest = match forward {
            ForwardConfig::Quasar { .. } => NARROWEST,
            _ => 0.0,
        };
        Self {
            grid,
            passed,
            distance,
            narrowest,
        }
    }

    /// The part `part` of what is declared where the known waves have this mean `[L]` and `covariance` [L, L].
    pub fn declared(&self, mean: &Array1<f64>, covariance: &Array2<f64>, part: f64) -> Declared {
        let forest = self.forest_share(mean);
        let power = |k: f64| self.forest_variance(k);
        let lines = self.lines_share(mean, covariance, &forest);
        let law = self.law(covariance);
        let edge = |k: f64| (-(self.speed(k) * self.narrowest).powi(2)).exp();
        Declared {
            forest: self.waves(&forest, |k| part * power(k)),
            lines: self.waves(&lines, |k| part * law.variance(k) * edge(k)),
        }
    }

    fn len(&self) -> usize {
        self.grid.len()
    }

    /// The first of the waves that make the weaker half of the known ones.
    fn weak(&self) -> usize {
        self.passed.ncols() / 2
    }

    /// k in s/km of the cosine with `number` half periods to a pixel.
    fn speed(&self, number: f64) -> f64 {
        PI * number / (self.grid.dln() * C_KMS)
    }

    /// The first pixel redward of Lyα; 0 where too few are for a law.
    fn red(&self) -> usize {
        let l = self.len();
        let blue = (0..l).take_while(|e| self.grid.ln(*e) < LYMAN_ALPHA.ln());
        let first = blue.count();
        let waves = self.numbers(l - first);
        if waves.len() < FEWEST { 0 } else { first }
    }

    /// Numbers of the cosines on `n` pixels with the periods of the weaker half of the known waves.
    fn numbers(&self, n: usize) -> std::ops::Range<usize> {
        let of = |k: usize| (k * n).div_ceil(self.len()).max(1);
        of(self.weak())..of(self.passed.ncols())
    }

    /// Variance of a wave of the forest of a mean of 1 at z = 3, averaged over pixels.
    fn forest_variance(&self, number: f64) -> f64 {
        let half = 0.5 * PI * number;
        let pixel = (half.sin() / half).powi(2);
        forest_power(self.speed(number)) * pixel / (self.grid.dln() * C_KMS)
    }

    /// What that is multiplied by, `[L]`.
    fn forest_share(&self, mean: &Array1<f64>) -> Array1<f64> {
        let share = mean.iter().enumerate().map(|(e, m)| {
            // 1 + z of the gas that absorbs there.
            let gas = (self.grid.ln(e) - LYMAN_ALPHA.ln() + self.distance).exp();
            let seen = self.grid.ln(e) < LYMAN_ALPHA.ln();
            f64::from(seen) * m * m * (gas / 4.0).powf(EVOLUTION)
        });
        share.collect()
    }

    /// The power law of the weaker half of the known waves redward of Lyα.
    fn law(&self, covariance: &Array2<f64>) -> PowerLaw {
        let from = self.red();
        let own = covariance.slice(s![from.., from..]);
        let n = own.nrows();
        let numbers = self.numbers(n);
        let waves = cosines(n, numbers.clone());
        let variances = (&waves * &own.dot(&waves)).sum_axis(Axis(0));
        let unedged = numbers.clone().zip(variances).map(|(i, v)| {
            v * (self.speed(i as f64 / n as f64) * self.narrowest)
                .powi(2)
                .exp()
        });
        PowerLaw::of(&unedged.collect::<Vec<_>>(), numbers.start, n)
    }

    /// How the variance of lines and continuum is shared out, over the law's, `[L]`.
    fn lines_share(
        &self,
        mean: &Array1<f64>,
        covariance: &Array2<f64>,
        forest: &Array1<f64>,
    ) -> Array1<f64> {
        let l = self.len();
        let weak = self.passed.slice(s![.., self.weak()..]);
        let seen = weak.t().dot(covariance).dot(&weak);
        let total = (&weak.dot(&seen) * &weak).sum_axis(Axis(1));
        let power: f64 = (self.weak().max(1)..self.passed.ncols())
            .map(|i| self.forest_variance(i as f64 / l as f64) / l as f64)
            .sum();
        let own = (&total - &(forest * power)).mapv(|v| v.max(0.0));
        let share = fitted(weak, &own, mean);
        let red = s![self.red()..];
        let part = own.slice(red).sum() / total.slice(red).sum().max(f64::MIN_POSITIVE);
        let whole = share.slice(red).mean().unwrap_or(1.0);
        share * (part.min(1.0) / whole.max(f64::MIN_POSITIVE))
    }

    /// The covariance of waves beyond the known ones, of these variances by their number over L and `share` `[L]`
    /// of it at each pixel.
    fn waves(&self, share: &Array1<f64>, variance: impl Fn(f64) -> f64) -> Array2<f64> {
        let (l, k) = self.passed.dim();
        let mut wave = cosines(l, k..l);
        for (i, mut column) in wave.columns_mut().into_iter().enumerate() {
            column *= variance((k + i) as f64 / l as f64).max(0.0).sqrt();
        }
        wave *= &share.mapv(f64::sqrt).insert_axis(Axis(1));
        let factor = &wave - &self.passed.dot(&self.passed.t().dot(&wave));
        factor.dot(&factor.t())
    }
}

/// The variances v along a spectrum, m² times a smooth factor, of noise that has these variances `seen` in the
/// waves `weak` [L, K], Σ_j (Σ_k w_ik w_jk)² v_j.
fn fitted(weak: ArrayView2<f64>, seen: &Array1<f64>, mean: &Array1<f64>) -> Array1<f64> {
    let spread = weak.dot(&weak.t()).mapv(|p| p * p);
    let over = |a: &Array1<f64>, b: ArrayView1<f64>| a / &b.mapv(|b| b.max(f64::MIN_POSITIVE));
    let whole = spread.sum_axis(Axis(0));
    let mut v = mean.mapv(|m| m * m);
    for _ in 0..ROUNDS {
        let ratio = over(seen, spread.dot(&v).view());
        v *= &over(&spread.t().dot(&ratio), whole.view());
    }
    v
}

/// Orthonormal cosines of these numbers on `d` pixels, as columns; number 0 is not one of them.
fn cosines(d: usize, numbers: std::ops::Range<usize>) -> Array2<f64> {
    let first = numbers.start;
    Array2::from_shape_fn((d, numbers.len()), |(j, i)| {
        let phase = PI * (first + i) as f64 * (j as f64 + 0.5) / d as f64;
        (2.0 / d as f64).sqrt() * phase.cos()
    })
}
