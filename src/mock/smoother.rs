//! Gaussian line-spread functions of any width, on the fine grid.

use rustfft::{Fft, FftDirection, FftPlanner, num_complex::Complex};
use std::sync::Arc;

/// Convolution with Gaussians in Fourier space.
pub struct Smoother {
    forward: Arc<dyn Fft<f64>>,
    inverse: Arc<dyn Fft<f64>>,
}

impl Smoother {
    /// For spectra of at most `pixels` fine pixels.
    pub fn new(pixels: usize) -> Self {
        let n = pixels.next_power_of_two();
        let mut planner = FftPlanner::new();
        Self {
            forward: planner.plan_fft(n, FftDirection::Forward),
            inverse: planner.plan_fft(n, FftDirection::Inverse),
        }
    }

    /// Convolves with a Gaussian of `sigma` fine pixels; what lies within 5 σ of an end is not to
    /// be used.
    pub fn smooth(&self, flux: &mut [f64], sigma: f64) {
        let n = self.forward.len();
        let mut modes: Vec<Complex<f64>> = flux.iter().map(|f| Complex::new(*f, 0.0)).collect();
        modes.resize(n, Complex::new(0.0, 0.0));
        self.forward.process(&mut modes);
        for (i, m) in modes.iter_mut().enumerate() {
            let x = 2.0 * std::f64::consts::PI * i.min(n - i) as f64 / n as f64 * sigma;
            *m *= (-0.5 * x * x).exp() / n as f64;
        }
        self.inverse.process(&mut modes);
        for (f, m) in flux.iter_mut().zip(modes) {
            *f = m.re;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Smoother;
    use approx::assert_relative_eq;

    #[test]
    fn a_spike_becomes_a_gaussian_of_the_same_area() {
        let mut flux = vec![0.0; 1000];
        flux[500] = 1.0;
        Smoother::new(1000).smooth(&mut flux, 12.0);
        let moment = |k: i32| -> f64 {
            flux.iter()
                .enumerate()
                .map(|(i, f)| f * (i as f64 - 500.0).powi(k))
                .sum()
        };
        assert_relative_eq!(moment(0), 1.0, epsilon = 1e-9);
        assert_relative_eq!(moment(2), 144.0, max_relative = 1e-6);
    }
}
