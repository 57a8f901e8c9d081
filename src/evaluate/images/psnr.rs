//! Mean square error and peak signal-to-noise ratio of each image, and the range that both refer to.

use ndarray::{ArrayView1, ArrayView2, Axis, Zip};
use serde::{Deserialize, Serialize};

/// Largest value of 8-bit images.
const EIGHT_BIT: f32 = 255.0;

/// The values between which images lie; its width is the data range L of PSNR and SSIM.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DataRange {
    /// The value of black.
    pub min: f64,
    /// The value of white.
    pub max: f64,
}

impl DataRange {
    /// The range of the clean images [N, D]: 0 to 255 where they are in 8-bit units (whole numbers of
    /// 0..255 that use more than half of it), else from their smallest to their largest value.
    #[must_use]
    pub fn of(truth: ArrayView2<f32>) -> Self {
        let finite = || truth.iter().copied().filter(|v| v.is_finite());
        let (min, max) = finite().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), v| {
            (a.min(v), b.max(v))
        });
        let eight_bit = min >= 0.0
            && max <= EIGHT_BIT
            && max > EIGHT_BIT / 2.0
            && finite().all(|v| v == v.round());
        let (min, max) = if eight_bit {
            (0.0, EIGHT_BIT)
        } else {
            (min, max)
        };
        Self {
            min: f64::from(min),
            max: f64::from(max),
        }
    }

    /// L = max − min.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.max - self.min
    }
}

/// Mean square difference of each row of `a` and `b`, both [N, D].
#[must_use]
pub fn mean_square_errors(a: ArrayView2<f32>, b: ArrayView2<f32>) -> Vec<f64> {
    let row = |a: ArrayView1<f32>, b: ArrayView1<f32>| {
        let mut sum = 0.0;
        Zip::from(a)
            .and(b)
            .for_each(|a, b| sum += (f64::from(*a) - f64::from(*b)).powi(2));
        sum
    };
    a.axis_iter(Axis(0))
        .zip(b.axis_iter(Axis(0)))
        .map(|(x, y)| row(x, y) / x.len() as f64)
        .collect()
}

/// 10 log₁₀(L²/MSE) of each row of `a` against the same row of `b`, both [N, D], dB; infinite where
/// they are identical.
#[must_use]
pub fn psnr(a: ArrayView2<f32>, b: ArrayView2<f32>, range: DataRange) -> Vec<f64> {
    let peak = range.width().powi(2);
    mean_square_errors(a, b)
        .iter()
        .map(|mse| 10.0 * (peak / mse).log10())
        .collect()
}
