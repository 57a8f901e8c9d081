//! Images, latents and stages for the tests of the forward model.
#![allow(dead_code)]

use selfsi::base::random::{Purpose, Rows};
use selfsi::config::StageConfig;
use selfsi::data::{ImageLayout, PixelScale};
use selfsi::forward::{ForwardModel, Latent, Stages};
use tch::{Device, Kind, Tensor};

pub const MEAN: f64 = 120.0;
pub const STD: f64 = 60.0;

/// Images of [C, H, W] whose values in the file are 120 + 60 × normalised.
pub fn layout([channels, height, width]: [usize; 3]) -> ImageLayout {
    ImageLayout {
        channels,
        height,
        width,
        scale: PixelScale {
            softening: None,
            mean: vec![MEAN; channels],
            std: vec![STD; channels],
        },
        vector: 0,
        planes: 0,
    }
}

pub fn rows(n: i64) -> Rows {
    Rows::range(5, Purpose::Forward, 0, n, Device::Cpu)
}

/// Nothing lost, no noise level, no latent.
pub fn clean(x: &Tensor) -> Latent {
    Latent::of_pixels(x.ones_like(), x.zeros_like(), x.zeros_like())
}

/// `n` smooth images with edges, of values within 0..255 in the file's units, [n, D].
pub fn pictures(n: i64, [c, h, w]: [usize; 3]) -> Tensor {
    let shape = [c as i64, h as i64, w as i64];
    let axis = |n: i64, at: usize| {
        let mut view = [1i64; 4];
        view[at] = n;
        Tensor::arange(n, (Kind::Float, Device::Cpu)).view(view)
    };
    let phase = (axis(n, 0) * 1.7 + axis(shape[0], 1) * 0.8) + 0.3;
    let wave: Tensor =
        (axis(shape[1], 2) * 0.35 + &phase).sin() * (axis(shape[2], 3) * 0.22 + phase).cos();
    let edge = (axis(shape[1], 2) + axis(shape[2], 3) * 0.5).gt(shape[1] as f64 * 0.7);
    (wave + edge.to_kind(Kind::Float) * 0.7 - 0.2).view([n, -1])
}

/// F of the stages, run once with the streams [`rows`].
pub fn observe(
    stages: &[StageConfig],
    shape: [usize; 3],
    x: &Tensor,
    recorded: &Latent,
) -> (Tensor, Latent) {
    Stages::new(stages, &layout(shape), Device::Cpu)
        .unwrap()
        .observe(x, recorded, &rows(x.size()[0]))
        .unwrap()
}

pub fn list(t: &Tensor) -> Vec<f64> {
    t.to_kind(Kind::Double)
        .contiguous()
        .view([-1])
        .try_into()
        .unwrap()
}

pub fn mean(t: &Tensor) -> f64 {
    t.mean(Kind::Double).double_value(&[])
}

pub fn variance(t: &Tensor) -> f64 {
    t.to_kind(Kind::Double).var(true).double_value(&[])
}

/// Largest difference.
pub fn apart(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}
