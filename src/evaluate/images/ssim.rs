//! Structural similarity (Wang, Bovik, Sheikh & Simoncelli 2004, IEEE Trans. Image Process. 13, 600).

use super::psnr::DataRange;
use crate::config::ImageConfig;
use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;

/// Their Gaussian window: pixels across, σ.
const WINDOW: usize = 11;
const SIGMA: f64 = 1.5;
/// Their constants K₁ and K₂.
const K1: f64 = 0.01;
const K2: f64 = 0.03;

/// Mean SSIM of each row of `a` and `b`, both [N, D], over channels and over the places where the
/// window lies within the image. Variances are weighted means (population, not sample). In images
/// smaller than the window of 11 pixels it has the largest odd size that fits, σ staying 1.5.
#[must_use]
pub fn ssim(
    a: ArrayView2<f32>,
    b: ArrayView2<f32>,
    shape: ImageConfig,
    range: DataRange,
) -> Vec<f64> {
    let smaller = shape.height.min(shape.width);
    let size = WINDOW.min(smaller - (smaller + 1) % 2);
    let window = gaussian(size);
    let [c1, c2] = [K1, K2].map(|k| (k * range.width()).powi(2));
    let plane = shape.height * shape.width;
    a.axis_iter(Axis(0))
        .into_par_iter()
        .zip(b.axis_iter(Axis(0)).into_par_iter())
        .map(|(a, b)| {
            let pixels = |row: ndarray::ArrayView1<f32>| -> Vec<f64> {
                row.iter().map(|v| f64::from(*v)).collect()
            };
            let (a, b) = (pixels(a), pixels(b));
            let channels = a.chunks_exact(plane).zip(b.chunks_exact(plane));
            let sum: f64 = channels
                .map(|(a, b)| one_plane(a, b, shape.width, &window, c1, c2))
                .sum();
            sum / shape.channels as f64
        })
        .collect()
}

fn one_plane(a: &[f64], b: &[f64], width: usize, window: &[f64], c1: f64, c2: f64) -> f64 {
    let product =
        |x: &[f64], y: &[f64]| -> Vec<f64> { x.iter().zip(y).map(|(x, y)| x * y).collect() };
    let local = |x: &[f64]| local_means(x, width, window);
    let (ma, mb) = (local(a), local(b));
    let (aa, bb, ab) = (
        local(&product(a, a)),
        local(&product(b, b)),
        local(&product(a, b)),
    );
    let sum: f64 = (0..ma.len())
        .map(|i| {
            let (m, n) = (ma[i], mb[i]);
            let (va, vb, vab) = (aa[i] - m * m, bb[i] - n * n, ab[i] - m * n);
            (2.0 * m * n + c1) * (2.0 * vab + c2) / ((m * m + n * n + c1) * (va + vb + c2))
        })
        .sum();
    sum / ma.len() as f64
}

fn gaussian(size: usize) -> Vec<f64> {
    let centre = (size / 2) as f64;
    let weight = |i: usize| (-0.5 * ((i as f64 - centre) / SIGMA).powi(2)).exp();
    let sum: f64 = (0..size).map(weight).sum();
    (0..size).map(|i| weight(i) / sum).collect()
}

/// Weighted means in every window within the image of rows of `width` pixels.
fn local_means(x: &[f64], width: usize, window: &[f64]) -> Vec<f64> {
    let weighted = |values: &mut dyn Iterator<Item = f64>| -> f64 {
        values.zip(window).map(|(v, w)| v * w).sum()
    };
    let narrow = width + 1 - window.len();
    let along: Vec<f64> = x
        .chunks_exact(width)
        .flat_map(|row| (0..narrow).map(move |i| weighted(&mut row[i..].iter().copied())))
        .collect();
    let rows = x.len() / width + 1 - window.len();
    (0..rows * narrow)
        .map(|i| weighted(&mut along[i..].iter().step_by(narrow).copied()))
        .collect()
}
