//! A covariance on the rest-frame grid, regular where the sample alone is too noisy to say.
//!
//! A few broad modes (slope, line strengths), significant by cross-validation; and what is left as
//! local structure (the forest) with a power spectrum of its own at each place, zero where it is not
//! significant: a variance left on the red side, where the truth has none, would become jags in every
//! draw there. How the power is shared out over the wavelengths of its fluctuations changes slowly along the
//! spectrum; how much there is of it may change within a few pixels, beside a narrow line and at the end of the
//! forest (local_level.rs).

use super::average::averaged;
use super::banded::BandMatrix;
use super::linalg::eigen;
use super::local_level::{Level, levels};
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
/// … and its power is averaged along the spectrum with a Gaussian of this σ, pixels.
const WIDTH: f64 = 24.0;
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

/// What is left, as a local power spectrum: the autocovariance within [`REACH`] at each place.
fn local(rest: &Array2<f64>, seen: &Covariances, blur: f64) -> BandMatrix {
    let l = rest.nrows();
    let reach = REACH.min(l);
    let taper = |k: usize| 0.5 + 0.5 * (std::f64::consts::PI * k as f64 / REACH as f64).cos();
    let diagonals: Vec<Vec<f64>> = (0..reach)
        .into_par_iter()
        .map(|k| {
            let lag: Vec<f64> = (0..l - k).map(|i| rest[[i, i + k]]).collect();
            averaged(&lag, WIDTH)
        })
        .collect();
    // Standard error of the mean power at each place, of white noise averaged over the width of its level.
    let squares: f64 = (1..reach).map(|k| taper(k).powi(2)).sum();
    let error = |level: &Level| {
        let independent = 2.0 * std::f64::consts::PI.sqrt() * level.width * seen.effective;
        ((2.0 * squares + 2.0) / independent).sqrt()
    };
    let levels = levels(&rest.diag().to_vec(), &seen.noise, seen.effective, WIDTH);
    let wave = |k: usize, f: usize| (std::f64::consts::TAU * (k * f) as f64 / PERIOD as f64).cos();
    let gain = |f: usize| {
        let omega = std::f64::consts::TAU * f as f64 / PERIOD as f64;
        (-(omega * blur).powi(2)).exp().max(GAIN_MIN)
    };
    let half = PERIOD / 2;
    // Mean power and autocovariance of each place.
    let places: Vec<(f64, Vec<f64>)> = (0..l)
        .into_par_iter()
        .map(|e| {
            // The pair of pixels with lag k whose middle is nearest to this place.
            let at = |k: usize| {
                let i = e.saturating_sub(k / 2).min(l - k - 1);
                diagonals[k][i] * taper(k)
            };
            let lags: Vec<f64> = (0..reach).map(at).collect();
            let power: Vec<f64> = (0..=half)
                .map(|f| lags[0] + 2.0 * (1..reach).map(|k| lags[k] * wave(k, f)).sum::<f64>())
                .collect();
            let clean: Vec<f64> = (0..=half).map(|f| power[f].max(0.0) / gain(f)).collect();
            let back = |k: usize| {
                let inner: f64 = (1..half).map(|f| clean[f] * wave(k, f)).sum();
                (clean[0] + clean[half] * wave(k, half) + 2.0 * inner) / PERIOD as f64
            };
            let mean = power.iter().sum::<f64>() / power.len() as f64;
            (mean, (0..half).map(back).collect::<Vec<f64>>())
        })
        .collect();
    let roots: Vec<f64> = (levels.iter().zip(&places).zip(&seen.noise))
        .map(|((level, (mean, _)), noise)| {
            let noise = error(level) * noise.max(f64::MIN_POSITIVE);
            let sure = ((mean * level.part / noise - 2.0) / 2.0).clamp(0.0, 1.0);
            (sure * level.part).sqrt()
        })
        .collect();
    BandMatrix::from_fn(l, (half - 1).min(l - 1), |i, j| {
        let k = i.abs_diff(j);
        let (_, here) = &places[i];
        let (_, there) = &places[j];
        roots[i] * roots[j] * 0.5 * (here[k] + there[k])
    })
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
