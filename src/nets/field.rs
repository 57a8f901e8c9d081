//! What every network is: a velocity field, with the denoiser as a second head.

use super::params::Params;
use crate::forward::Latent;
use tch::Tensor;

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
/// the network, the map that restores a white population of variance 1. Several threads may evaluate it at a time
/// ([`crate::base::workers`]).
pub trait VelocityField: Send + Sync {
    /// At times `t` in [0, 1], [B, 1] or [1, 1] for one that all rows share, and points `x` [B, D].
    fn fields(&self, t: &Tensor, x: &Tensor, latent: &Latent, pass: Pass) -> Fields;
    /// The weights, in a fixed order.
    fn params(&self) -> &Params;
}

/// Splits a network's output [B, heads, D].
pub(super) fn split_heads(out: &Tensor) -> Fields {
    Fields {
        velocity: out.select(1, 0),
        denoiser: (out.size()[1] > 1).then(|| out.select(1, 1)),
        clean: None,
    }
}
