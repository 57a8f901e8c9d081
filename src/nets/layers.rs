//! Layers shared by the networks. Each computes in the kind of its input: one in bfloat16 rounds the
//! weights too, which themselves stay in fp32.

use super::params::Params;
use tch::{Kind, Tensor};

/// `weights` in the kind of `x`.
pub(super) fn like<const N: usize>(x: &Tensor, weights: [&Tensor; N]) -> [Tensor; N] {
    weights.map(|w| w.to_kind(x.kind()))
}

/// x W + b on the last axis.
#[derive(Debug)]
pub(super) struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    pub fn new(p: &mut Params, name: &str, inputs: i64, outputs: i64) -> Self {
        Self {
            weight: p.uniform(&format!("{name}.weight"), &[outputs, inputs], inputs),
            bias: p.uniform(&format!("{name}.bias"), &[outputs], inputs),
        }
    }

    pub fn zero(p: &mut Params, name: &str, inputs: i64, outputs: i64) -> Self {
        Self {
            weight: p.constant(&format!("{name}.weight"), &[outputs, inputs], 0.0),
            bias: p.constant(&format!("{name}.bias"), &[outputs], 0.0),
        }
    }

    pub fn forward(&self, x: &Tensor) -> Tensor {
        let [weight, bias] = like(x, [&self.weight, &self.bias]);
        x.linear(&weight, Some(&bias))
    }
}

/// Group normalisation with a learned scale and shift per channel.
#[derive(Debug)]
pub(super) struct GroupNorm {
    pub groups: i64,
    pub weight: Tensor,
    pub bias: Tensor,
}

impl GroupNorm {
    /// Added to the variance.
    pub const EPSILON: f64 = 1e-5;

    /// At most 8 groups of at least 4 channels.
    pub fn new(p: &mut Params, name: &str, channels: i64) -> Self {
        let groups = (1..=8)
            .rev()
            .find(|g| channels % g == 0 && channels / g >= 4)
            .unwrap_or(1);
        Self::of_groups(p, name, channels, groups)
    }

    /// `groups` must divide `channels`.
    pub fn of_groups(p: &mut Params, name: &str, channels: i64, groups: i64) -> Self {
        Self {
            groups,
            weight: p.constant(&format!("{name}.weight"), &[channels], 1.0),
            bias: p.constant(&format!("{name}.bias"), &[channels], 0.0),
        }
    }

    pub fn forward(&self, x: &Tensor) -> Tensor {
        let [weight, bias] = like(x, [&self.weight, &self.bias]);
        x.group_norm(
            self.groups,
            Some(&weight),
            Some(&bias),
            Self::EPSILON,
            false,
        )
    }
}

/// Time as cosines and sines of geometrically spaced frequencies, then two linear layers.
#[derive(Debug)]
pub(super) struct TimeEmbedding {
    frequencies: Tensor,
    first: Linear,
    second: Linear,
}

impl TimeEmbedding {
    pub fn new(p: &mut Params, width: i64, device: tch::Device) -> Self {
        // Periods from 4 (t spans a quarter turn) down to 1/16 of the unit interval.
        let half = width / 2;
        let exponent = Tensor::arange(half, (Kind::Float, device)) / (half as f64) * 64f64.ln();
        let frequencies = exponent.exp() * (std::f64::consts::TAU / 4.0);
        Self {
            frequencies,
            first: Linear::new(p, "time.first", width, width),
            second: Linear::new(p, "time.second", width, width),
        }
    }

    /// t [B, 1] → [B, width].
    pub fn forward(&self, t: &Tensor) -> Tensor {
        let phase = t * &self.frequencies;
        let waves = Tensor::cat(&[phase.cos(), phase.sin()], 1);
        self.second
            .forward(&self.first.forward(&waves).silu())
            .silu()
    }
}

/// Sets the channels of a pixel side by side in memory. torch knows its channels_last layout by
/// the strides alone, and every layer after this one keeps it.
pub(super) fn channels_last(x: &Tensor) -> Tensor {
    x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}
