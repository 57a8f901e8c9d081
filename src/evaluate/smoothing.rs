//! The best that Gaussian smoothing can do.

use super::population::rmse;
use crate::population::fill;
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

/// Smooths each spectrum [N, D] with a Gaussian of `sigma` pixels, by normalised convolution:
/// masked pixels (`ivar` = 0) and those beyond the edges have no weight. Gaps too wide for the
/// Gaussian are interpolated.
#[must_use]
pub fn gaussian_smooth(flux: ArrayView2<f32>, ivar: ArrayView2<f32>, sigma: f64) -> Array2<f32> {
    let filled = fill::observed(flux, ivar);
    if sigma <= 0.0 {
        return filled;
    }
    let reach = (4.0 * sigma).ceil() as usize;
    let kernel: Vec<f32> = (0..=reach)
        .map(|k| (-0.5 * (k as f64 / sigma).powi(2)).exp() as f32)
        .collect();
    let d = flux.ncols();
    let mut out = Array2::zeros(flux.raw_dim());
    out.axis_iter_mut(Axis(0))
        .into_par_iter()
        .enumerate()
        .for_each(|(n, mut row)| {
            let weight: Vec<f32> = ivar
                .row(n)
                .iter()
                .map(|v| if *v > 0.0 { 1.0 } else { 0.0 })
                .collect();
            let value: Vec<f32> = flux
                .row(n)
                .iter()
                .zip(&weight)
                .map(|(f, w)| f * w)
                .collect();
            for i in 0..d {
                let (from, to) = (i.saturating_sub(reach), (i + reach).min(d - 1));
                let (mut sum, mut norm) = (0f32, 0f32);
                for j in from..=to {
                    let k = kernel[i.abs_diff(j)];
                    sum += k * value[j];
                    norm += k * weight[j];
                }
                row[i] = if norm > 1e-3 {
                    sum / norm
                } else {
                    filled[[n, i]]
                };
            }
        });
    out
}

/// The one width for all spectra whose result has the smallest RMSE from the truth: σ in pixels
/// (0: no smoothing helps), and the smoothed spectra.
#[must_use]
pub fn best_smoothing(
    flux: ArrayView2<f32>,
    ivar: ArrayView2<f32>,
    truth: ArrayView2<f32>,
) -> (f64, Array2<f32>) {
    let score = |sigma: f64| rmse(gaussian_smooth(flux, ivar, sigma).view(), truth);
    let widest = (flux.ncols() as f64 / 8.0).max(1.0);
    let coarse: Vec<f64> = std::iter::successors(Some(0.35), |s| Some(s * 1.5))
        .take_while(|s| *s < widest)
        .collect();
    let scores: Vec<f64> = coarse.iter().map(|s| score(*s)).collect();
    let Some(best) = (0..coarse.len()).min_by(|a, b| scores[*a].total_cmp(&scores[*b])) else {
        return (0.0, gaussian_smooth(flux, ivar, 0.0));
    };
    // Golden-section search between the coarse neighbours, in log width, to half a per cent.
    let golden = 0.5 * (5f64.sqrt() - 1.0);
    let (mut a, mut b) = ((coarse[best] / 1.5).ln(), (coarse[best] * 1.5).ln());
    while b - a > 0.01 {
        let (c, e) = (b - golden * (b - a), a + golden * (b - a));
        if score(c.exp()) < score(e.exp()) {
            b = e
        } else {
            a = c
        }
    }
    let sigma = (0.5 * (a + b)).exp();
    let sigma = if score(0.0) <= score(sigma) {
        0.0
    } else {
        sigma
    };
    (sigma, gaussian_smooth(flux, ivar, sigma))
}
