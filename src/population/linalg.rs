//! The dense linear algebra that the linear filters need, in double precision, by libtorch's LAPACK.

use ndarray::{Array1, Array2};
use tch::Tensor;

/// Factor L of a symmetric positive definite A [n, n] = L Lᵀ.
#[derive(Debug)]
pub struct Cholesky(Tensor);

impl Cholesky {
    /// `None` if `a` is not positive definite.
    #[must_use]
    pub fn new(a: &Array2<f64>) -> Option<Self> {
        let factor = tensor(a).f_linalg_cholesky(false).ok()?;
        let trace = factor.trace().double_value(&[]);
        trace.is_finite().then_some(Self(factor))
    }

    /// ln |A|.
    #[must_use]
    pub fn log_determinant(&self) -> f64 {
        let diagonal = self.0.diagonal(0, 0, 1);
        2.0 * diagonal.log().sum(tch::Kind::Double).double_value(&[])
    }

    /// A⁻¹ b for the columns of `b` [n, k].
    #[must_use]
    pub fn solve(&self, b: &Array2<f64>) -> Array2<f64> {
        array(&tensor(b).cholesky_solve(&self.0, false))
    }
}

/// Eigenvalues of the symmetric `a`, falling, and their vectors as columns.
///
/// # Panics
/// If `a` holds NaN or infinities.
#[must_use]
pub fn eigen(a: &Array2<f64>) -> (Array1<f64>, Array2<f64>) {
    let symmetric = (a + &a.t()) * 0.5;
    let (values, vectors) = tensor(&symmetric).linalg_eigh("L");
    let values = array(&values.flip([0]).unsqueeze(0));
    (values.row(0).to_owned(), array(&vectors.flip([1])))
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

fn tensor(a: &Array2<f64>) -> Tensor {
    let (rows, columns) = (a.nrows() as i64, a.ncols() as i64);
    let flat = match a.as_slice() {
        Some(slice) => Tensor::from_slice(slice),
        None => Tensor::from_slice(&a.iter().copied().collect::<Vec<f64>>()),
    };
    flat.view([rows, columns])
}

fn array(t: &Tensor) -> Array2<f64> {
    let size = t.size();
    let mut out = Array2::zeros((size[0] as usize, size[1] as usize));
    if let Some(slice) = out.as_slice_mut() {
        t.contiguous().copy_data(slice, t.numel());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// exp(−|i−j|/5) + δ: positive definite.
    fn matrix(n: usize) -> Array2<f64> {
        Array2::from_shape_fn((n, n), |(i, j)| {
            (-(i as f64 - j as f64).abs() / 5.0).exp() + f64::from(i == j)
        })
    }

    #[test]
    fn the_factor_solves_the_system_for_every_column() {
        for n in [1, 64, 150] {
            let a = matrix(n);
            let x = Array2::from_shape_fn((n, 3), |(i, k)| (i as f64 + k as f64).sin());
            let found = Cholesky::new(&a).unwrap().solve(&a.dot(&x));
            assert!((found - x).iter().all(|d| d.abs() < 1e-10), "n = {n}");
        }
    }

    #[test]
    fn a_matrix_that_is_indefinite_or_not_finite_has_no_factor() {
        let mut a = matrix(100);
        a[[80, 80]] = -1.0;
        assert!(Cholesky::new(&a).is_none());
        a[[80, 80]] = f64::NAN;
        assert!(Cholesky::new(&a).is_none());
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
