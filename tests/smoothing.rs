//! Three ways to smooth a spectrum agree: libtorch's FFT in batches (the forward model), rustfft on
//! the host (its reference) and the matrix that the linear filters use.

use ndarray::Array1;
use selfsi::forward::{Smoothing, gaussian_smooth_host};
use selfsi::population::blur_matrix;
use tch::{Device, Tensor};

const D: usize = 300;

/// A step, a line and a slope that does not end at the edges.
fn spectrum() -> Vec<f64> {
    (0..D)
        .map(|i| {
            let x = i as f64;
            let step = if i > 120 { 1.0 } else { 0.3 };
            step + 0.004 * x + 3.0 * (-0.5 * ((x - 200.0) / 2.0).powi(2)).exp()
        })
        .collect()
}

fn row(values: &[f64]) -> Tensor {
    let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
    Tensor::from_slice(&values).unsqueeze(0)
}

fn assert_close(device: &Tensor, host: &[f64]) {
    let device = Vec::<f32>::try_from(device.contiguous().view([-1])).unwrap();
    for (a, b) in device.iter().zip(host) {
        assert!((f64::from(*a) - b).abs() < 2e-5, "{a} {b}");
    }
}

#[test]
fn device_host_and_matrix_smooth_alike_for_narrow_and_wide_kernels() {
    let x = spectrum();
    for sigma in [0.43, 2.0, 43.4] {
        let host = gaussian_smooth_host(&x, sigma);
        let matrix = blur_matrix(&[sigma; D]).dot(&Array1::from(x.clone()));
        for (a, b) in matrix.iter().zip(&host) {
            assert!((a - b).abs() < 1e-9, "σ = {sigma}: {a} {b}");
        }
        let smoothing = Smoothing::new(D, Device::Cpu);
        let width = Tensor::from_slice(&[sigma as f32]).view([1, 1]);
        assert_close(&smoothing.uniform(&row(&x), &width), &host);
        assert_close(&smoothing.per_pixel(&row(&x), &row(&[sigma; D])), &host);
    }
}

#[test]
fn what_lies_at_one_end_leaves_the_other_alone() {
    // Only a kernel below a pixel rings at all, ever less with distance.
    let mut x = vec![0.0; D];
    x[D - 1] = 1.0;
    for (sigma, least) in [(0.43, 2e-3), (2.0, 1e-12)] {
        let smoothed = gaussian_smooth_host(&x, sigma);
        assert!(
            smoothed[..D / 2].iter().all(|v| v.abs() < least),
            "σ = {sigma}"
        );
    }
}

#[test]
fn a_width_that_varies_as_a_spectrographs_does_is_followed_pixel_by_pixel() {
    let x = spectrum();
    let sigma: Vec<f64> = (0..D).map(|i| 1.0 + 0.3 * i as f64 / D as f64).collect();
    let exact = blur_matrix(&sigma).dot(&Array1::from(x.clone()));
    let smoothing = Smoothing::new(D, Device::Cpu);
    let got = smoothing.per_pixel(&row(&x), &row(&sigma));
    let got = Vec::<f32>::try_from(got.contiguous().view([-1])).unwrap();
    for (a, b) in got.iter().zip(&exact) {
        // The line and the step are several units of contrast: 3e-3 is a part in a thousand.
        assert!((f64::from(*a) - b).abs() < 3e-3, "{a} {b}");
    }
}
