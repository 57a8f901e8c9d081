//! Sliced Wasserstein distance of two populations, free of the finite sample's own distance.
//!
//! Two samples of one population differ: with a few thousand spectra their plain distance, the
//! *floor*, is as large as what is to be measured. So restorations are compared with the truth of
//! the *same* objects, which shares their sampling noise, and what noise is left is kept out of the
//! square by cross-fitting. The objects are dealt into F folds of n. Along a direction, q_f holds
//! the differences of the sorted projections (order statistics) of fold f: restored less true. Its
//! expectation does not depend on the fold, and different folds are independent, so
//!
//! ⟨q_f, q_g⟩ / n, averaged over the pairs f ≠ g and over the directions,
//!
//! is an unbiased estimate of the squared distance between the expected order statistics of n
//! objects of either population: exactly 0 where the populations are the same, and the squared sliced
//! 2-Wasserstein distance as n grows (of Gaussians of unequal width it is short by the share of
//! variance beyond the expected order statistics, 1.5 % at n = 250). It can come out negative where
//! the truth is near 0. Its standard error is the jackknife's over the folds.

use ndarray::{Array2, ArrayView2, Axis};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

/// Random directions, more than enough for three digits.
pub const DIRECTIONS: usize = 512;

/// Shortest and longest window of a local direction, pixels.
const WINDOW: [f64; 2] = [4.0, 64.0];

/// Folds that the objects are dealt into.
const FOLDS: usize = 8;

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

/// A squared population distance and its standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SquaredDistance {
    /// May be negative, see the module's text.
    pub value: f64,
    /// Its standard error.
    pub error: f64,
}

impl SquaredDistance {
    /// The distance: 0 where the square's estimate is negative.
    #[must_use]
    pub fn root(&self) -> f64 {
        // f64::max would turn NaN into 0.
        if self.value < 0.0 {
            0.0
        } else {
            self.value.sqrt()
        }
    }

    /// How much one standard error more in the square adds to the distance.
    #[must_use]
    pub fn root_error(&self) -> f64 {
        let root = self.root();
        (root * root + self.error).sqrt() - root
    }
}

/// Squared distance between the populations of `restored` and `truth`, both [N, D], rows of the same
/// objects (or independent ones: only the error is then larger), in units of one pixel's square. For
/// Gaussians it is E_θ[(θ·Δm)² + (σ_a(θ) − σ_b(θ))²] over unit directions θ.
///
/// Rows that are not finite on either side are left out. NaN with fewer than 16 left.
#[must_use]
pub fn population_distance(
    restored: ArrayView2<f32>,
    truth: ArrayView2<f32>,
    slices: Slices,
    seed: u64,
) -> SquaredDistance {
    let finite = |x: ArrayView2<f32>, i: usize| x.row(i).iter().all(|v| v.is_finite());
    let keep: Vec<usize> = (0..truth.nrows())
        .filter(|i| finite(restored, *i) && finite(truth, *i))
        .collect();
    let n = keep.len() / FOLDS;
    if n < 2 {
        return SquaredDistance {
            value: f64::NAN,
            error: f64::NAN,
        };
    }
    let theta = directions(truth.ncols(), slices, seed);
    let a = restored.select(Axis(0), &keep).dot(&theta);
    let b = truth.select(Axis(0), &keep).dot(&theta);
    let products = (0..DIRECTIONS)
        .into_par_iter()
        .map(|k| {
            let q = Array2::from_shape_vec(
                (FOLDS, n),
                (0..FOLDS)
                    .flat_map(|f| {
                        let sorted = |p: &Array2<f32>| {
                            let fold = (0..n).map(|i| p[[i * FOLDS + f, k]]);
                            sorted(fold.collect())
                        };
                        let (a, b) = (sorted(&a), sorted(&b));
                        (0..n).map(move |i| f64::from(a[i]) - f64::from(b[i]))
                    })
                    .collect(),
            )
            .unwrap_or_default();
            q.dot(&q.t()) / n as f64
        })
        // In order: the sum does not depend on the threads.
        .collect::<Vec<_>>()
        .into_iter()
        .fold(Array2::<f64>::zeros((FOLDS, FOLDS)), |sum, p| sum + p)
        / DIRECTIONS as f64;
    // The mean over pairs of different folds, without fold `left_out`.
    let over_pairs = |left_out: usize| {
        let folds = (0..FOLDS).filter(|f| *f != left_out);
        let pairs = folds
            .clone()
            .flat_map(|f| folds.clone().map(move |g| (f, g)))
            .filter(|(f, g)| f != g);
        let (sum, count) = pairs.fold((0.0, 0.0), |(s, c), p| (s + products[p], c + 1.0));
        sum / count
    };
    let without: Vec<f64> = (0..FOLDS).map(over_pairs).collect();
    let mean = without.iter().sum::<f64>() / FOLDS as f64;
    let spread: f64 = without.iter().map(|v| (v - mean).powi(2)).sum();
    SquaredDistance {
        value: over_pairs(FOLDS),
        error: (spread * (FOLDS - 1) as f64 / FOLDS as f64).sqrt(),
    }
}

/// The plain sliced 2-Wasserstein distance between the rows of `a` and `b`, both [N, D], with no
/// correction: between samples of one population it is the floor.
#[must_use]
pub fn sliced_wasserstein(
    a: ArrayView2<f32>,
    b: ArrayView2<f32>,
    slices: Slices,
    seed: u64,
) -> f64 {
    let theta = directions(a.ncols(), slices, seed);
    let (pa, pb) = (a.dot(&theta), b.dot(&theta));
    let squares: Vec<f64> = (0..DIRECTIONS)
        .into_par_iter()
        .map(|k| {
            let (a, b) = (sorted(pa.column(k).to_vec()), sorted(pb.column(k).to_vec()));
            let differences = a.iter().zip(&b).map(|(a, b)| f64::from(a - b).powi(2));
            differences.sum::<f64>() / a.len() as f64
        })
        .collect();
    (squares.iter().sum::<f64>() / DIRECTIONS as f64).sqrt()
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
                column.slice_mut(ndarray::s![from..from + width])
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

fn sorted(mut v: Vec<f32>) -> Vec<f32> {
    v.sort_unstable_by(f32::total_cmp);
    v
}
