//! Gaussian blur of images.

use tch::{Device, Tensor};

/// A Gaussian of fixed width along both axes, cut at 2⌈3σ⌉ + 1 pixels. Beyond the edges the image
/// is reflected, the edge pixel repeated (`reflect` of scipy.ndimage, `symmetric` of numpy), again
/// and again where the kernel is larger than the image: no flux is lost and no rim appears.
#[derive(Debug)]
pub(crate) struct Blur {
    /// The blur along the columns, [H, H], and along the rows, [W, W]: one matrix product each,
    /// reflections included.
    down: Tensor,
    across: Tensor,
}

impl Blur {
    /// `sigma` in pixels.
    pub(crate) fn new(sigma: f64, [height, width]: [i64; 2], device: Device) -> Self {
        let kernel = kernel(sigma);
        let square = |n: i64| matrix(&kernel, n as usize, device);
        Self {
            down: square(height),
            across: square(width).transpose(0, 1),
        }
    }

    /// Blurs [B, C, H, W].
    pub(crate) fn apply(&self, x: &Tensor) -> Tensor {
        self.down.matmul(x).matmul(&self.across)
    }

    /// What becomes of the variance [B, C, H, W] of independent pixels.
    pub(crate) fn variance(&self, v: &Tensor) -> Tensor {
        self.down.square().matmul(v).matmul(&self.across.square())
    }
}

/// The pixel that stands at place `i` of an axis of `n` pixels continued by its mirror images.
pub(crate) fn reflected(i: i64, n: i64) -> i64 {
    let i = i.rem_euclid(2 * n);
    i.min(2 * n - 1 - i)
}

/// Weights of sum 1 at −⌈3σ⌉ … ⌈3σ⌉.
fn kernel(sigma: f64) -> Vec<f64> {
    let radius = (3.0 * sigma).ceil() as i64;
    let weights: Vec<f64> = (-radius..=radius)
        .map(|i| (-0.5 * (i as f64 / sigma).powi(2)).exp())
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| w / sum).collect()
}

/// Row i holds the weights of the n pixels in blurred pixel i.
fn matrix(kernel: &[f64], n: usize, device: Device) -> Tensor {
    let radius = (kernel.len() / 2) as i64;
    let mut m = vec![0f64; n * n];
    for i in 0..n {
        for (k, weight) in kernel.iter().enumerate() {
            let j = reflected(i as i64 + k as i64 - radius, n as i64);
            m[i * n + j as usize] += weight;
        }
    }
    let m: Vec<f32> = m.iter().map(|w| *w as f32).collect();
    Tensor::from_slice(&m)
        .view([n as i64, n as i64])
        .to_device(device)
}
