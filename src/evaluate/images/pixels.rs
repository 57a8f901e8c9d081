//! Pixels of images as the metrics take them.

use crate::data::ImageLayout;
use ndarray::Array2;

/// `f(value, mean, std)` of every pixel with its channel's mean and standard deviation.
pub(super) fn shift(
    images: &Array2<f32>,
    layout: &ImageLayout,
    f: impl Fn(f64, f64, f64) -> f64,
) -> Array2<f32> {
    let plane = layout.height * layout.width;
    let scale = &layout.scale;
    Array2::from_shape_fn(images.raw_dim(), |(i, k)| {
        let c = k / plane;
        f(f64::from(images[[i, k]]), scale.mean[c], scale.std[c]) as f32
    })
}
