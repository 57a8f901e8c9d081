//! Which part of the smoothing can be undone.

use super::linalg::eigen;
use ndarray::{Array2, s};

/// Modes that the channel passes with at least this amplitude are always de-blurred.
const GAIN_SAFE: f64 = 0.5;
/// Weaker ones only while their signal is this many standard errors above zero.
const SIGNIFICANT: f64 = 3.0;
/// … and while the clean variance that they imply is at most this many times its mean over
/// the [`BEFORE`] modes before: the power of spectra falls with wavenumber, and what light from
/// beyond the ends or unequal masks leave in the weakest modes would grow without bound in the
/// division by their gains.
const RISE: f64 = 2.0;
const BEFORE: usize = 5;
/// Below this gain rounding errors rule.
const GAIN_MIN: f64 = 1e-6;

/// The blur's singular modes that can be undone.
pub(crate) struct Modes {
    /// Their left vectors as columns, [D, K].
    pub(crate) left: Array2<f64>,
    /// From coefficients on them to clean spectra: right vectors over gains, [D, K].
    pub(crate) inverse: Array2<f64>,
    /// Their right vectors as columns: an orthonormal basis of the clean spectra that they carry, [D, K].
    pub(crate) right: Array2<f64>,
}

impl Modes {
    /// Of the operator `blur`, given the covariances of signal and noise behind it, estimated from
    /// as much as `spectra` equally weighted observations.
    pub(crate) fn new(
        blur: &Array2<f64>,
        signal: &Array2<f64>,
        noise: &Array2<f64>,
        spectra: f64,
    ) -> Self {
        let (squares, right) = eigen(&blur.t().dot(blur));
        let gains = squares.mapv(|v| v.max(0.0).sqrt());
        let usable = gains.iter().take_while(|g| **g > GAIN_MIN).count().max(1);
        let left = blur.dot(&right.slice(s![.., ..usable])) / gains.slice(s![..usable]);
        let power = |c: &Array2<f64>, k: usize| {
            let u = left.column(k);
            u.dot(&c.dot(&u))
        };
        let mut implied = Vec::new();
        for k in 0..usable {
            let variance = power(signal, k);
            let clean = variance / gains[k].powi(2);
            if gains[k] < GAIN_SAFE {
                let error = (2.0 / spectra).sqrt() * (variance + power(noise, k));
                let last: &[f64] = &implied[implied.len().saturating_sub(BEFORE)..];
                let before = last.iter().sum::<f64>() / last.len().max(1) as f64;
                if variance <= SIGNIFICANT * error || clean > RISE * before {
                    break;
                }
            }
            implied.push(clean);
        }
        let kept = implied.len().max(1);
        Self {
            inverse: &right.slice(s![.., ..kept]) / &gains.slice(s![..kept]),
            left: left.slice(s![.., ..kept]).to_owned(),
            right: right.slice(s![.., ..kept]).to_owned(),
        }
    }
}
