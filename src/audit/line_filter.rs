//! Matched filters for lines.

use tch::{Device, Kind, Tensor};

/// Widths of the lines that are looked for, σ in pixels.
const WIDTHS: [f64; 5] = [1.0, 2.0, 4.0, 8.0, 16.0];
/// A kernel counts where at least this part of its weight is on good pixels.
pub(super) const COVERED: f64 = 0.5;

/// Matched filters for lines of several widths.
#[derive(Debug)]
pub struct LineFilter {
    /// [W, 1, L], each of Σk² = 1.
    kernels: Tensor,
}

impl LineFilter {
    /// For spectra of `pixels` pixels; lines wider than an eighth of them are continuum.
    #[must_use]
    pub fn new(pixels: usize, device: Device) -> Self {
        let widths: Vec<f64> = WIDTHS
            .into_iter()
            .filter(|w| *w <= 1.0 || 8.0 * w <= pixels as f64)
            .collect();
        let reach = widths.iter().fold(0, |r, w| r.max((4.0 * w).ceil() as i64));
        let offset = Tensor::arange_start(-reach, reach + 1, (Kind::Float, device));
        let kernel = |w: &f64| {
            let k = ((&offset / *w).square() * -0.5).exp();
            let norm = k.square().sum(Kind::Float).sqrt();
            k / norm
        };
        let kernels: Vec<Tensor> = widths.iter().map(kernel).collect();
        Self {
            kernels: Tensor::stack(&kernels, 0).unsqueeze(1),
        }
    }

    /// [`Sight::response`], for every width.
    pub fn response(&self, r: &Tensor, good: &Tensor) -> Tensor {
        let pad = self.kernels.size()[2] / 2;
        let slide = |x: &Tensor, k: &Tensor| {
            x.unsqueeze(1)
                .conv1d(k, None::<&Tensor>, [1], [pad], [1], 1)
        };
        let weight = slide(good, &self.kernels.square());
        let covered = weight.ge(COVERED).to_kind(Kind::Float);
        slide(r, &self.kernels) / weight.clamp_min(COVERED).sqrt() * covered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_pixels_weigh_nothing() {
        let filter = LineFilter::new(100, Device::Cpu);
        let x = Tensor::arange(100, (Kind::Float, Device::Cpu));
        let good = x.lt(50.0).to_kind(Kind::Float).unsqueeze(0);
        let response = filter.response(&good, &good);
        assert_eq!(
            response
                .narrow(2, 60, 40)
                .narrow(1, 0, 2)
                .abs()
                .max()
                .double_value(&[]),
            0.0
        );
    }
}
