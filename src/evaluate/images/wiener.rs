//! Wiener filter of images: mean image and power spectrum from the observations and the known
//! channel, one plane at a time.

use super::fourier::Mirrored;
use super::response::{Response, Responses};
use crate::config::ImageConfig;
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;
use rustfft::num_complex::Complex;

/// Standard errors that a mode's mean and power must differ from 0 by to count. A false alarm where the channel
/// passes next to nothing would have its noise blown up without limit: there are thousands of modes.
const SIGNIFICANT: f64 = 5.0;

/// Mean image and power of the clean population, learned from observations.
#[derive(Debug, Clone)]
pub struct Wiener {
    /// Of each channel, per mode.
    mean: Vec<Vec<Complex<f64>>>,
    power: Vec<Vec<f64>>,
}

impl Wiener {
    /// From observations [N, D] without gaps. `responses` holds one for all rows, one for each, or one for
    /// each channel of each.
    ///
    /// Least squares per mode over the rows: X̄ = Σ H Y / Σ H² and
    /// P = Σ H² (|Y − H X̄|² − noise) / Σ H⁴, each 0 where it is not significant.
    #[must_use]
    pub fn learn<'a>(
        observed: ArrayView2<f32>,
        responses: impl Into<Responses<'a>>,
        shape: ImageConfig,
        modes: &Mirrored,
    ) -> Self {
        let responses = responses.into();
        let channel = |c: usize| {
            let of_row = |i: usize| responses.of(i, c);
            let planes: Vec<Vec<Complex<f64>>> = (0..observed.nrows())
                .into_par_iter()
                .map(|i| transform(observed, i, c, of_row(i), shape, modes))
                .collect();
            let each = || planes.iter().enumerate().map(|(i, y)| (y, of_row(i)));
            let mode = |k: usize| {
                let (mut hy, mut hh, mut noise) = (Complex::default(), 0.0, 0.0);
                for (y, r) in each() {
                    let h = r.transfer[k];
                    hy += y[k] * h;
                    hh += h * h;
                    noise += h * h * r.noise[k];
                }
                let (raw, variance) = (hy / hh, noise / (hh * hh));
                let mean = if raw.norm_sqr() > SIGNIFICANT.powi(2) * variance {
                    raw
                } else {
                    Complex::default()
                };
                let (mut excess, mut h4, mut scatter) = (0.0, 0.0, 0.0);
                for (y, r) in each() {
                    let h2 = r.transfer[k].powi(2);
                    excess += h2 * ((y[k] - mean * r.transfer[k]).norm_sqr() - r.noise[k]);
                    h4 += h2 * h2;
                    // |noise|² has twice its expectation squared for variance where a mode is real.
                    scatter += 2.0 * (h2 * r.noise[k]).powi(2);
                }
                let significant = excess > SIGNIFICANT * scatter.sqrt() && h4 > 0.0;
                (mean, if significant { excess / h4 } else { 0.0 })
            };
            (0..modes.modes()).into_par_iter().map(mode).unzip()
        };
        let (mean, power) = (0..shape.channels).map(channel).unzip();
        Self { mean, power }
    }

    /// Estimates X̄ + P H (Y − H X̄) / (P H² + noise + `floor` × mean P H²) of observations
    /// [N, D] without gaps. The floor (0: none) guards against a channel that is not quite the assumed one
    /// where it passes little.
    #[must_use]
    pub fn apply<'a>(
        &self,
        observed: ArrayView2<f32>,
        responses: impl Into<Responses<'a>>,
        floor: f64,
        shape: ImageConfig,
        modes: &Mirrored,
    ) -> Array2<f32> {
        let plane = shape.height * shape.width;
        let responses = responses.into();
        let mut out = Array2::zeros(observed.raw_dim());
        out.axis_iter_mut(Axis(0))
            .into_par_iter()
            .enumerate()
            .for_each(|(i, mut row)| {
                for c in 0..shape.channels {
                    let r = responses.of(i, c);
                    let (mean, power) = (&self.mean[c], &self.power[c]);
                    let passed = power.iter().zip(&r.transfer).map(|(p, h)| p * h * h);
                    let level = floor * passed.sum::<f64>() / power.len() as f64;
                    let y = transform(observed, i, c, r, shape, modes);
                    let estimate = (0..modes.modes()).map(|k| {
                        let (h, p) = (r.transfer[k], power[k]);
                        let below = p * h * h + r.noise[k] + level;
                        let gain = if below > 0.0 { p * h / below } else { 0.0 };
                        mean[k] + (y[k] - mean[k] * h) * gain
                    });
                    let whole = modes.restore(estimate.collect());
                    for (k, v) in modes.crop(&whole).enumerate() {
                        row[c * plane + k] = v as f32;
                    }
                }
            });
        out
    }
}

fn transform(
    images: ArrayView2<f32>,
    i: usize,
    c: usize,
    response: &Response,
    shape: ImageConfig,
    modes: &Mirrored,
) -> Vec<Complex<f64>> {
    let first = c * shape.height * shape.width;
    let value = |k: usize| f64::from(images[[i, first + k]]) - response.offset;
    modes.transform(&modes.mirror(value))
}
