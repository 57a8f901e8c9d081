//! Networks: velocity fields b̂(t, x | M), with the denoiser ĝ as a second head for the SDE.

mod anchored;
mod background;
mod encoder;
mod field;
mod layers;
mod layers1d;
mod layers2d;
mod mlp;
mod norm1d;
mod params;
mod psf_modes;
mod rest_frame;
mod unet1d;
mod unet2d;
mod unet2d_block;

pub use background::{Background, Population};
pub use field::{Fields, Pass, VelocityField};
pub use mlp::Mlp;
pub use params::Params;
pub use unet1d::UNet1d;
pub use unet2d::UNet2d;

use crate::config::{NetworkConfig, UNet1dConfig};
use crate::data::Layout;
use crate::{Error, Result};
use tch::Device;

/// Which networks these are: raised whenever one of them comes to make something else of the same
/// weights, so that a checkpoint of before is refused and not misread.
pub const FORM: u32 = 1;

/// What the fields of a network begin with.
#[derive(Debug)]
pub enum Ground {
    /// Noise alone is known.
    Nothing,
    /// A Gaussian population on the way from the clean rows to the observations.
    Population(Background),
    /// The posterior of one, which each batch's latent brings.
    Anchor,
}

/// The network of a config for rows of the given layout; `heads` is 1 for the ODE, 2 for the SDE.
///
/// # Errors
/// [`Error::Config`] if the network is for another layout.
pub fn build(
    config: &NetworkConfig,
    layout: &Layout,
    heads: i64,
    ground: Ground,
    seed: u64,
    device: Device,
) -> Result<Box<dyn VelocityField>> {
    let position = UNet2d::INTERPOLANT;
    assemble(config, layout, heads, (position, ground), seed, device)
}

/// The network that adds to the mean of a Gaussian posterior, which the latent's planes tell it: mean and
/// unit of what it adds, `[B, 2 D]`.
///
/// # Errors
/// As [`build`].
pub fn for_mean(
    config: &NetworkConfig,
    layout: &Layout,
    seed: u64,
    device: Device,
) -> Result<Box<dyn VelocityField>> {
    match (config, layout) {
        (NetworkConfig::Unet1d(c), Layout::Spectra { grid, .. }) => {
            let config = UNet1dConfig {
                gaussian: true,
                ..c.clone()
            };
            Ok(Box::new(UNet1d::new(&config, grid, 1, seed, device)))
        }
        _ => Err(unfit("not for spectra", "give kind = \"unet1d\"")),
    }
}

/// The network of a diffusion model for rows of the given layout: one head, the noise level ln σ / 4
/// in the place of the time, and no latents, since its samples are complete and clean.
///
/// # Errors
/// As [`build`].
pub fn for_diffusion(
    config: &NetworkConfig,
    layout: &Layout,
    seed: u64,
    device: Device,
) -> Result<Box<dyn VelocityField>> {
    let mut config = config.clone();
    match &mut config {
        NetworkConfig::Unet1d(c) => {
            (c.noise_input, c.gaussian, c.redshift) = (false, false, None);
        }
        NetworkConfig::Unet2d(c) => {
            (c.mask_input, c.noise_input, c.psf_input) = (false, false, false);
        }
    }
    let mut layout = layout.clone();
    if let Layout::Images(image) = &mut layout {
        (image.vector, image.planes) = (0, 0);
    }
    let kind = (UNet2d::DIFFUSION, Ground::Nothing);
    assemble(&config, &layout, 1, kind, seed, device)
}

fn assemble(
    config: &NetworkConfig,
    layout: &Layout,
    heads: i64,
    (position, ground): (f64, Ground),
    seed: u64,
    device: Device,
) -> Result<Box<dyn VelocityField>> {
    match (config, layout) {
        (NetworkConfig::Unet1d(c), Layout::Spectra { grid, .. }) => {
            let network = || UNet1d::new(c, grid, heads, seed, device);
            Ok(Box::new(match ground {
                Ground::Nothing => network(),
                Ground::Population(background) => network().over(background),
                Ground::Anchor => UNet1d::anchored(c, grid, seed, device),
            }))
        }
        (NetworkConfig::Unet2d(c), Layout::Images(image)) => Ok(Box::new(match ground {
            Ground::Anchor => UNet2d::anchored(c, image, seed, device),
            _ => UNet2d::new(c, image, heads, position, seed, device),
        })),
        (NetworkConfig::Unet1d(_), Layout::Images(_)) => {
            Err(unfit("unet1d is for spectra", "give kind = \"unet2d\""))
        }
        (NetworkConfig::Unet2d(_), Layout::Spectra { .. }) => {
            Err(unfit("unet2d is for images", "give kind = \"unet1d\""))
        }
    }
}

fn unfit(problem: &str, fix: &str) -> Error {
    Error::config("config", "network.kind", problem, fix)
}
