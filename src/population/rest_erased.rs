//! The variance that a population in the rest frame is declared to have in waves that a wide blur erases.
//!
//! What is seen does not tell it; what is known of such spectra does:
//!
//! - Blueward of Lyα there is the forest. Relative to the mean spectrum it has the one-dimensional power that
//!   Palanque-Delabrouille et al. 2013 (A&A 559, A85) measured, at the redshift of the gas.
//! - All else is lines: a continuum has no detail. Their power goes on as a power law, that of the seen waves
//!   redward of Lyα, and ends where the profiles of broad lines do. They vary by parts of themselves: the share
//!   of a wavelength is the square of the lines' flux there, times how much the seen waves vary about it over
//!   what they would if that were all.

use super::moments::PowerLaw;
use super::rest_grid::RestGrid;
use crate::config::ForwardConfig;
use crate::lines::{C_KMS, LYMAN_ALPHA};
use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use std::f64::consts::PI;

/// Fewer waves tell of no power law.
const FEWEST: usize = 4;
/// σ of the narrowest broad line, km/s: FWHM 2,000, as narrow-line objects are told from others (Osterbrock
/// & Pogge 1985, ApJ 297, 166).
const NARROWEST: f64 = 2000.0 / 2.354_8;
/// The continuum is the least mean flux within so many km/s, about the reach of a broad line, averaged over as many …
const REACH: f64 = 6000.0;
/// … and this part of it is lines, too: iron's and weak ones leave no window free of them (Vanden Berk et al. 2001,
/// AJ 122, 549).
const WEAK: f64 = 0.1;

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
        let lines = self.lines_share(mean, covariance, &forest);
        let law = self.law(covariance);
        let edge = |k: f64| (-(self.speed(k) * self.narrowest).powi(2)).exp();
        Declared {
            forest: self.waves(&forest, 1, |k| part * self.forest_variance(k)),
            lines: self.waves(&lines, self.passed.ncols(), |k| {
                part * law.variance(k) * edge(k)
            }),
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
        let reach = (REACH / (self.grid.dln() * C_KMS)).round() as usize;
        let share = corrected(weak, &own, &line_flux(mean, reach).mapv(|f| f * f));
        let red = s![self.red()..];
        let part = own.slice(red).sum() / total.slice(red).sum().max(f64::MIN_POSITIVE);
        let whole = share.slice(red).mean().unwrap_or(1.0);
        share * (part.min(1.0) / whole.max(f64::MIN_POSITIVE))
    }

    /// The covariance of waves from the number `first` on, of these variances by their number over L and with the
    /// share `share` `[L]` of it at each pixel, less what is in the known waves.
    fn waves(
        &self,
        share: &Array1<f64>,
        first: usize,
        variance: impl Fn(f64) -> f64,
    ) -> Array2<f64> {
        let l = self.len();
        let mut wave = cosines(l, first..l);
        for (i, mut column) in wave.columns_mut().into_iter().enumerate() {
            column *= variance((first + i) as f64 / l as f64).max(0.0).sqrt();
        }
        wave *= &share.mapv(f64::sqrt).insert_axis(Axis(1));
        let factor = &wave - &self.passed.dot(&self.passed.t().dot(&wave));
        factor.dot(&factor.t())
    }
}

/// The flux of lines in `mean` `[L]`, `reach` pixels being that of one.
fn line_flux(mean: &Array1<f64>, reach: usize) -> Array1<f64> {
    let l = mean.len();
    let near = |e: usize| e.saturating_sub(reach)..(e + reach + 1).min(l);
    let least: Vec<f64> = (0..l)
        .map(|e| {
            mean.slice(s![near(e)])
                .fold(f64::INFINITY, |a, b| a.min(*b))
        })
        .collect();
    let flux = |e: usize| {
        let continuum = least[near(e)].iter().sum::<f64>() / near(e).len() as f64;
        (mean[e] - continuum).max(0.0).hypot(WEAK * continuum)
    };
    (0..l).map(flux).collect()
}

/// The variances `first` `[L]` along a spectrum, corrected by a step of Richardson (1972) and Lucy (1974) for
/// what is `seen` in the waves `weak` [L, K] of noise with such variances v, Σ_j (Σ_k w_ik w_jk)² v_j.
fn corrected(weak: ArrayView2<'_, f64>, seen: &Array1<f64>, first: &Array1<f64>) -> Array1<f64> {
    let spread = weak.dot(&weak.t()).mapv(|p| p * p);
    let over = |a: &Array1<f64>, b: Array1<f64>| a / &b.mapv(|b| b.max(f64::MIN_POSITIVE));
    let ratio = over(seen, spread.dot(first));
    over(&(first * &spread.dot(&ratio)), spread.sum_axis(Axis(0)))
}

/// Orthonormal cosines of these numbers on `d` pixels, as columns; number 0 is not one of them.
fn cosines(d: usize, numbers: std::ops::Range<usize>) -> Array2<f64> {
    let first = numbers.start;
    Array2::from_shape_fn((d, numbers.len()), |(j, i)| {
        let phase = PI * (first + i) as f64 * (j as f64 + 0.5) / d as f64;
        (2.0 / d as f64).sqrt() * phase.cos()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{GridConfig, NoiseFrom, SmoothingFrom};
    use crate::data::LogGrid;
    use approx::assert_relative_eq;

    const PIXELS: usize = 128;
    const KNOWN: usize = 25;

    /// Rest wavelengths of 950 to 1720 Å, pixels of 1,140 km/s.
    fn grid() -> RestGrid {
        let grid = LogGrid::new(&GridConfig {
            min: 4000.0,
            max: 6500.0,
            pixels: PIXELS,
            ..GridConfig::default()
        });
        RestGrid::over(&grid, 4.2f64.ln(), 30)
    }

    fn declared(mean: &Array1<f64>, covariance: &Array2<f64>) -> Declared {
        let (grid, forward) = (
            grid(),
            ForwardConfig::Quasar {
                tilt: 0.05,
                smoothing: SmoothingFrom::Lsf,
                noise: NoiseFrom::Ivar,
            },
        );
        let l = grid.len();
        let mut passed = cosines(l, 0..KNOWN);
        passed.column_mut(0).fill((1.0 / l as f64).sqrt());
        let known = super::super::moments::within(covariance, &passed);
        let erased = Erased::new(&grid, &passed, (&forward, 4f64.ln()));
        erased.declared(mean, &known, 1.0)
    }

    /// A line of σ = 1500 km/s at `wavelength`.
    fn line(wavelength: f64) -> Array1<f64> {
        let (grid, sigma) = (grid(), 1500.0 / C_KMS);
        let of = |e: usize| (-0.5 * ((grid.ln(e) - wavelength.ln()) / sigma).powi(2)).exp();
        (0..grid.len()).map(of).collect()
    }

    #[test]
    fn the_forest_has_the_power_that_was_measured() {
        assert_relative_eq!(
            forest_power(0.009) * 0.009 / PI,
            0.064,
            max_relative = 1e-12
        );
        let slope = (forest_power(0.0091) / forest_power(0.0089)).ln() / (0.0091f64 / 0.0089).ln();
        assert_relative_eq!(slope, -0.55, epsilon = 1e-3);
        // Its variance about a mean of 2, from the first erased wave to where pixels end.
        let (grid, mean) = (grid(), Array1::from_elem(grid().len(), 2.0));
        let l = mean.len();
        let found = declared(&mean, &Array2::zeros((l, l)))
            .forest
            .diag()
            .to_owned();
        let dv = grid.dln() * C_KMS;
        let (from, to, steps) = (PI * KNOWN as f64 / (l as f64 * dv), PI / dv, 10_000);
        let dk = (to - from) / f64::from(steps);
        let power = |k: f64| forest_power(k) * ((0.5 * k * dv).sin() / (0.5 * k * dv)).powi(2);
        let middle = |i: i32| from + (f64::from(i) + 0.5) * dk;
        let variance: f64 = (0..steps).map(|i| power(middle(i)) * dk / PI).sum();
        let blue: Vec<usize> = (0..l)
            .filter(|e| (1020.0..1160.0).contains(&grid.ln(*e).exp()))
            .collect();
        let expected = |e: usize| 4.0 * variance * (grid.ln(e).exp() / LYMAN_ALPHA).powf(EVOLUTION);
        let ratio = blue.iter().map(|e| found[*e] / expected(*e)).sum::<f64>() / blue.len() as f64;
        assert_relative_eq!(ratio, 1.0, epsilon = 0.1);
        let red = (0..l).filter(|e| grid.ln(*e).exp() > 1300.0);
        assert!(red.map(|e| found[e]).fold(0.0, f64::max) < 0.02 * variance);
    }

    #[test]
    fn lines_whose_heights_vary_have_their_erased_variance_where_they_are() {
        // Two lines, each of which varies by a fifth of its height, on a flat continuum.
        let lines = [(3.0, line(1400.0)), (1.0, line(1549.0))];
        let l = lines[0].1.len();
        let (mut mean, mut covariance) = (Array1::from_elem(l, 1.0), Array2::zeros((l, l)));
        for (height, line) in &lines {
            mean.scaled_add(*height, line);
            let column = line.view().insert_axis(Axis(1));
            covariance.scaled_add((0.2 * height).powi(2), &column.dot(&column.t()));
        }
        let found = declared(&mean, &covariance).lines.diag().to_owned();
        let passed = cosines(l, 1..KNOWN);
        let erased = |line: &Array1<f64>| {
            let own = line - &passed.dot(&passed.t().dot(line)) - line.mean().unwrap();
            own.dot(&own)
        };
        let near = |w: f64| {
            let close = |e: &usize| (grid().ln(*e) - w.ln()).abs() * C_KMS < 6000.0;
            (0..l).filter(close).map(|e| found[e]).sum::<f64>()
        };
        for (wavelength, (height, line)) in [1400.0, 1549.0].into_iter().zip(&lines) {
            let ratio = near(wavelength) / ((0.2 * height).powi(2) * erased(line));
            assert!((0.4..1.6).contains(&ratio), "{wavelength} {ratio}");
        }
        assert!(near(1300.0) < 0.2 * near(1549.0));
    }
}
