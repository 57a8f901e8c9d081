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

/// How a network is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pass {
    /// Whether dropout is on.
    pub dropout: bool,
    /// Number of the evaluation: a network with an inner grid moves it from one to the next, so
    /// that no error can lock to the grid and build up.
    pub phase: u64,
}

/// A learned velocity field. At initialisation Φ is the identity, or, where the noise is known to
/// the network, the map that restores a white population of variance 1.
pub trait VelocityField: Send {
    /// At times `t` [B, 1] in [0, 1] and points `x` [B, D].
    fn fields(&self, t: &Tensor, x: &Tensor, latent: &Latent, pass: Pass) -> Fields;
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
