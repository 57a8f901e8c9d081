//! Layers of the networks for images. Maps are [B, C, H, W].

use super::layers::{GroupNorm, Linear};
use super::params::Params;
use tch::{Device, Kind, Tensor};

/// A convolution over an image, stride 1, zeros beyond the edges, computed in `kind`: bfloat16
/// rounds the weights and the input, the weights themselves (and their gradients) stay in fp32.
#[derive(Debug)]
pub(super) struct Conv2d {
    weight: Tensor,
    bias: Tensor,
    padding: i64,
    kind: Kind,
}

impl Conv2d {
    pub fn new(
        p: &mut Params,
        name: &str,
        inputs: i64,
        outputs: i64,
        kernel: i64,
        kind: Kind,
    ) -> Self {
        let fan_in = inputs * kernel * kernel;
        let shape = [outputs, inputs, kernel, kernel];
        Self {
            weight: p.uniform(&format!("{name}.weight"), &shape, fan_in),
            bias: p.uniform(&format!("{name}.bias"), &[outputs], fan_in),
            padding: kernel / 2,
            kind,
        }
    }

    pub fn zero(
        p: &mut Params,
        name: &str,
        inputs: i64,
        outputs: i64,
        kernel: i64,
        kind: Kind,
    ) -> Self {
        let shape = [outputs, inputs, kernel, kernel];
        Self {
            weight: p.constant(&format!("{name}.weight"), &shape, 0.0),
            bias: p.constant(&format!("{name}.bias"), &[outputs], 0.0),
            padding: kernel / 2,
            kind,
        }
    }

    pub fn forward(&self, x: &Tensor) -> Tensor {
        let cast = |t: &Tensor| t.to_kind(self.kind);
        cast(x).conv2d(
            &cast(&self.weight),
            Some(cast(&self.bias)),
            1,
            self.padding,
            1,
            1,
        )
    }
}

/// Group normalisation in fp32: min(32, C/4) groups, or the next smaller number that divides C.
#[derive(Debug)]
pub(super) struct Norm(GroupNorm);

impl Norm {
    pub fn new(p: &mut Params, name: &str, channels: i64) -> Self {
        let groups = largest_divisor(channels, (channels / 4).min(32));
        Self(GroupNorm::of_groups(p, name, channels, groups))
    }

    pub fn forward(&self, x: &Tensor) -> Tensor {
        self.0.forward(&x.to_kind(Kind::Float))
    }
}

/// The largest divisor of `n` that is not above `limit`, at least 1.
pub(super) fn largest_divisor(n: i64, limit: i64) -> i64 {
    (1..=limit).rev().find(|d| n % d == 0).unwrap_or(1)
}

/// Time, and numbers that describe the corruption, as one vector that steers every block.
#[derive(Debug)]
pub(super) struct Embedding {
    frequencies: Tensor,
    first: Linear,
    second: Linear,
}

impl Embedding {
    /// For times up to about `max_position`, `waves` (even) cosines and sines.
    pub fn new(p: &mut Params, waves: i64, width: i64, max_position: f64, device: Device) -> Self {
        let half = waves / 2;
        let i = Tensor::arange(half, (Kind::Float, device)) / half as f64;
        Self {
            frequencies: (i * -max_position.ln()).exp(),
            first: Linear::new(p, "time.first", waves, width),
            second: Linear::new(p, "time.second", width, width),
        }
    }

    /// t [B, 1] and what is added before the last activation → [B, width].
    pub fn forward(&self, t: &Tensor, added: Option<&Tensor>) -> Tensor {
        let phase = t * &self.frequencies;
        let waves = Tensor::cat(&[phase.cos(), phase.sin()], 1);
        let e = self.second.forward(&self.first.forward(&waves).silu());
        added.map_or(e.shallow_clone(), |a| &e + a).silu()
    }
}
