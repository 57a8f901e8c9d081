//! Which part of the smoothing can be undone.

use super::linalg::eigen;
use ndarray::{Array2, s};

/// Modes that the channel passes with at least this amplitude are always de-blurred.
const GAIN_SAFE: f64 = 0.5;
/// Weaker ones only while their signal is this many standard errors above zero.
const SIGNIFICANT: f64 = 3.0;
/// Below this gain rounding errors rule.
const GAIN_MIN: f64 = 1e-6;

/// The blur's singular modes that can be undone.
pub(super) struct Modes {
    /// Their left vectors as columns, [D, K].
    pub(super) left: Array2<f64>,
    /// From coefficients on them to clean spectra: right vectors over gains, [D, K].
    pub(super) inverse: Array2<f64>,
    /// Their right vectors as columns: an orthonormal basis of the clean spectra that they carry, [D, K].
    pub(super) right: Array2<f64>,
}

impl Modes {
    /// Of the operator `blur`, given the covariances of signal and noise behind it, estimated from
    /// as much as `spectra` equally weighted observations.
    pub(super) fn new(
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
        let kept = (0..usable)
            .take_while(|k| {
                gains[*k] >= GAIN_SAFE || {
                    let signal = power(signal, *k);
                    let error = (2.0 / spectra).sqrt() * (signal + power(noise, *k));
                    signal > SIGNIFICANT * error
                }
            })
            .count()
            .max(1);
        Self {
            inverse: &right.slice(s![.., ..kept]) / &gains.slice(s![..kept]),
            left: left.slice(s![.., ..kept]).to_owned(),
            right: right.slice(s![.., ..kept]).to_owned(),
        }
    }
}
