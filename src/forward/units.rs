//! Pixel values in the file's units, on the device: what photons and codecs count in.

use crate::data::PixelScale;
use tch::{Device, Tensor};

/// [`PixelScale`] for batches [B, C, H, W].
#[derive(Debug)]
pub(super) struct PixelUnits {
    /// Mean and standard deviation per channel, [C, 1, 1].
    mean: Tensor,
    std: Tensor,
    /// The file's units in one of a noise level, [C, 1, 1].
    pub(super) linear: Tensor,
    softening: Option<f64>,
}

impl PixelUnits {
    pub(super) fn new(scale: &PixelScale, device: Device) -> Self {
        let tensor = |v: &[f64]| {
            let v: Vec<f32> = v.iter().map(|x| *x as f32).collect();
            Tensor::from_slice(&v).view([-1, 1, 1]).to_device(device)
        };
        Self {
            mean: tensor(&scale.mean),
            std: tensor(&scale.std),
            linear: tensor(
                &(0..scale.std.len())
                    .map(|c| scale.linear_unit(c))
                    .collect::<Vec<_>>(),
            ),
            softening: scale.softening,
        }
    }

    /// The file's values of normalised ones.
    pub(super) fn restore(&self, normalised: &Tensor) -> Tensor {
        let stretched = normalised * &self.std + &self.mean;
        match self.softening {
            Some(s) => stretched.sinh() * s,
            None => stretched,
        }
    }

    /// Normalised values of the file's.
    pub(super) fn normalise(&self, values: &Tensor) -> Tensor {
        let stretched = match self.softening {
            Some(s) => (values / s).asinh(),
            None => values.shallow_clone(),
        };
        (stretched - &self.mean) / &self.std
    }
}
