//! The residual block of the 2-D U-Net, with its resampling and self-attention.

use super::layers::{Linear, channels_last};
use super::layers2d::{Conv2d, Norm, largest_divisor};
use super::params::Params;
use crate::base::random::dropout;
use tch::{Kind, Tensor};

/// What all blocks of a network have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Common {
    /// Width of the embedding.
    pub embedding: i64,
    pub dropout: f64,
    /// Channels per attention head.
    pub head: i64,
    /// In which the convolutions and matrix products are computed.
    pub kind: Kind,
}

/// What a block does to the resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resample {
    Keep,
    /// Means of 2 × 2 pixels.
    Down,
    /// Every pixel twice, in both directions.
    Up,
}

impl Resample {
    fn apply(self, x: &Tensor) -> Tensor {
        match self {
            Self::Keep => x.shallow_clone(),
            Self::Down => x.avg_pool2d(2, 2, 0, false, true, None::<i64>),
            Self::Up => {
                let (h, w) = (x.size()[2], x.size()[3]);
                x.upsample_nearest2d([2 * h, 2 * w], None, None)
            }
        }
    }
}

/// GroupNorm → SiLU → (resampling) → convolution → GroupNorm → scale and shift from the embedding →
/// SiLU → dropout → convolution (zero at the start), added to the (resampled) input, which a 1 × 1
/// convolution brings to another number of channels; then self-attention, where there is any.
#[derive(Debug)]
pub(super) struct Block {
    pub resample: Resample,
    norm1: Norm,
    conv1: Conv2d,
    affine: Linear,
    norm2: Norm,
    conv2: Conv2d,
    skip: Option<Conv2d>,
    attention: Option<Attention>,
    dropout: f64,
}

impl Block {
    pub fn new(
        p: &mut Params,
        name: &str,
        (inputs, outputs): (i64, i64),
        resample: Resample,
        attention: bool,
        common: &Common,
    ) -> Self {
        let part = |part: &str| format!("{name}.{part}");
        let kind = common.kind;
        Self {
            resample,
            norm1: Norm::new(p, &part("norm1"), inputs),
            conv1: Conv2d::new(p, &part("conv1"), inputs, outputs, 3, kind),
            affine: Linear::new(p, &part("affine"), common.embedding, 2 * outputs),
            norm2: Norm::new(p, &part("norm2"), outputs),
            conv2: Conv2d::zero(p, &part("conv2"), outputs, outputs, 3, kind),
            skip: (inputs != outputs)
                .then(|| Conv2d::new(p, &part("skip"), inputs, outputs, 1, kind)),
            attention: attention.then(|| Attention::new(p, &part("attention"), outputs, common)),
            dropout: common.dropout,
        }
    }

    /// x [B, inputs, H, W] and the embedding [B, E]; `train` turns dropout on.
    pub fn forward(&self, x: &Tensor, e: &Tensor, train: bool) -> Tensor {
        let h = self.resample.apply(&self.norm1.forward(x).silu());
        let h = self.norm2.forward(&self.conv1.forward(&h));
        let affine = self.affine.forward(e).unsqueeze(-1).unsqueeze(-1);
        let affine = affine.chunk(2, 1);
        let h = (h * (&affine[0] + 1.0) + &affine[1]).silu();
        let h = if train && self.dropout > 0.0 {
            dropout(&h, self.dropout)
        } else {
            h
        };
        let x = self.resample.apply(x);
        let x = self
            .skip
            .as_ref()
            .map_or(x.shallow_clone(), |s| s.forward(&x));
        // The sum over the blocks is kept in fp32: bfloat16 would round it anew in each.
        let x = x.to_kind(Kind::Float) + self.conv2.forward(&h);
        self.attention
            .as_ref()
            .map_or(x.shallow_clone(), |a| a.forward(&x))
    }
}

/// Self-attention over the pixels, added to the input.
#[derive(Debug)]
struct Attention {
    norm: Norm,
    qkv: Conv2d,
    out: Conv2d,
    heads: i64,
}

impl Attention {
    fn new(p: &mut Params, name: &str, channels: i64, common: &Common) -> Self {
        let part = |part: &str| format!("{name}.{part}");
        Self {
            norm: Norm::new(p, &part("norm"), channels),
            qkv: Conv2d::new(p, &part("qkv"), channels, 3 * channels, 1, common.kind),
            out: Conv2d::zero(p, &part("out"), channels, channels, 1, common.kind),
            heads: largest_divisor(channels, channels / common.head),
        }
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let (b, c, h, w) = (x.size()[0], x.size()[1], x.size()[2], x.size()[3]);
        // torch's fused attention needs the channels of a pixel side by side. Without it half of
        // the network's time goes into products of whole L × L matrices.
        let qkv = channels_last(&self.qkv.forward(&self.norm.forward(x)))
            .view([b, 3, self.heads, c / self.heads, h * w])
            .transpose(3, 4);
        let (q, k, v) = (qkv.select(1, 0), qkv.select(1, 1), qkv.select(1, 2));
        // softmax(q kᵀ / √width) v; sums and softmax are in fp32 whatever the kind of the input.
        let none = None::<&Tensor>;
        let mixed = Tensor::scaled_dot_product_attention(&q, &k, &v, none, 0.0, false, None, false);
        let mixed = mixed.transpose(2, 3).reshape([b, c, h, w]);
        x + self.out.forward(&mixed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn a_block_keeps_the_layout_in_memory_whatever_it_does_to_the_shape() {
        for kind in [Kind::Float, Kind::BFloat16] {
            let common = Common {
                embedding: 8,
                dropout: 0.0,
                head: 8,
                kind,
            };
            let plain = Tensor::ones([2, 16, 4, 4], (Kind::Float, Device::Cpu));
            let e = Tensor::ones([2, 8], (Kind::Float, Device::Cpu));
            for resample in [Resample::Keep, Resample::Down, Resample::Up] {
                let mut p = Params::new(1, Device::Cpu);
                let block = Block::new(&mut p, "b", (16, 32), resample, true, &common);
                let out = block.forward(&plain, &e, false);
                assert!(out.is_contiguous(), "{resample:?}");
                let last = block.forward(&channels_last(&plain), &e, false);
                let joined = Tensor::cat(&[&last, &last], 1);
                for t in [last, joined] {
                    let [_, c, _, w] = t.size()[..] else {
                        panic!("not an image")
                    };
                    assert_eq!(t.stride()[1..], [1, c * w, c], "{resample:?}");
                }
            }
        }
    }
}
