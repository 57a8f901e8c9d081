//! Sliced Wasserstein distance of two populations.

use ndarray::{Array2, ArrayView2, Axis, s};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

/// Random directions, more than enough for three digits.
pub const DIRECTIONS: usize = 512;

/// Shortest and longest window of a local direction, pixels.
const WINDOW: [f64; 2] = [4.0, 64.0];

/// Along which directions populations are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slices {
    /// Uniform on the unit sphere: every component of the population's variance counts alike, so
    /// that the broad ones (slope, line strengths), which hold most of it, decide.
    Whole,
    /// Random contrasts (zero mean) inside windows of 4 to 64 pixels at random places, after the
    /// patches of the multi-scale distance of Karras et al. (2018): the small-scale structure
    /// decides, which smoothing destroys.
    Local,
}

/// Sliced 2-Wasserstein distance between the rows of `a` [N, D] and `b` [M, D]: the root of the
/// mean over [`DIRECTIONS`] random unit directions (`slices`) of the squared 1-D distance, so in the units of
/// one pixel. For Gaussians it is the root of E_θ[(θ·Δm)² + (σ_a(θ) − σ_b(θ))²].
///
/// Rows that are not finite are left out. NaN if either side is then empty.
#[must_use]
pub fn sliced_wasserstein(
    a: ArrayView2<f32>,
    b: ArrayView2<f32>,
    slices: Slices,
    seed: u64,
) -> f64 {
    let (a, b) = (finite_rows(a), finite_rows(b));
    if a.nrows() == 0 || b.nrows() == 0 {
        return f64::NAN;
    }
    let theta = directions(a.ncols(), slices, seed);
    let (pa, pb) = (a.dot(&theta), b.dot(&theta));
    let total: f64 = (0..DIRECTIONS)
        .into_par_iter()
        .map(|k| wasserstein2_squared(&sorted(&pa, k), &sorted(&pb, k)))
        .sum();
    (total / DIRECTIONS as f64).sqrt()
}

/// What the distance is between two samples of the same population: one half of the rows against
/// the other. Distances near it say nothing.
#[must_use]
pub fn split_half(a: ArrayView2<f32>, slices: Slices, seed: u64) -> f64 {
    sliced_wasserstein(a.slice(s![..;2, ..]), a.slice(s![1..;2, ..]), slices, seed)
}

fn finite_rows(a: ArrayView2<f32>) -> Array2<f32> {
    let keep: Vec<usize> = a
        .rows()
        .into_iter()
        .enumerate()
        .filter(|(_, r)| r.iter().all(|v| v.is_finite()))
        .map(|(i, _)| i)
        .collect();
    a.select(Axis(0), &keep)
}

/// Unit directions as columns, [D, K].
fn directions(d: usize, slices: Slices, seed: u64) -> Array2<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut theta = Array2::<f32>::zeros((d, DIRECTIONS));
    for mut column in theta.columns_mut() {
        let mut part = match slices {
            Slices::Whole => column.view_mut(),
            Slices::Local => {
                let width = WINDOW[0] * (WINDOW[1] / WINDOW[0]).powf(rng.random());
                let width = (width.round() as usize).min(d);
                let from = rng.random_range(0..=d - width);
                column.slice_mut(s![from..from + width])
            }
        };
        part.mapv_inplace(|_| StandardNormal.sample(&mut rng));
        if slices == Slices::Local {
            let mean = part.sum() / part.len() as f32;
            part -= mean;
        }
        let norm = column.dot(&column).sqrt();
        column /= norm;
    }
    theta
}

fn sorted(projected: &Array2<f32>, k: usize) -> Vec<f32> {
    let mut v = projected.column(k).to_vec();
    v.sort_unstable_by(f32::total_cmp);
    v
}

/// Mean squared difference of the quantile functions; samples of unequal size are compared at the
/// larger one's quantiles.
fn wasserstein2_squared(a: &[f32], b: &[f32]) -> f64 {
    let n = a.len().max(b.len());
    let sum: f64 = (0..n)
        .map(|i| {
            let q = (i as f64 + 0.5) / n as f64;
            (quantile(a, q) - quantile(b, q)).powi(2)
        })
        .sum();
    sum / n as f64
}

/// Quantile of a sorted sample, linear between its points at (i + ½)/n.
fn quantile(sorted: &[f32], q: f64) -> f64 {
    let x = (q * sorted.len() as f64 - 0.5).clamp(0.0, (sorted.len() - 1) as f64);
    let i = (x + 1e-9).floor() as usize;
    let low = f64::from(sorted[i]);
    let high = f64::from(sorted[(i + 1).min(sorted.len() - 1)]);
    low + (x - i as f64).max(0.0) * (high - low)
}
