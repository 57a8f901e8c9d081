//! The little dense linear algebra that the linear filters need, in double precision.

use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, s};

/// Columns factored at a time: the rest of the work is matrix products.
const BLOCK: usize = 64;

/// Replaces the lower triangle of the symmetric `a` [n, n] by its Cholesky factor L (A = L Lᵀ);
/// the upper triangle is left as it was. `None` if `a` is not positive definite.
#[must_use]
pub fn cholesky(a: &mut Array2<f64>) -> Option<()> {
    let n = a.nrows();
    for k in (0..n).step_by(BLOCK) {
        let e = (k + BLOCK).min(n);
        factor_block(a, k, e)?;
        if e == n {
            break;
        }
        solve_panel(a, k, e);
        // Right-looking update of the trailing lower triangle, one block column at a time.
        let panel = a.slice(s![e.., k..e]).to_owned();
        for j in (e..n).step_by(BLOCK) {
            let w = (j + BLOCK).min(n);
            let right = panel.slice(s![j - e..w - e, ..]);
            let left = panel.slice(s![j - e.., ..]);
            let mut target = a.slice_mut(s![j.., j..w]);
            general_mat_mul(-1.0, &left, &right.t(), 1.0, &mut target);
        }
    }
    Some(())
}

fn factor_block(a: &mut Array2<f64>, k: usize, e: usize) -> Option<()> {
    for j in k..e {
        for i in j..e {
            let dot: f64 = (k..j).map(|p| a[[i, p]] * a[[j, p]]).sum();
            let v = a[[i, j]] - dot;
            if i > j {
                a[[i, j]] = v / a[[j, j]];
            } else if v > 0.0 && v.is_finite() {
                a[[j, j]] = v.sqrt();
            } else {
                return None;
            }
        }
    }
    Some(())
}

/// Rows below the diagonal block: L21 = A21 L11⁻ᵀ, with the small inverse made once so that the
/// rest is a matrix product.
fn solve_panel(a: &mut Array2<f64>, k: usize, e: usize) {
    let w = e - k;
    let mut inverse = Array2::<f64>::zeros((w, w));
    for c in 0..w {
        for r in c..w {
            let dot: f64 = (c..r).map(|p| a[[k + r, k + p]] * inverse[[p, c]]).sum();
            inverse[[r, c]] = (f64::from(u8::from(r == c)) - dot) / a[[k + r, k + r]];
        }
    }
    let below = a.slice(s![e.., k..e]).dot(&inverse.t());
    a.slice_mut(s![e.., k..e]).assign(&below);
}

/// Solves L Lᵀ x = b in place, L in the lower triangle of `l`.
pub fn cholesky_solve(l: &Array2<f64>, b: &mut Array1<f64>) {
    let n = b.len();
    for i in 0..n {
        let dot = l.slice(s![i, ..i]).dot(&b.slice(s![..i]));
        b[i] = (b[i] - dot) / l[[i, i]];
    }
    // Lᵀ column by column, so that L is read along its rows.
    for i in (0..n).rev() {
        let x = b[i] / l[[i, i]];
        b[i] = x;
        b.slice_mut(s![..i]).scaled_add(-x, &l.slice(s![i, ..i]));
    }
}

/// Eigenvalues of the symmetric `a`, falling, and their vectors as columns.
#[must_use]
pub fn eigen(a: &Array2<f64>) -> (Array1<f64>, Array2<f64>) {
    let n = a.nrows();
    let m = DMatrix::from_fn(n, n, |i, j| 0.5 * (a[[i, j]] + a[[j, i]]));
    let e = SymmetricEigen::new(m);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|i, j| e.eigenvalues[*j].total_cmp(&e.eigenvalues[*i]));
    let values = order.iter().map(|i| e.eigenvalues[*i]).collect();
    let vectors = Array2::from_shape_fn((n, n), |(i, j)| e.eigenvectors[(i, order[j])]);
    (values, vectors)
}

/// V diag(d) Vᵀ.
#[must_use]
pub fn recompose(vectors: &Array2<f64>, d: &Array1<f64>) -> Array2<f64> {
    (vectors * d).dot(&vectors.t())
}

/// The nearest positive semidefinite matrix to the symmetric `a`: negative eigenvalues become 0.
#[must_use]
pub fn clip_to_psd(a: &Array2<f64>) -> Array2<f64> {
    let (values, vectors) = eigen(a);
    recompose(&vectors, &values.mapv(|v| v.max(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// exp(−|i−j|/5) + δ: positive definite, larger than one block.
    fn matrix(n: usize) -> Array2<f64> {
        Array2::from_shape_fn((n, n), |(i, j)| {
            (-(i as f64 - j as f64).abs() / 5.0).exp() + f64::from(i == j)
        })
    }

    #[test]
    fn the_blocked_factor_solves_the_system() {
        for n in [1, 63, 64, 65, 150] {
            let a = matrix(n);
            let x: Array1<f64> = (0..n).map(|i| (i as f64).sin()).collect();
            let mut b = a.dot(&x);
            let mut l = a.clone();
            cholesky(&mut l).unwrap();
            cholesky_solve(&l, &mut b);
            assert!((&b - &x).iter().all(|d| d.abs() < 1e-10), "n = {n}");
        }
    }

    #[test]
    fn an_indefinite_matrix_has_no_factor() {
        let mut a = matrix(100);
        a[[80, 80]] = -1.0;
        assert!(cholesky(&mut a).is_none());
    }

    #[test]
    fn eigenvectors_recompose_the_matrix() {
        let a = matrix(40);
        let (values, vectors) = eigen(&a);
        assert!(values.windows(2).into_iter().all(|w| w[0] >= w[1]));
        assert!(
            (recompose(&vectors, &values) - &a)
                .iter()
                .all(|d| d.abs() < 1e-10)
        );
        assert!((clip_to_psd(&a) - a).iter().all(|d| d.abs() < 1e-10));
    }
}
