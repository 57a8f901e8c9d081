//! Matrices that are zero beyond a few diagonals.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};

/// A square matrix `[n, n]` whose element (i, j) is 0 where |i − j| > reach.
#[derive(Debug, Clone, PartialEq)]
pub struct BandMatrix {
    reach: usize,
    /// Element (i, j) at [i, j + reach − i], `[n, 2 reach + 1]`.
    rows: Array2<f64>,
}

impl BandMatrix {
    /// The elements of `a` `[n, n]` within `reach` of the diagonal.
    #[must_use]
    pub fn of(a: &Array2<f64>, reach: usize) -> Self {
        let n = a.nrows();
        Self::from_fn(n, reach, |i, j| a[[i, j]])
    }

    /// With the elements `f(i, j)`.
    #[must_use]
    pub fn from_fn(n: usize, reach: usize, f: impl Fn(usize, usize) -> f64) -> Self {
        let rows = Array2::from_shape_fn((n, 2 * reach + 1), |(i, k)| {
            match (i + k).checked_sub(reach) {
                Some(j) if j < n => f(i, j),
                _ => 0.0,
            }
        });
        Self { reach, rows }
    }

    /// n.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.nrows()
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How far from the diagonal elements may lie.
    #[must_use]
    pub fn reach(&self) -> usize {
        self.reach
    }

    /// Element (i, j).
    #[must_use]
    pub fn at(&self, i: usize, j: usize) -> f64 {
        match (j + self.reach).checked_sub(i) {
            Some(k) if k <= 2 * self.reach => self.rows[[i, k]],
            _ => 0.0,
        }
    }

    /// The elements as they are stored, `[n, 2 reach + 1]`, for a file.
    #[must_use]
    pub fn stored(&self) -> &Array2<f64> {
        &self.rows
    }

    /// What [`BandMatrix::stored`] gave.
    #[must_use]
    pub fn from_stored(rows: Array2<f64>) -> Self {
        Self {
            reach: rows.ncols() / 2,
            rows,
        }
    }

    /// The whole matrix.
    #[must_use]
    pub fn dense(&self) -> Array2<f64> {
        let n = self.len();
        Array2::from_shape_fn((n, n), |(i, j)| self.at(i, j))
    }

    /// A x for the columns of `x` `[n, k]`.
    #[must_use]
    pub fn dot(&self, x: ArrayView2<f64>) -> Array2<f64> {
        let n = self.len();
        let mut out = Array2::zeros(x.raw_dim());
        for i in 0..n {
            let mut to = out.row_mut(i);
            for j in self.columns(i) {
                to.scaled_add(self.rows[[i, j + self.reach - i]], &x.row(j));
            }
        }
        out
    }

    /// Aᵀ x for the columns of `x` `[n, k]`.
    #[must_use]
    pub fn transposed_dot(&self, x: ArrayView2<f64>) -> Array2<f64> {
        let n = self.len();
        let mut out = Array2::zeros(x.raw_dim());
        for i in 0..n {
            for j in self.columns(i) {
                out.row_mut(j)
                    .scaled_add(self.rows[[i, j + self.reach - i]], &x.row(i));
            }
        }
        out
    }

    fn columns(&self, i: usize) -> std::ops::Range<usize> {
        i.saturating_sub(self.reach)..(i + self.reach + 1).min(self.len())
    }
}

/// A⁻¹ of A = B + U Uᵀ, B symmetric positive definite and banded, U `[n, k]` with k far below n: by the
/// Cholesky factor L of B and Woodbury's identity.
#[derive(Debug)]
pub(super) struct BandedSolver {
    reach: usize,
    /// L: element (i, j) at [i, j + reach − i], j ≤ i.
    factor: Array2<f64>,
    /// L⁻¹ U.
    modes: Array2<f64>,
    /// Cholesky factor of 1 + Uᵀ B⁻¹ U, lower.
    inner: Array2<f64>,
}

impl BandedSolver {
    /// Of the element function of B, whose reach is `reach`, and U. `None` if B is not positive definite.
    pub fn new(reach: usize, b: impl Fn(usize, usize) -> f64, modes: Array2<f64>) -> Option<Self> {
        let n = modes.nrows();
        let mut l = Array2::<f64>::zeros((n, reach + 1));
        for i in 0..n {
            let from = i.saturating_sub(reach);
            for j in from..=i {
                // Both rows begin where the later one of their first elements lies.
                let first = from.max(j.saturating_sub(reach));
                let (a, c) = (first + reach - i, first + reach - j);
                let len = j - first;
                let (row, other) = (l.row(i), l.row(j));
                let known = dot(&row.as_slice()?[a..a + len], &other.as_slice()?[c..c + len]);
                let left = b(i, j) - known;
                l[[i, j + reach - i]] = if i == j {
                    if !(left > 0.0 && left.is_finite()) {
                        return None;
                    }
                    left.sqrt()
                } else {
                    left / l[[j, reach]]
                };
            }
        }
        // Row by row in memory, as they are worked on: concatenated along columns, they lie column by column, which
        // takes nine times as long.
        let mut modes = modes.as_standard_layout().into_owned();
        let mut solver = Self {
            reach,
            factor: l,
            modes: Array2::zeros((0, 0)),
            inner: Array2::zeros((0, 0)),
        };
        solver.forward(&mut modes);
        let inner = modes.t().dot(&modes) + Array2::<f64>::eye(modes.ncols());
        solver.inner = lower(inner)?;
        solver.modes = modes;
        Some(solver)
    }

    /// A⁻¹ x for the columns of `x` `[n, k]`.
    pub fn solve(&self, x: &Array2<f64>) -> Array2<f64> {
        let mut z = x.as_standard_layout().to_owned();
        self.forward(&mut z);
        let mut w = self.modes.t().dot(&z);
        substitute(&self.inner, &mut w);
        z = z - self.modes.dot(&w);
        self.backward(&mut z);
        z
    }

    /// Mean and covariance of z given x = U z + b, `[n]`, z standard normal and b of the covariance B.
    pub fn modes_given(&self, x: Array1<f64>) -> (Array1<f64>, Array2<f64>) {
        let mut x = x.insert_axis(Axis(1));
        self.forward(&mut x);
        let mut mean = self.modes.t().dot(&x);
        substitute(&self.inner, &mut mean);
        let mut covariance = Array2::eye(self.modes.ncols());
        substitute(&self.inner, &mut covariance);
        (mean.remove_axis(Axis(1)), covariance)
    }

    /// ln |A| = ln |B| + ln |1 + Uᵀ B⁻¹ U|.
    pub fn log_determinant(&self) -> f64 {
        let of = |d: f64| 2.0 * d.ln();
        let band: f64 = self.factor.column(self.reach).iter().map(|d| of(*d)).sum();
        band + self.inner.diag().iter().map(|d| of(*d)).sum::<f64>()
    }

    /// L⁻¹ x, in place.
    fn forward(&self, x: &mut Array2<f64>) {
        for i in 0..x.nrows() {
            let from = i.saturating_sub(self.reach);
            let (done, mut rest) = x.view_mut().split_at(ndarray::Axis(0), i);
            let mut row = rest.row_mut(0);
            for j in from..i {
                row.scaled_add(-self.factor[[i, j + self.reach - i]], &done.row(j));
            }
            let diagonal = 1.0 / self.factor[[i, self.reach]];
            row.mapv_inplace(|v| v * diagonal);
        }
    }

    /// L⁻ᵀ x, in place.
    fn backward(&self, x: &mut Array2<f64>) {
        for i in (0..x.nrows()).rev() {
            let from = i.saturating_sub(self.reach);
            let diagonal = 1.0 / self.factor[[i, self.reach]];
            let (mut before, mut rest) = x.view_mut().split_at(ndarray::Axis(0), i);
            let mut row = rest.row_mut(0);
            row.mapv_inplace(|v| v * diagonal);
            for j in from..i {
                let mut to = before.row_mut(j);
                to.scaled_add(-self.factor[[i, j + self.reach - i]], &row);
            }
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    // Four sums, which the processor adds side by side.
    let mut sums = [0.0; 4];
    let (a4, b4) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = (a4.remainder().iter().zip(b4.remainder()))
        .map(|(a, b)| a * b)
        .sum();
    for (a, b) in a4.zip(b4) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// Lower Cholesky factor of a small matrix; `None` if it is not positive definite.
fn lower(mut a: Array2<f64>) -> Option<Array2<f64>> {
    let n = a.nrows();
    for i in 0..n {
        for j in 0..=i {
            let known = a.slice(s![i, ..j]).dot(&a.slice(s![j, ..j]));
            let left = a[[i, j]] - known;
            a[[i, j]] = if i == j {
                if !(left > 0.0 && left.is_finite()) {
                    return None;
                }
                left.sqrt()
            } else {
                left / a[[j, j]]
            };
        }
        a.slice_mut(s![i, i + 1..]).fill(0.0);
    }
    Some(a)
}

/// (L Lᵀ)⁻¹ x, in place.
fn substitute(l: &Array2<f64>, x: &mut Array2<f64>) {
    let n = l.nrows();
    for i in 0..n {
        for j in 0..i {
            let other = x.row(j).to_owned();
            x.row_mut(i).scaled_add(-l[[i, j]], &other);
        }
        x.row_mut(i).mapv_inplace(|v| v / l[[i, i]]);
    }
    for i in (0..n).rev() {
        for j in i + 1..n {
            let other = x.row(j).to_owned();
            x.row_mut(i).scaled_add(-l[[j, i]], &other);
        }
        x.row_mut(i).mapv_inplace(|v| v / l[[i, i]]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(n: usize, reach: usize) -> BandMatrix {
        BandMatrix::from_fn(n, reach, |i, j| match i.abs_diff(j) {
            0 => 3.0 + (i as f64).sin(),
            k => 0.5 / (k as f64 + (i + j) as f64 * 0.01),
        })
    }

    #[test]
    fn the_band_is_its_dense_matrix() {
        for (n, reach) in [(1, 0), (7, 2), (5, 9)] {
            let band = matrix(n, reach);
            let dense = band.dense();
            assert_eq!(BandMatrix::of(&dense, reach), band);
            assert_eq!(BandMatrix::from_stored(band.stored().clone()), band);
            let x = Array2::from_shape_fn((n, 3), |(i, k)| (i * 3 + k) as f64);
            let close = |a: Array2<f64>, b: Array2<f64>| {
                assert!((a - b).iter().all(|d| d.abs() < 1e-12));
            };
            close(band.dot(x.view()), dense.dot(&x));
            close(band.transposed_dot(x.view()), dense.t().dot(&x));
        }
    }

    #[test]
    fn a_band_with_a_few_modes_is_solved() {
        for (n, reach, k) in [(1, 0, 0), (40, 3, 2), (9, 20, 1), (64, 5, 7)] {
            let band = matrix(n, reach);
            let modes = Array2::from_shape_fn((n, k), |(i, m)| (0.3 * (i * (m + 1)) as f64).cos());
            let a = band.dense() + modes.dot(&modes.t());
            let x = Array2::from_shape_fn((n, 2), |(i, k)| (i as f64 + k as f64).sin());
            let solver = BandedSolver::new(reach, |i, j| band.at(i, j), modes).unwrap();
            let off = solver.solve(&a.dot(&x)) - x;
            assert!(off.iter().all(|d| d.abs() < 1e-10), "{n} {reach} {k}");
        }
    }

    #[test]
    fn an_indefinite_band_has_no_solver() {
        let b = |i: usize, j: usize| if i == j && i != 3 { 1.0 } else { -0.5 };
        assert!(BandedSolver::new(0, b, Array2::zeros((5, 1))).is_none());
        let nan = |_, _| f64::NAN;
        assert!(BandedSolver::new(0, nan, Array2::zeros((2, 0))).is_none());
    }
}
