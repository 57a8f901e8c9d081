//! Gaussian smoothing with reflecting edges as a matrix: the same operator as `forward`'s.

use ndarray::Array2;
use rustfft::{FftPlanner, num_complex::Complex};

/// The matrix [D, D] that smooths a spectrum of `sigma.len()` pixels; row i is a Gaussian of
/// standard deviation `sigma[i]` pixels about pixel i.
///
/// The Gaussian is the one whose Fourier transform is exp(−ω²σ²/2) up to the pixels' Nyquist
/// frequency, and beyond the edges the spectrum is reflected (the edge pixel repeated), as in the
/// forward model. A width that is zero, negative or not finite means no smoothing.
#[must_use]
pub fn blur_matrix(sigma: &[f64]) -> Array2<f64> {
    let d = sigma.len();
    let mut matrix = Array2::zeros((d, d));
    let n = 2 * d;
    let mut kernel = Vec::new();
    let mut width = f64::NAN;
    for (i, mut row) in matrix.rows_mut().into_iter().enumerate() {
        if !(sigma[i] > 0.0 && sigma[i].is_finite()) {
            row[i] = 1.0;
            continue;
        }
        if sigma[i] != width {
            width = sigma[i];
            kernel = periodic_gaussian(n, width);
        }
        for p in 0..n {
            // The second half of the ring is the mirror image.
            row[p.min(n - 1 - p)] += kernel[(p + n - i) % n];
        }
    }
    matrix
}

/// Inverse Fourier transform of exp(−ω²σ²/2) on a ring of `n` pixels.
fn periodic_gaussian(n: usize, sigma: f64) -> Vec<f64> {
    let mut modes: Vec<Complex<f64>> = (0..n)
        .map(|k| {
            let omega = std::f64::consts::TAU * k.min(n - k) as f64 / n as f64;
            Complex::new((-0.5 * (omega * sigma).powi(2)).exp() / n as f64, 0.0)
        })
        .collect();
    FftPlanner::new().plan_fft_inverse(n).process(&mut modes);
    modes.iter().map(|v| v.re).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array1;

    #[test]
    fn a_constant_stays_and_flux_is_kept() {
        for sigma in [0.0, 0.43, 3.0, 43.0] {
            let b = blur_matrix(&vec![sigma; 128]);
            let ones = Array1::ones(128);
            assert!(b.dot(&ones).iter().all(|v: &f64| (v - 1.0).abs() < 1e-12));
            let kept = b.t().dot(&ones);
            assert!(kept.iter().all(|v: &f64| (v - 1.0).abs() < 1e-12));
        }
    }

    #[test]
    fn a_line_in_the_middle_becomes_a_gaussian() {
        let b = blur_matrix(&[5.0; 200]);
        for (i, v) in b.column(100).iter().enumerate() {
            let u = (i as f64 - 100.0) / 5.0;
            let expected = (-0.5 * u * u).exp() / (5.0 * std::f64::consts::TAU.sqrt());
            assert!((v - expected).abs() < 1e-9);
        }
    }

    #[test]
    fn widths_may_differ_from_pixel_to_pixel() {
        let mut sigma = vec![0.0; 64];
        sigma[32..].fill(2.0);
        let b = blur_matrix(&sigma);
        assert_eq!(b[[10, 10]], 1.0);
        assert!((b[[40, 40]] - 1.0 / (2.0 * std::f64::consts::TAU.sqrt())).abs() < 1e-6);
    }
}
