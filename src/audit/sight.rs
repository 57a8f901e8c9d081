//! How the audit looks at a row of pixels: what is near a pixel, which residuals stand out, what a feature is.

use super::feature::Feature;
use tch::Tensor;

/// What rows of spectra and of images differ in.
pub trait Sight {
    /// The mean over the neighbourhood of each pixel of `x` [B, D], 0 beyond the edges.
    fn average(&self, x: &Tensor) -> Tensor;

    /// Σ r k / √Σ k² over the good pixels, for every matched filter k and position, [B, K, D]; 0 where too
    /// little of the kernel is on good pixels. `r` [B, D] is a whitened residual, 0 where `good` is.
    fn response(&self, r: &Tensor, good: &Tensor) -> Tensor;

    /// The features of one restoration `x` `[D]`, normalised, of an object at redshift `z`, where the noise of
    /// the observation is `scale` `[D]` (infinite where masked).
    fn features(&self, x: &[f32], scale: &[f32], z: f64) -> Vec<Feature>;
}
