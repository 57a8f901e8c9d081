//! What turns a known latent of an observation into something that a network for images can take.

use super::layers2d::{Conv2d, Norm};
use super::params::Params;
use tch::{Kind, Tensor};

/// Width of the encoder of planes.
const CHANNELS: i64 = 8;

/// Planes (mask, measured Fourier modes) → one plane beside the image: a convolution, two residual
/// blocks (GroupNorm, SiLU, convolution), a convolution.
#[derive(Debug)]
pub(super) struct PlaneEncoder {
    first: Conv2d,
    blocks: Vec<(Norm, Conv2d)>,
    last: Conv2d,
}

impl PlaneEncoder {
    pub fn new(p: &mut Params, planes: i64, kind: Kind) -> Self {
        let conv = |p: &mut Params, name: &str, inputs, outputs| {
            Conv2d::new(p, &format!("planes.{name}"), inputs, outputs, 3, kind)
        };
        Self {
            first: conv(p, "first", planes, CHANNELS),
            blocks: (0..2)
                .map(|i| {
                    let norm = Norm::new(p, &format!("planes.norm{i}"), CHANNELS);
                    (norm, conv(p, &format!("conv{i}"), CHANNELS, CHANNELS))
                })
                .collect(),
            last: conv(p, "last", CHANNELS, 1),
        }
    }

    /// [B, P, H, W] → [B, 1, H, W].
    pub fn forward(&self, planes: &Tensor) -> Tensor {
        let mut h = self.first.forward(planes).to_kind(Kind::Float);
        for (norm, conv) in &self.blocks {
            h = &h + conv.forward(&norm.forward(&h).silu());
        }
        self.last.forward(&h).to_kind(Kind::Float)
    }
}

/// Numbers (blur direction, JPEG quality) → what is added to the embedding of the time: three
/// linear layers without bias, SiLU between them.
#[derive(Debug)]
pub(super) struct VectorEncoder(Vec<Tensor>);

impl VectorEncoder {
    pub fn new(p: &mut Params, numbers: i64, width: i64) -> Self {
        let inputs = [numbers, width, width];
        let layer =
            |(i, n): (usize, &i64)| p.uniform(&format!("vector{i}.weight"), &[width, *n], *n);
        Self(inputs.iter().enumerate().map(layer).collect())
    }

    /// [B, K] → [B, width].
    pub fn forward(&self, vector: &Tensor) -> Tensor {
        let linear = |x: &Tensor, w: &Tensor| x.matmul(&w.transpose(0, 1));
        let hidden = linear(vector, &self.0[0]);
        self.0[1..].iter().fold(hidden, |h, w| linear(&h.silu(), w))
    }
}
