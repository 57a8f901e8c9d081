//! Networks: velocity fields b̂(t, x | M), with the denoiser ĝ as a second head for the SDE.

mod background;
mod encoder;
mod layers;
mod layers1d;
mod layers2d;
mod mlp;
mod norm1d;
mod params;
mod rest_frame;
mod unet1d;
mod unet2d;
mod unet2d_block;

pub use background::{Background, Population};
pub use mlp::Mlp;
pub use params::Params;
pub use unet1d::UNet1d;
pub use unet2d::UNet2d;

use crate::config::NetworkConfig;
use crate::data::Layout;
use crate::forward::Latent;
use crate::{Error, Result};
use tch::{Device, Tensor};

/// Which networks these are: raised whenever one of them comes to make something else of the same
/// weights, so that a checkpoint of before is refused and not misread.
pub const FORM: u32 = 1;

/// What a network says at (t, x).
#[derive(Debug)]
pub struct Fields {
    /// b̂ = E[dI/dt | I_t = x], [B, D].
    pub velocity: Tensor,
    /// ĝ = E[z | I_t = x], [B, D]; only for the SDE.
    pub denoiser: Option<Tensor>,
    /// E[x0 | I_t = x] and the weight of its loss, both [B, D], where the network is fitted to x0 and
    /// not to dI/dt.
    pub clean: Option<[Tensor; 2]>,
}

/// How a network is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pass {
    /// Whether dropout is on.
    pub dropout: bool,
    /// Number of the evaluation: a network with an inner grid moves it from one to the next, so
    /// that no error can lock to the grid and build up.
    pub phase: u64,
    /// Whether the 1-D U-Net computes in bfloat16: for passes without gradient. (That for images says
    /// so in its own config.)
    pub bf16: bool,
}

/// A learned velocity field. At initialisation Φ is the identity, or, where the noise is known to
/// the network, the map that restores a white population of variance 1.
pub trait VelocityField: Send {
    /// At times `t` in [0, 1], [B, 1] or [1, 1] for one that all rows share, and points `x` [B, D].
    fn fields(&self, t: &Tensor, x: &Tensor, latent: &Latent, pass: Pass) -> Fields;
    /// The weights, in a fixed order.
    fn params(&self) -> &Params;
}

/// The network of a config for rows of the given layout; `heads` is 1 for the ODE, 2 for the SDE;
/// `background` is the known part of its fields, if it has one.
///
/// # Errors
/// [`Error::Config`] if the network is for another layout.
pub fn build(
    config: &NetworkConfig,
    layout: &Layout,
    heads: i64,
    background: Option<Background>,
    seed: u64,
    device: Device,
) -> Result<Box<dyn VelocityField>> {
    let position = UNet2d::INTERPOLANT;
    assemble(config, layout, heads, (position, background), seed, device)
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
        NetworkConfig::Unet2d(c) => c.mask_input = false,
    }
    let mut layout = layout.clone();
    if let Layout::Images(image) = &mut layout {
        (image.vector, image.planes) = (0, 0);
    }
    assemble(&config, &layout, 1, (UNet2d::DIFFUSION, None), seed, device)
}

fn assemble(
    config: &NetworkConfig,
    layout: &Layout,
    heads: i64,
    (position, background): (f64, Option<Background>),
    seed: u64,
    device: Device,
) -> Result<Box<dyn VelocityField>> {
    match (config, layout) {
        (NetworkConfig::Unet1d(c), Layout::Spectra { grid, .. }) => {
            let network = UNet1d::new(c, grid, heads, seed, device);
            Ok(Box::new(match background {
                Some(background) => network.over(background),
                None => network,
            }))
        }
        (NetworkConfig::Unet2d(c), Layout::Images(image)) => Ok(Box::new(UNet2d::new(
            c, image, heads, position, seed, device,
        ))),
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

/// Splits a network's output [B, heads, D].
fn split_heads(out: &Tensor) -> Fields {
    Fields {
        velocity: out.select(1, 0),
        denoiser: (out.size()[1] > 1).then(|| out.select(1, 1)),
        clean: None,
    }
}
