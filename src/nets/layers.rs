//! Layers shared by the networks. Each computes in the kind of its input: one in bfloat16 rounds the
//! weights too, which themselves stay in fp32.

use super::Params;
use tch::{Kind, Tensor};

/// `weights` in the kind of `x`.
fn like<const N: usize>(x: &Tensor, weights: [&Tensor; N]) -> [Tensor; N] {
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

/// A convolution along the spectrum, stride 1, zeros beyond the (already extended) ends.
#[derive(Debug)]
pub(super) struct Conv1d {
    weight: Tensor,
    bias: Tensor,
    padding: i64,
}

/// From pixels to a grid coarser by an even factor s: windows of 2 s pixels, each overlapping half
/// of its neighbours.
#[derive(Debug)]
pub(super) struct Coarsen {
    weight: Tensor,
    bias: Tensor,
    factor: i64,
}

impl Coarsen {
    pub fn new(p: &mut Params, name: &str, inputs: i64, outputs: i64, factor: i64) -> Self {
        let taps = 2 * factor;
        let fan_in = inputs * taps;
        Self {
            weight: p.uniform(&format!("{name}.weight"), &[outputs, inputs, taps], fan_in),
            bias: p.uniform(&format!("{name}.bias"), &[outputs], fan_in),
            factor,
        }
    }

    /// [B, inputs, L] → [B, outputs, L / factor].
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let f = self.factor;
        let [weight, bias] = like(x, [&self.weight, &self.bias]);
        x.conv1d(&weight, Some(&bias), f, f / 2, 1, 1)
    }

    /// As [`Coarsen::forward`] on the channels of both parts together; what has one row serves all rows
    /// of the other, and is computed once.
    pub fn forward_parts(&self, [first, second]: &[Tensor; 2]) -> Tensor {
        let [weight, bias] = like(first, [&self.weight, &self.bias]);
        let (f, c) = (self.factor, first.size()[1]);
        let (w1, w2) = (
            weight.narrow(1, 0, c),
            weight.narrow(1, c, second.size()[1]),
        );
        let conv = |x: &Tensor, w: &Tensor, b| x.conv1d(w, b, f, f / 2, 1, 1);
        conv(first, &w1, None::<&Tensor>) + conv(second, &w2, Some(&bias))
    }
}

/// The way back: overlapping windows of 2 s pixels are added up.
#[derive(Debug)]
pub(super) struct Refine {
    weight: Tensor,
    bias: Tensor,
    factor: i64,
}

impl Refine {
    pub fn new(p: &mut Params, name: &str, inputs: i64, outputs: i64, factor: i64) -> Self {
        // Two windows meet in each pixel.
        let shape = [inputs, outputs, 2 * factor];
        Self {
            weight: p.uniform(&format!("{name}.weight"), &shape, 2 * inputs),
            bias: p.uniform(&format!("{name}.bias"), &[outputs], 2 * inputs),
            factor,
        }
    }

    pub fn zero(p: &mut Params, name: &str, inputs: i64, outputs: i64, factor: i64) -> Self {
        let shape = [inputs, outputs, 2 * factor];
        Self {
            weight: p.constant(&format!("{name}.weight"), &shape, 0.0),
            bias: p.constant(&format!("{name}.bias"), &[outputs], 0.0),
            factor,
        }
    }

    /// [B, inputs, L] → [B, outputs, L · factor].
    ///
    /// As a convolution with two taps: every window reaches over two blocks of s pixels, so that block
    /// j takes the near half of point j and the far half of point j − 1. libtorch's transposed
    /// convolution says the same several times more slowly.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let [weight, bias] = like(x, [&self.weight, &self.bias]);
        let (c, o, f) = (weight.size()[0], weight.size()[1], self.factor);
        let (b, l) = (x.size()[0], x.size()[2]);
        let taps = weight
            .view([c, o, 2, f])
            .flip([2i64].as_slice())
            .permute([1, 3, 0, 2])
            .reshape([o * f, c, 2]);
        let bias = bias.repeat_interleave_self_int(f, 0, None);
        x.conv1d(&taps, Some(&bias), 1, 1, 1, 1)
            .view([b, o, f, l + 1])
            .transpose(2, 3)
            .reshape([b, o, (l + 1) * f])
            .narrow(2, f / 2, l * f)
    }
}

/// Two maps of C channels each into one, pixel by pixel.
#[derive(Debug)]
pub(super) struct Merge {
    weight: Tensor,
    bias: Tensor,
}

impl Merge {
    pub fn new(p: &mut Params, name: &str, channels: i64) -> Self {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        Self {
            weight: p.uniform(&weight, &[channels, 2 * channels, 1], 2 * channels),
            bias: p.uniform(&bias, &[channels], 2 * channels),
        }
    }

    /// [B, C, L] and [B, C, L] → [B, C, L]: as a convolution of both put together, which would copy
    /// them first.
    pub fn forward(&self, first: &Tensor, second: &Tensor) -> Tensor {
        let [weight, bias] = like(first, [&self.weight, &self.bias]);
        let (b, c) = (first.size()[0], first.size()[1]);
        let half = |k: i64| {
            weight
                .squeeze_dim(2)
                .narrow(1, k * c, c)
                .unsqueeze(0)
                .expand([b, -1, -1], false)
        };
        let bias = bias.view([1, c, 1]).expand([b, -1, -1], false);
        bias.baddbmm(&half(0), first, 1, 1)
            .baddbmm(&half(1), second, 1, 1)
    }
}

impl Conv1d {
    pub fn new(p: &mut Params, name: &str, inputs: i64, outputs: i64, kernel: i64) -> Self {
        let fan_in = inputs * kernel;
        Self {
            weight: p.uniform(
                &format!("{name}.weight"),
                &[outputs, inputs, kernel],
                fan_in,
            ),
            bias: p.uniform(&format!("{name}.bias"), &[outputs], fan_in),
            padding: kernel / 2,
        }
    }

    pub fn zero(p: &mut Params, name: &str, inputs: i64, outputs: i64, kernel: i64) -> Self {
        Self {
            weight: p.constant(&format!("{name}.weight"), &[outputs, inputs, kernel], 0.0),
            bias: p.constant(&format!("{name}.bias"), &[outputs], 0.0),
            padding: kernel / 2,
        }
    }

    pub fn forward(&self, x: &Tensor) -> Tensor {
        let [weight, bias] = like(x, [&self.weight, &self.bias]);
        x.conv1d(&weight, Some(&bias), 1, self.padding, 1, 1)
    }
}

/// Group normalisation with a learned scale and shift per channel.
#[derive(Debug)]
pub(super) struct GroupNorm {
    groups: i64,
    weight: Tensor,
    bias: Tensor,
}

impl GroupNorm {
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
        x.group_norm(self.groups, Some(&weight), Some(&bias), 1e-5, false)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Rows};
    use tch::Device;

    fn normals(index: u64, shape: &[i64]) -> Tensor {
        let n = shape.iter().product();
        let row = Rows::range(1, Purpose::Weights, index, 1, Device::Cpu).normal(0, n);
        row.view(shape)
    }

    fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
        assert_eq!(a.size(), b.size());
        (a - b).abs().max().double_value(&[])
    }

    #[test]
    fn the_way_back_is_the_transposed_convolution() {
        for (c, o, f, l) in [(5, 3, 2, 7), (4, 2, 8, 6), (1, 1, 4, 1)] {
            let mut p = Params::new(3, Device::Cpu);
            let layer = Refine::new(&mut p, "refine", c, o, f);
            let x = normals(0, &[2, c, l]);
            let (weight, bias) = (&layer.weight, Some(&layer.bias));
            let expected = x.conv_transpose1d(weight, bias, f, f / 2, 0, 1, 1);
            assert!(largest_difference(&layer.forward(&x), &expected) < 1e-5);
        }
    }

    #[test]
    fn merging_is_the_convolution_of_both_maps_put_together() {
        let mut p = Params::new(3, Device::Cpu);
        let layer = Merge::new(&mut p, "merge", 3);
        let (a, b) = (normals(0, &[2, 3, 5]), normals(1, &[2, 3, 5]));
        let (both, bias) = (Tensor::cat(&[&a, &b], 1), Some(&layer.bias));
        let expected = both.conv1d(&layer.weight, bias, 1, 0, 1, 1);
        assert!(largest_difference(&layer.forward(&a, &b), &expected) < 1e-5);
    }

    #[test]
    fn what_all_rows_share_may_come_as_one_row() {
        let mut p = Params::new(3, Device::Cpu);
        let layer = Coarsen::new(&mut p, "coarsen", 5, 4, 2);
        let (own, shared) = (normals(0, &[3, 2, 12]), normals(1, &[1, 3, 12]));
        let whole = Tensor::cat(&[own.copy(), shared.expand([3, -1, -1], false)], 1);
        let parts = layer.forward_parts(&[own, shared]);
        assert!(largest_difference(&parts, &layer.forward(&whole)) < 1e-5);
    }
}
