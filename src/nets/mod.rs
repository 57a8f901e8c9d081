//! Networks: velocity fields b̂(t, x | M), with the denoiser ĝ as a second head for the SDE.

mod layers;
mod mlp;
mod params;
mod unet1d;

pub use mlp::Mlp;
pub use params::Params;
pub use unet1d::UNet1d;

use crate::forward::Latent;
use tch::Tensor;

/// What a network says at (t, x).
#[derive(Debug)]
pub struct Fields {
    /// b̂ = E[dI/dt | I_t = x], [B, D].
    pub velocity: Tensor,
    /// ĝ = E[z | I_t = x], [B, D]; only for the SDE.
    pub denoiser: Option<Tensor>,
}

/// A learned velocity field. At initialisation it is zero, so that Φ is the identity.
pub trait VelocityField: Send {
    /// At times `t` [B, 1] in [0, 1] and points `x` [B, D]. `train` switches dropout on.
    fn fields(&self, t: &Tensor, x: &Tensor, latent: &Latent, train: bool) -> Fields;
    /// The weights, in a fixed order.
    fn params(&self) -> &Params;
}

/// Splits a network's output [B, heads, D].
fn split_heads(out: &Tensor) -> Fields {
    Fields {
        velocity: out.select(1, 0),
        denoiser: (out.size()[1] > 1).then(|| out.select(1, 1)),
    }
}
