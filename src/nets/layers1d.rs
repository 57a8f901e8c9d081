//! Layers of the network for spectra. Maps are [B, C, 1, L]: rows of pixels as images of height 1, with
//! the channels of a pixel side by side in memory where that is fast (see [`layout`]).

use super::layers::{channels_last, like};
use super::params::Params;
use tch::Tensor;

/// [B, C, L] → [B, C, 1, L], on a processor with the channels of a pixel side by side, which all layers
/// below keep: the convolutions of oneDNN then neither rearrange what comes in nor what goes out. CUDA's
/// group norm would undo it.
pub(super) fn layout(x: &Tensor) -> Tensor {
    let x = x.unsqueeze(2);
    if x.device().is_cuda() {
        x
    } else {
        channels_last(&x)
    }
}

/// SiLU, in place where no gradient asks for what was there before.
pub(super) fn silu(mut x: Tensor) -> Tensor {
    if x.requires_grad() {
        x.silu()
    } else {
        x.silu_()
    }
}

/// `x` with weights [outputs, inputs, taps], zeros beyond its ends.
fn convolve(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    stride: i64,
    padding: i64,
) -> Tensor {
    x.conv2d(
        &weight.unsqueeze(2),
        bias,
        [1, stride],
        [0, padding],
        [1, 1],
        1,
    )
}

/// A convolution along the spectrum, stride 1, zeros beyond the (already extended) ends.
#[derive(Debug)]
pub(super) struct Conv1d {
    weight: Tensor,
    bias: Tensor,
    padding: i64,
}

impl Conv1d {
    pub fn new(p: &mut Params, name: &str, inputs: i64, outputs: i64, kernel: i64) -> Self {
        let fan_in = inputs * kernel;
        let shape = [outputs, inputs, kernel];
        Self {
            weight: p.uniform(&format!("{name}.weight"), &shape, fan_in),
            bias: p.uniform(&format!("{name}.bias"), &[outputs], fan_in),
            padding: kernel / 2,
        }
    }

    pub fn zero(p: &mut Params, name: &str, inputs: i64, outputs: i64, kernel: i64) -> Self {
        let shape = [outputs, inputs, kernel];
        Self {
            weight: p.constant(&format!("{name}.weight"), &shape, 0.0),
            bias: p.constant(&format!("{name}.bias"), &[outputs], 0.0),
            padding: kernel / 2,
        }
    }

    pub fn forward(&self, x: &Tensor) -> Tensor {
        let [weight, bias] = like(x, [&self.weight, &self.bias]);
        convolve(x, &weight, Some(&bias), 1, self.padding)
    }
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

    /// [B, inputs, 1, L] → [B, outputs, 1, L / factor].
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let f = self.factor;
        let [weight, bias] = like(x, [&self.weight, &self.bias]);
        convolve(x, &weight, Some(&bias), f, f / 2)
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
        let mut h = convolve(first, &w1, None, f, f / 2);
        h += convolve(second, &w2, Some(&bias), f, f / 2);
        h
    }
}

/// The way back: overlapping windows of 2 s pixels are added up.
#[derive(Debug)]
pub(super) struct Refine {
    weight: Tensor,
    bias: Tensor,
}

impl Refine {
    pub fn new(p: &mut Params, name: &str, inputs: i64, outputs: i64, factor: i64) -> Self {
        // Two windows meet in each pixel.
        let shape = [inputs, outputs, 2 * factor];
        Self {
            weight: p.uniform(&format!("{name}.weight"), &shape, 2 * inputs),
            bias: p.uniform(&format!("{name}.bias"), &[outputs], 2 * inputs),
        }
    }

    pub fn zero(p: &mut Params, name: &str, inputs: i64, outputs: i64, factor: i64) -> Self {
        let shape = [inputs, outputs, 2 * factor];
        Self {
            weight: p.constant(&format!("{name}.weight"), &shape, 0.0),
            bias: p.constant(&format!("{name}.bias"), &[outputs], 0.0),
        }
    }

    /// [B, inputs, 1, L] → [B, outputs, 1, L · factor].
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let [weight, bias] = like(x, [&self.weight, &self.bias]);
        add_windows(x, &weight, &bias)
    }
}

/// The transposed convolution of `x` with windows [inputs, outputs, 2 s], stride s, as a convolution with
/// two taps: every window reaches over two blocks of s pixels, so that block j takes the near half of
/// point j and the far half of point j − 1. libtorch's own says the same several times more slowly.
fn add_windows(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
    let (c, o, f) = (weight.size()[0], weight.size()[1], weight.size()[2] / 2);
    let (b, l) = (x.size()[0], x.size()[3]);
    let taps = weight
        .view([c, o, 2, f])
        .flip([2i64].as_slice())
        .permute([3, 1, 0, 2])
        .reshape([f * o, c, 2]);
    // Channels that hold pixel after pixel of a block: with channels side by side, they lie in the
    // order of the pixels already.
    convolve(x, &taps, Some(&bias.repeat([f])), 1, 1)
        .permute([0, 2, 3, 1])
        .reshape([b, 1, (l + 1) * f, o])
        .narrow(2, f / 2, l * f)
        .permute([0, 3, 1, 2])
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

    /// What `refine` makes of `coarse` [B, inputs, 1, L] beside `fine` [B, C, 1, L · factor], into
    /// [B, C, 1, L · factor].
    ///
    /// All of it is linear: each half of the weights meets its map alone, where the maps put together
    /// would be a copy, and the first half goes into the windows of `refine`, which are far fewer than
    /// the pixels.
    pub fn forward(&self, refine: &Refine, coarse: &Tensor, fine: &Tensor) -> Tensor {
        let c = fine.size()[1];
        let half = self.weight.narrow(1, 0, c).squeeze_dim(2);
        let windows = refine.weight.transpose(1, 2).matmul(&half.tr());
        let windows = windows.transpose(1, 2);
        let bias = half.mv(&refine.bias) + &self.bias;
        let [windows, bias, rest] = like(fine, [&windows, &bias, &self.weight.narrow(1, c, c)]);
        let mut h = convolve(fine, &rest, None, 1, 0);
        h += add_windows(coarse, &windows, &bias);
        h
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::base::random::{Purpose, Rows};
    use tch::Device;

    pub fn normals(index: u64, shape: &[i64]) -> Tensor {
        let n = shape.iter().product();
        let row = Rows::range(1, Purpose::Weights, index, 1, Device::Cpu).normal(0, n);
        row.view(shape)
    }

    pub fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
        assert_eq!(a.size(), b.size());
        (a - b).abs().max().double_value(&[])
    }

    #[test]
    fn the_way_back_is_the_transposed_convolution() {
        for (c, o, f, l) in [(5, 3, 2, 7), (4, 2, 8, 6), (1, 1, 4, 1)] {
            let mut p = Params::new(3, Device::Cpu);
            let layer = Refine::new(&mut p, "refine", c, o, f);
            let x = layout(&normals(0, &[2, c, l]));
            let (weight, bias) = (&layer.weight, Some(&layer.bias));
            let expected = (x.squeeze_dim(2)).conv_transpose1d(weight, bias, f, f / 2, 0, 1, 1);
            let found = layer.forward(&x).squeeze_dim(2);
            assert!(largest_difference(&found, &expected) < 1e-5);
        }
    }

    #[test]
    fn merging_is_the_convolution_of_both_maps_put_together() {
        let mut p = Params::new(3, Device::Cpu);
        let refine = Refine::new(&mut p, "refine", 4, 3, 2);
        let layer = Merge::new(&mut p, "merge", 3);
        let (coarse, fine) = (normals(0, &[2, 4, 5]), normals(1, &[2, 3, 10]));
        let (coarse, fine) = (layout(&coarse), layout(&fine));
        let (both, bias) = (
            Tensor::cat(&[&refine.forward(&coarse), &fine], 1),
            &layer.bias,
        );
        let expected = convolve(&both, &layer.weight, Some(bias), 1, 0);
        let found = layer.forward(&refine, &coarse, &fine);
        assert!(largest_difference(&found, &expected) < 1e-5);
    }

    #[test]
    fn what_all_rows_share_may_come_as_one_row() {
        let mut p = Params::new(3, Device::Cpu);
        let layer = Coarsen::new(&mut p, "coarsen", 5, 4, 2);
        let (own, shared) = (normals(0, &[3, 2, 12]), normals(1, &[1, 3, 12]));
        let whole = Tensor::cat(&[own.copy(), shared.expand([3, -1, -1], false)], 1);
        let parts = layer.forward_parts(&[layout(&own), layout(&shared)]);
        let expected = layer.forward(&layout(&whole));
        assert!(largest_difference(&parts, &expected) < 1e-5);
    }
}
