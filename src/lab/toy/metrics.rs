//! How far two clouds of points are apart, by estimators that see samples alone.

use super::shapes::Shape;
use crate::base::statistics::median;
use ndarray::{ArrayView1, ArrayView2};
use rayon::prelude::*;

/// Distance of every row of `from` [N, d] to its k-th nearest row of `to` [M, d], k ≥ 1; `same`: the
/// two are one sample, whose points are no neighbours of themselves. NaN with fewer than k.
#[must_use]
pub fn neighbour_distances(
    from: ArrayView2<f32>,
    to: ArrayView2<f32>,
    k: usize,
    same: bool,
) -> Vec<f64> {
    (0..from.nrows())
        .into_par_iter()
        .map(|i| {
            let others = (0..to.nrows()).filter(|j| !(same && i == *j));
            let mut squares: Vec<f64> = others.map(|j| square(from.row(i), to.row(j))).collect();
            if squares.len() < k {
                return f64::NAN;
            }
            squares
                .select_nth_unstable_by(k - 1, f64::total_cmp)
                .1
                .sqrt()
        })
        .collect()
}

/// KL(p‖q) in nats from samples `p` [N, d] and `q` [M, d] (Pérez-Cruz 2008): with r_k(x) and s_k(x)
/// the distances of x to its k-th neighbour in p and in q,
///
/// d/N Σ ln(s_k(x)/r_k(x)) + ln(M/(N − 1)), over the points x of p.
///
/// It is consistent, but biased low for finite samples where q is much narrower than p: a distance
/// grows only linearly where the density falls as a Gaussian's tail. May be negative near 0.
#[must_use]
pub fn knn_divergence(p: ArrayView2<f32>, q: ArrayView2<f32>, k: usize) -> f64 {
    let (n, m, d) = (p.nrows() as f64, q.nrows() as f64, p.ncols() as f64);
    let own = neighbour_distances(p, p, k, true);
    let other = neighbour_distances(p, q, k, false);
    // Two identical points would make an infinity of one of the logarithms.
    let log = |r: f64| r.max(f64::from(f32::EPSILON)).ln();
    let sum: f64 = own.iter().zip(&other).map(|(r, s)| log(*s) - log(*r)).sum();
    d / n * sum + (m / (n - 1.0)).ln()
}

/// Squared maximum mean discrepancy of `a` and `b` [N, d] under the kernel exp(−|x − y|²/(2 h²))
/// (Gretton et al. 2012, their unbiased estimate, eq. 3): may be negative where the two are alike.
#[must_use]
pub fn maximum_mean_discrepancy(a: ArrayView2<f32>, b: ArrayView2<f32>, bandwidth: f64) -> f64 {
    let scale = -0.5 / (bandwidth * bandwidth);
    let kernel = |x: ArrayView2<f32>, y: ArrayView2<f32>, same: bool| {
        let rows: Vec<f64> = (0..x.nrows())
            .into_par_iter()
            .map(|i| {
                let others = (0..y.nrows()).filter(|j| !(same && i == *j));
                others
                    .map(|j| (scale * square(x.row(i), y.row(j))).exp())
                    .sum()
            })
            .collect();
        let pairs = x.nrows() * (y.nrows() - usize::from(same));
        rows.iter().sum::<f64>() / pairs as f64
    };
    kernel(a, a, true) + kernel(b, b, true) - 2.0 * kernel(a, b, false)
}

/// Robust half-width of a shape's arms or blobs in a cloud [N, 2]: the median of |offset| from their
/// middle. `None` for shapes without one.
#[must_use]
pub fn half_width(shape: Shape, cloud: ArrayView2<f32>) -> Option<f64> {
    let offset = |p: ArrayView1<f32>| shape.offset([f64::from(p[0]), f64::from(p[1])]);
    let offsets: Option<Vec<f64>> = cloud.rows().into_iter().map(offset).collect();
    offsets.map(|o| median(o.into_iter().map(f64::abs)))
}

fn square(x: ArrayView1<f32>, y: ArrayView1<f32>) -> f64 {
    x.iter().zip(y).map(|(a, b)| f64::from(a - b).powi(2)).sum()
}
