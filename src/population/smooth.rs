//! A spectrum of any smooth shape, without lines: what is known of one of which nothing is known.

use super::linalg::Cholesky;
use ndarray::{Array1, Array2, ArrayView1, Axis};
use std::f64::consts::TAU;

/// Terms of a smooth spectrum, Legendre polynomials over its pixels, and the standard deviation of each, in
/// amplitudes of the population.
const TERMS: usize = 6;
const WIDE: f64 = 3.0;

/// ln p(y) of a smooth spectrum in amplitudes of its population, `y` `[D]`, under white noise of the variances
/// `variance` `[D]`, 0 where masked; 0 of one without a good pixel.
#[must_use]
pub fn smooth(y: ArrayView1<f64>, variance: ArrayView1<f64>) -> f64 {
    let last = (variance.len() - 1).max(1) as f64;
    let good: Vec<usize> = (0..variance.len()).filter(|j| variance[*j] > 0.0).collect();
    let terms = Array2::from_shape_fn((good.len(), TERMS), |(k, n)| {
        legendre(n, 2.0 * good[k] as f64 / last - 1.0)
    });
    let weight: Array1<f64> = good.iter().map(|j| 1.0 / variance[*j]).collect();
    let y: Array1<f64> = good.iter().map(|j| y[*j]).collect();
    let weighted = &terms * &weight.view().insert_axis(Axis(1));
    // Coefficients of standard deviation WIDE, in its units.
    let inner = terms.t().dot(&weighted) * (WIDE * WIDE) + Array2::<f64>::eye(TERMS);
    let told = weighted.t().dot(&y) * WIDE;
    let Some(solver) = Cholesky::new(&inner) else {
        return f64::NAN;
    };
    let found = solver.solve(&told.view().insert_axis(Axis(1)).to_owned());
    let square = (&y * &y).dot(&weight) - told.dot(&found.column(0));
    let noise: f64 = weight.iter().map(|w| (TAU / w).ln()).sum();
    -0.5 * (square + noise + solver.log_determinant())
}

/// The Legendre polynomial of degree `n` at `x`.
fn legendre(n: usize, x: f64) -> f64 {
    let (mut before, mut now) = (1.0, x);
    for k in 1..n {
        let k = k as f64;
        (before, now) = (now, ((2.0 * k + 1.0) * x * now - k * before) / (k + 1.0));
    }
    if n == 0 { 1.0 } else { now }
}

#[cfg(test)]
mod tests {
    use super::{legendre, smooth};
    use ndarray::Array1;

    #[test]
    fn legendre_polynomials_are_those_of_the_tables() {
        let x = 0.3f64;
        let known = [
            1.0,
            x,
            0.5 * (3.0 * x * x - 1.0),
            0.5 * (5.0 * x.powi(3) - 3.0 * x),
        ];
        for (n, known) in known.into_iter().enumerate() {
            assert!((legendre(n, x) - known).abs() < 1e-12);
        }
        assert!((0..6).all(|n| (legendre(n, 1.0) - 1.0).abs() < 1e-12));
    }

    #[test]
    fn a_smooth_spectrum_is_likelier_than_one_with_a_line() {
        let variance = Array1::from_elem(80, 0.01);
        let flat = Array1::from_elem(80, 1.0);
        let mut line = flat.clone();
        line.slice_mut(ndarray::s![38..42]).fill(2.0);
        let of = |y: &Array1<f64>| smooth(y.view(), variance.view());
        assert!(of(&flat) > of(&line) + 100.0);
        assert_eq!(smooth(flat.view(), Array1::zeros(80).view()), 0.0);
    }
}
