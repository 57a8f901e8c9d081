//! A covariance on the rest-frame grid, regular where the sample alone is too noisy to say.
//!
//! A few broad modes (slope, line strengths), significant by cross-validation; and what is left as
//! local structure (the forest) with a power spectrum of its own at each place, zero where it is not
//! significant: a variance left on the red side, where the truth has none, would become jags in every
//! draw there.

use super::average::averaged;
use super::banded::BandMatrix;
use super::linalg::eigen;
use super::rest_sums::Covariances;
use ndarray::{Array1, Array2, Axis, concatenate, s};
use rayon::prelude::*;

/// σ of the smoothing of the sample's covariance before its modes are taken, pixels.
const SMOOTH: f64 = 3.0;
/// Broad modes, at most: of the ones after them the local structure knows better.
const MODES: usize = 24;
/// A mode is kept while its variance in the other half is this many standard errors above zero.
const SIGNIFICANT: f64 = 3.0;
/// Local structure reaches this many pixels (to zero, as a raised cosine) …
const REACH: usize = 24;
/// … and its power is averaged along the spectrum with a Gaussian of one of these σ, pixels: the widest that
/// agrees with the narrower ones, that is, whose power differs by a mean square of no more than …
const WIDTHS: [f64; 4] = [3.0, 6.0, 12.0, 24.0];
/// … so many times the noise of the difference.
const ALIKE: f64 = 2.5;
/// Length of the Fourier transform of the local autocovariance.
const PERIOD: usize = 64;
/// Least square of the gain that the power is divided by.
const GAIN_MIN: f64 = 0.1;

/// A covariance M Mᵀ + B.
#[derive(Debug, Clone)]
pub struct Structure {
    /// M, `[L, K]`.
    pub modes: Array2<f64>,
    /// B, `[L, L]`.
    pub band: BandMatrix,
}

impl Structure {
    /// The covariance, `[L, L]`.
    #[must_use]
    pub fn dense(&self) -> Array2<f64> {
        self.modes.dot(&self.modes.t()) + self.band.dense()
    }
}

/// The covariance of spectra before a line-spread function of σ `blur` pixels, which is undone
/// in their local structure; not quite positive semidefinite.
pub(super) fn structured(seen: &Covariances, blur: f64) -> Structure {
    let [a, b] = &seen.halves;
    let (one, other) = rayon::join(|| broad(a, b, seen), || broad(b, a, seen));
    let modes = concatenate![Axis(1), one, other] * 0.5f64.sqrt();
    let rest = (a + b) * 0.5 - modes.dot(&modes.t());
    Structure {
        band: local(&rest, seen, blur),
        modes,
    }
}

/// Modes of one half, `[L, K]`, scaled by the scatter that the other gives them, those that are significant.
fn broad(from: &Array2<f64>, other: &Array2<f64>, seen: &Covariances) -> Array2<f64> {
    let (_, vectors) = eigen(&smoothed(&smoothed(from).reversed_axes()));
    let variances: Vec<f64> = (0..MODES.min(vectors.ncols()))
        .map(|k| {
            let column = vectors.column(k).insert_axis(Axis(1)).to_owned();
            let mode = smoothed(&column).remove_axis(Axis(1));
            let noise = mode
                .iter()
                .zip(&seen.noise)
                .map(|(m, n)| m * m * n)
                .sum::<f64>();
            (mode.dot(&other.dot(&mode)), noise)
        })
        .take_while(|(signal, noise)| {
            // Each half holds half the spectra.
            *signal > SIGNIFICANT * (4.0 / seen.effective).sqrt() * (signal.abs() + noise)
        })
        .map(|(signal, _)| signal)
        .collect();
    let scatter: Array1<f64> = variances.iter().map(|v| v.sqrt()).collect();
    &vectors.slice(s![.., ..variances.len()]) * &scatter
}

/// The columns of `x` averaged with a Gaussian of σ [`SMOOTH`].
fn smoothed(x: &Array2<f64>) -> Array2<f64> {
    let columns: Vec<Vec<f64>> = (x.axis_iter(Axis(1)).into_par_iter())
        .map(|c| averaged(&c.to_vec(), SMOOTH))
        .collect();
    Array2::from_shape_fn(x.raw_dim(), |(i, j)| columns[j][i])
}

/// What is left, as a local power spectrum: the autocovariance within [`REACH`] at each place, averaged over
/// as much of the spectrum as looks alike there.
fn local(rest: &Array2<f64>, seen: &Covariances, blur: f64) -> BandMatrix {
    let l = rest.nrows();
    let gain = |f: usize| {
        let omega = std::f64::consts::TAU * f as f64 / PERIOD as f64;
        (-(omega * blur).powi(2)).exp().max(GAIN_MIN)
    };
    let widths = WIDTHS.map(|width| Powers::new(rest, seen, width));
    let half = PERIOD / 2;
    let autocovariance: Vec<Vec<f64>> = (0..l)
        .into_par_iter()
        .map(|e| {
            let (power, error) = widest_alike(&widths, e);
            let mean = power.iter().sum::<f64>() / power.len() as f64;
            let sure = ((mean / error.max(f64::MIN_POSITIVE) - 2.0) / 2.0).clamp(0.0, 1.0);
            let clean: Vec<f64> = (0..=half)
                .map(|f| sure * power[f].max(0.0) / gain(f))
                .collect();
            let back = |k: usize| {
                let inner: f64 = (1..half).map(|f| clean[f] * wave(k, f)).sum();
                (clean[0] + clean[half] * wave(k, half) + 2.0 * inner) / PERIOD as f64
            };
            (0..half).map(back).collect()
        })
        .collect();
    BandMatrix::from_fn(l, (half - 1).min(l - 1), |i, j| {
        let k = i.abs_diff(j);
        0.5 * (autocovariance[i][k] + autocovariance[j][k])
    })
}

fn wave(k: usize, f: usize) -> f64 {
    (std::f64::consts::TAU * (k * f) as f64 / PERIOD as f64).cos()
}

/// The local power spectra of a covariance, averaged along the spectrum with a Gaussian of one width.
struct Powers {
    /// At each place, at the frequencies f/[`PERIOD`].
    powers: Vec<Vec<f64>>,
    /// What noise makes each of them off by, at each place.
    errors: Vec<f64>,
}

impl Powers {
    fn new(rest: &Array2<f64>, seen: &Covariances, width: f64) -> Self {
        let l = rest.nrows();
        let reach = REACH.min(l);
        let taper = |k: usize| 0.5 + 0.5 * (std::f64::consts::PI * k as f64 / REACH as f64).cos();
        let diagonals: Vec<Vec<f64>> = (0..reach)
            .into_par_iter()
            .map(|k| {
                let lag: Vec<f64> = (0..l - k).map(|i| rest[[i, i + k]]).collect();
                averaged(&lag, width)
            })
            .collect();
        let powers = (0..l).into_par_iter().map(|e| {
            // The pair of pixels with lag k whose middle is nearest to this place.
            let at = |k: usize| {
                let i = e.saturating_sub(k / 2).min(l - k - 1);
                diagonals[k][i] * taper(k)
            };
            let lags: Vec<f64> = (0..reach).map(at).collect();
            let power = |f| lags[0] + 2.0 * (1..reach).map(|k| lags[k] * wave(k, f)).sum::<f64>();
            (0..=PERIOD / 2).map(power).collect()
        });
        // Of white noise.
        let squares: f64 = (1..reach).map(|k| taper(k).powi(2)).sum();
        let independent = 2.0 * std::f64::consts::PI.sqrt() * width * seen.effective;
        let error = ((2.0 * squares + 2.0) / independent).sqrt();
        Self {
            powers: powers.collect(),
            errors: seen.noise.iter().map(|n| error * n).collect(),
        }
    }

    /// Whether noise explains what the power at place `e` differs by from that of a `narrower` average.
    fn agrees(&self, narrower: &Self, e: usize) -> bool {
        let (own, other) = (&self.powers[e], &narrower.powers[e]);
        let apart: f64 = own.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum();
        let wide = narrower.errors[e].powi(2);
        // The narrow average holds the noise of the wide one and more.
        let noise = (wide - self.errors[e].powi(2)).max(0.25 * wide);
        apart <= ALIKE * noise * own.len() as f64
    }
}

/// The power at place `e`, and its error, of the widest average that agrees with all narrower ones
/// (Lepski 1991): an average over 24 pixels about the end of the forest would put its power on the
/// red side, where there is none.
fn widest_alike(widths: &[Powers], e: usize) -> (&[f64], f64) {
    let agrees = |at: &usize| widths[..*at].iter().all(|n| widths[*at].agrees(n, e));
    let at = (0..widths.len()).rev().find(agrees).unwrap_or(0);
    (&widths[at].powers[e], widths[at].errors[e])
}

/// F with F Fᵀ the nearest positive semidefinite matrix to `covariance`; its columns are scaled
/// eigenvectors, those of no variance left out.
pub(super) fn factor(covariance: &Array2<f64>) -> Array2<f64> {
    let (variances, vectors) = eigen(covariance);
    let least = 1e-9 * variances.first().copied().unwrap_or(0.0);
    let kept = variances.iter().take_while(|v| **v > least).count();
    let scale: Array1<f64> = variances.slice(s![..kept]).mapv(f64::sqrt);
    &vectors.slice(s![.., ..kept]) * &scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(variance: impl Fn(usize) -> f64) -> BandMatrix {
        let l = 300;
        let rest = Array2::from_shape_fn((l, l), |(i, j)| if i == j { variance(i) } else { 0.0 });
        let seen = Covariances {
            halves: [rest.clone(), rest.clone()],
            noise: Array1::ones(l),
            effective: 2000.0,
        };
        local(&rest, &seen, 0.0)
    }

    #[test]
    fn the_forest_ends_where_it_ends() {
        let found = band(|i| f64::from(i < 150));
        for (at, expected) in [(75, 1.0), (135, 1.0), (165, 0.0), (225, 0.0)] {
            let v = found.at(at, at);
            assert!((v - expected).abs() < 0.03, "{at}: {v}");
        }
    }

    #[test]
    fn the_variance_of_a_narrow_line_stays_there() {
        let found = band(|i| f64::from((145..155).contains(&i)));
        assert!(found.at(150, 150) > 0.8);
        for at in [125, 175] {
            assert!(found.at(at, at) < 0.01, "{at}: {}", found.at(at, at));
        }
    }

    #[test]
    fn what_differs_by_no_more_than_chance_is_averaged_widely() {
        // The average over 24 pixels alone tells 0.05 from nothing.
        let found = band(|i| if i % 2 == 0 { 0.09 } else { 0.03 });
        assert!((40..260).all(|e| (found.at(e, e) - 0.06).abs() < 0.01));
    }
}
