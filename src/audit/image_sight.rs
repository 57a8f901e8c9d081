//! How the audit looks at images.

use super::blobs;
use super::feature::Feature;
use super::line_filter::COVERED;
use super::sight::Sight;
use tch::{Device, Kind, Tensor};

/// Side of the square over which the scatter of the calls is averaged.
const WINDOW: i64 = 3;
/// Widths of the round blobs that are looked for, σ in pixels.
const WIDTHS: [f64; 3] = [1.0, 2.0, 4.0];

/// Of images.
#[derive(Debug)]
pub struct ImageSight {
    /// C, H, W.
    shape: [usize; 3],
    /// One Gaussian of Σk² = 1 for each width, `[L]`: a blob is the product of two.
    kernels: Vec<Tensor>,
}

impl ImageSight {
    /// For images of `shape` C, H, W; blobs wider than an eighth of the shorter side are background.
    #[must_use]
    pub fn new(shape: [usize; 3], device: Device) -> Self {
        let side = shape[1].min(shape[2]) as f64;
        let fits = |w: &f64| *w <= WIDTHS[0] || 8.0 * w <= side;
        let kernel = |w: f64| {
            let reach = (4.0 * w).ceil() as i64;
            let offset = Tensor::arange_start(-reach, reach + 1, (Kind::Float, device));
            let k = ((offset / w).square() * -0.5).exp();
            let norm = k.square().sum(Kind::Float).sqrt();
            k / norm
        };
        Self {
            shape,
            kernels: WIDTHS.into_iter().filter(fits).map(kernel).collect(),
        }
    }

    /// Planes `[B · C, 1, H, W]` of rows [B, D].
    fn planes(&self, x: &Tensor) -> Tensor {
        let [_, h, w] = self.shape.map(|n| n as i64);
        x.reshape([-1, 1, h, w])
    }
}

impl Sight for ImageSight {
    fn average(&self, x: &Tensor) -> Tensor {
        let half = WINDOW / 2;
        let side = [WINDOW, WINDOW];
        self.planes(x)
            .avg_pool2d(side, [1, 1], [half, half], false, true, None::<i64>)
            .view_as(x)
    }

    fn response(&self, r: &Tensor, good: &Tensor) -> Tensor {
        let slide = |x: &Tensor, k: &Tensor| {
            let pad = k.size()[0] / 2;
            let none = None::<&Tensor>;
            let down = x.conv2d(&k.view([1, 1, -1, 1]), none, [1, 1], [pad, 0], [1, 1], 1);
            down.conv2d(&k.view([1, 1, 1, -1]), none, [1, 1], [0, pad], [1, 1], 1)
        };
        let (planes, seen) = (self.planes(r), self.planes(good));
        let each = |k: &Tensor| {
            let weight = slide(&seen, &k.square());
            let covered = weight.ge(COVERED).to_kind(Kind::Float);
            let found = slide(&planes, k) / weight.clamp_min(COVERED).sqrt() * covered;
            found.view_as(r)
        };
        let all: Vec<Tensor> = self.kernels.iter().map(each).collect();
        Tensor::stack(&all, 1)
    }

    fn features(&self, x: &[f32], scale: &[f32], _: f64) -> Vec<Feature> {
        blobs::features(self.shape, x, scale)
    }
}

#[cfg(test)]
mod tests {
    use super::super::residual::fits;
    use super::*;
    use crate::base::random::{Purpose, Rows};

    const SHAPE: [usize; 3] = [2, 24, 32];

    fn ones(rows: i64) -> Tensor {
        Tensor::ones([rows, 2 * 24 * 32], (Kind::Float, Device::Cpu))
    }

    #[test]
    fn a_blob_of_known_strength_is_found_where_it_is_with_its_sign() {
        let sight = ImageSight::new(SHAPE, Device::Cpu);
        let axis = |n, at: f64| {
            let offset: Tensor = Tensor::arange(n, (Kind::Float, Device::Cpu)) - at;
            ((offset / 2.0).square() * -0.5).exp()
        };
        let blob = axis(24, 11.0).unsqueeze(1) * axis(32, 17.0);
        let blob = &blob / blob.square().sum(Kind::Float).sqrt();
        let image = Tensor::stack(&[blob.zeros_like(), blob * -6.0], 0).view([1, -1]);
        let fit = fits(&sight, &image, &ones(1)).unwrap()[0];
        assert_eq!(fit.at, (24 + 11) * 32 + 17);
        assert!((fit.local + 6.0).abs() < 1e-2, "{}", fit.local);
        assert!((fit.chi2 - 36.0).abs() < 1e-3 && fit.dof == 1536.0);
    }

    #[test]
    fn under_white_noise_each_response_is_standard_normal_and_masked_pixels_weigh_nothing() {
        let sight = ImageSight::new(SHAPE, Device::Cpu);
        let rows = 40;
        let noise = Rows::range(3, Purpose::Audit, 0, rows, Device::Cpu).normal(0, 2 * 24 * 32);
        let column = Tensor::arange(32, (Kind::Float, Device::Cpu));
        let good = (column.lt(16.0).to_kind(Kind::Float)
            * Tensor::ones([2, 24, 1], (Kind::Float, Device::Cpu)))
        .view([1, -1])
        .expand([rows, -1], false);
        for (good, name) in [(ones(rows), "whole"), (good.shallow_clone(), "half")] {
            let response = sight.response(&(&noise * &good), &good);
            let seen = response.ne(0.0).to_kind(Kind::Double).sum(Kind::Double);
            let square = response.square().sum(Kind::Double) / seen;
            let variance = square.double_value(&[]);
            assert!((variance - 1.0).abs() < 0.05, "{name} {variance}");
        }
        let far = sight
            .response(&(&noise * &good), &good)
            .view([rows, -1, 2, 24, 32])
            .narrow(4, 28, 4);
        assert_eq!(far.narrow(1, 0, 2).abs().max().double_value(&[]), 0.0);
    }
}
