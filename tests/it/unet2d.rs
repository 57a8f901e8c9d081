//! What the network for images promises: its start, its inputs, its options, and one forward pass
//! against an independent one.

use crate::fixtures::python::{check, python};
use selfsi::base::random::{Purpose, Rows};
use selfsi::config::UNet2dConfig;
use selfsi::data::{ImageLayout, PixelScale};
use selfsi::forward::Latent;
use selfsi::nets::{Fields, Pass, UNet2d, VelocityField};
use std::path::Path;
use tch::{Device, Kind, Tensor};

const B: i64 = 3;
const OFF: Pass = Pass {
    dropout: false,
    phase: 0,
    bf16: false,
};

fn layout(channels: usize, size: usize, vector: usize, planes: usize) -> ImageLayout {
    ImageLayout {
        channels,
        height: size,
        width: size,
        scale: PixelScale {
            softening: None,
            mean: vec![0.0; channels],
            std: vec![1.0; channels],
        },
        vector,
        planes,
        psf: 0,
    }
}

/// Two levels, 8² and 4², attention at 4² with two heads.
fn small() -> UNet2dConfig {
    UNet2dConfig {
        channels: 8,
        multipliers: vec![1, 2],
        embedding: 2,
        blocks: 1,
        attention: vec![4],
        head: 8,
        ..UNet2dConfig::default()
    }
}

/// Two channels at 8², told a mask, one plane and two numbers; ODE and SDE heads.
fn told(config: &UNet2dConfig, max_position: f64) -> UNet2d {
    tch::set_num_threads(1);
    let image = layout(2, 8, 2, 1);
    UNet2d::new(config, &image, 2, max_position, 1, Device::Cpu)
}

fn network(config: &UNet2dConfig) -> UNet2d {
    told(config, UNet2d::INTERPOLANT)
}

/// The network with every weight moved, so that no zero-initialised layer hides another.
fn moved(config: &UNet2dConfig) -> UNet2d {
    move_weights(network(config))
}

fn move_weights(net: UNet2d) -> UNet2d {
    let flat = net.params().flat();
    let p = flat.size()[0];
    let z = Rows::range(4, Purpose::Weights, 0, 1, Device::Cpu).normal(0, p);
    net.params().set_flat(&(flat + z.squeeze() * 0.1));
    net
}

fn normal(step: u64, n: i64) -> Tensor {
    Rows::range(3, Purpose::Validation, step, B, Device::Cpu).normal(0, n)
}

/// Images of two channels at three times, a third of their pixels masked.
fn input() -> (Tensor, Tensor, Latent) {
    let t = Tensor::linspace(0.0, 1.0, B, (Kind::Float, Device::Cpu)).unsqueeze(1);
    let good = normal(1, 128).gt(-0.4).to_kind(Kind::Float);
    let sigma = good.ones_like();
    let latent = Latent {
        vector: normal(2, 2),
        planes: normal(3, 64),
        ..Latent::of_pixels(good, sigma.shallow_clone(), sigma)
    };
    (t, normal(0, 128), latent)
}

/// Velocity and denoiser side by side, [B, 2 D].
fn both(f: Fields) -> Tensor {
    Tensor::cat(&[f.velocity, f.denoiser.unwrap()], 1)
}

fn fields(net: &UNet2d) -> Tensor {
    let (t, x, latent) = input();
    both(net.fields(&t, &x, &latent, OFF))
}

fn largest(t: &Tensor) -> f64 {
    t.abs().max().double_value(&[])
}

/// Largest difference in units of the largest value.
fn apart(a: &Tensor, b: &Tensor) -> f64 {
    largest(&(a - b)) / largest(b)
}

#[test]
fn at_initialisation_both_fields_are_zero_so_that_the_map_is_the_identity() {
    let f = fields(&network(&small()));
    assert_eq!(f.size(), [B, 256]);
    assert_eq!(largest(&f), 0.0);
}

#[test]
fn a_row_does_not_depend_on_the_others_in_its_batch() {
    let net = moved(&small());
    let together = fields(&net);
    let (t, x, latent) = input();
    for i in 0..B {
        let index = Tensor::from_slice(&[i]);
        let one = |t: &Tensor| t.index_select(0, &index);
        let alone = net.fields(&one(&t), &one(&x), &latent.select(&index), OFF);
        assert!(apart(&both(alone), &one(&together)) < 1e-5, "{i}");
    }
}

#[test]
fn the_fields_depend_on_everything_that_is_known() {
    let net = moved(&small());
    let before = fields(&net);
    let change = |f: &dyn Fn(&mut Tensor, &mut Latent)| {
        let (mut t, x, mut latent) = input();
        f(&mut t, &mut latent);
        apart(&both(net.fields(&t, &x, &latent, OFF)), &before)
    };
    assert!(change(&|t, _| *t = &*t * 0.5 + 0.2) > 1e-3);
    assert!(change(&|_, l| l.good = l.good.ones_like()) > 1e-3);
    assert!(change(&|_, l| l.planes = -&l.planes) > 1e-3);
    assert!(change(&|_, l| l.vector = -&l.vector) > 1e-3);
    // Pixels of an image have no line-spread function, and the noise level is not told.
    assert_eq!(change(&|_, l| l.lsf = &l.lsf * 2.0), 0.0);
    assert_eq!(change(&|_, l| l.sigma = &l.sigma * 2.0), 0.0);
}

#[test]
fn attention_is_where_the_config_says_and_in_the_first_block_of_the_coarsest_level_s_way_up() {
    let places = |attention: Vec<i64>| {
        let config = UNet2dConfig {
            attention,
            ..small()
        };
        let net = network(&config);
        let of = |(name, _): &(String, Tensor)| {
            name.strip_suffix(".attention.qkv.weight").map(String::from)
        };
        net.params()
            .named()
            .iter()
            .filter_map(of)
            .collect::<Vec<_>>()
    };
    assert_eq!(places(vec![]), ["middle0"]);
    assert_eq!(places(vec![4]), ["down1.0", "middle0", "up1.0", "up1.1"]);
    assert_eq!(
        places(vec![8, 16]),
        ["down0.0", "middle0", "up0.0", "up0.1"]
    );
}

#[test]
fn every_weight_has_a_gradient_and_it_is_the_slope_of_the_loss() {
    let net = moved(&small());
    let loss = || fields(&net).square().mean(Kind::Float);
    let start = net.params().flat();
    let gradient = net.params().gradient(&loss());
    for ((name, _), g) in net
        .params()
        .named()
        .iter()
        .zip(net.params().split(&gradient))
    {
        assert!(largest(&g) > 0.0, "{name}");
    }
    // Along the gradient itself the change is largest: |g|² per unit step.
    let at = |step: f64| {
        net.params().set_flat(&(&start + &gradient * step));
        loss().double_value(&[])
    };
    let slope = gradient.square().sum(Kind::Double).double_value(&[]);
    let step = 0.01 * at(0.0) / slope;
    let numeric = (at(step) - at(-step)) / (2.0 * step);
    assert!((numeric / slope - 1.0).abs() < 0.01, "{numeric} {slope}");
}

#[test]
fn dropout_is_on_only_where_the_pass_says_so() {
    let net = moved(&small());
    let (t, x, latent) = input();
    let on = Pass {
        dropout: true,
        ..OFF
    };
    let f = |pass| both(net.fields(&t, &x, &latent, pass));
    assert_eq!(f(OFF), f(OFF));
    assert!(apart(&f(on), &f(on)) > 1e-3);
}

#[test]
fn channels_last_changes_the_layout_in_memory_and_not_the_result() {
    let plain = moved(&small());
    let other = moved(&UNet2dConfig {
        channels_last: true,
        ..small()
    });
    assert!(apart(&fields(&other), &fields(&plain)) < 1e-5);
    let gradient = |net: &UNet2d| {
        net.params()
            .gradient(&fields(net).square().mean(Kind::Float))
    };
    assert!(apart(&gradient(&other), &gradient(&plain)) < 1e-4);
}

#[test]
fn bfloat16_rounds_the_fields_to_its_precision_and_leaves_weights_and_gradients_in_fp32() {
    let plain = moved(&small());
    let other = moved(&UNet2dConfig {
        bf16: true,
        ..small()
    });
    let (f, g) = (fields(&other), fields(&plain));
    assert_eq!(f.kind(), Kind::Float);
    // 8 bits of mantissa, some thirty roundings in a row.
    let rounding = apart(&f, &g);
    assert!(rounding > 1e-4 && rounding < 0.05, "{rounding}");
    let gradient = |f: &Tensor, net: &UNet2d| {
        let gradient = net.params().gradient(&f.square().mean(Kind::Float));
        assert_eq!(gradient.kind(), Kind::Float);
        gradient
    };
    let (a, b) = (gradient(&f, &other), gradient(&g, &plain));
    let cosine = (&a * &b).sum(Kind::Double) / (a.norm() * b.norm());
    assert!(cosine.double_value(&[]) > 0.999, "{cosine:?}");
}

#[test]
fn the_forward_pass_is_that_of_an_independent_one() {
    let Some(python) = python() else { return };
    // The times of an interpolant, and the noise levels of a diffusion model.
    for max_position in [UNet2d::INTERPOLANT, 10_000.0] {
        compare(&python, max_position);
    }
}

fn compare(python: &Path, max_position: f64) {
    let config = small();
    let net = move_weights(told(&config, max_position));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, t: &Tensor| {
        let path = folder.path().join(format!("{name}.npy"));
        t.detach().write_npy(path).unwrap();
    };
    let (t, x, latent) = input();
    for (name, w) in net.params().named() {
        write(name, w);
    }
    write("input_t", &t.squeeze());
    write("input_x", &x.view([B, 2, 8, 8]));
    write("input_good", &latent.good.view([B, 2, 8, 8]));
    write("input_planes", &latent.planes.view([B, 1, 8, 8]));
    write("input_vector", &latent.vector);
    write("fields", &fields(&net));
    let shape = format!(
        r#"{{"channels": {}, "levels": {}, "blocks": {}, "head": {}, "max_position": {}}}"#,
        config.channels,
        config.multipliers.len(),
        config.blocks,
        config.head,
        max_position
    );
    std::fs::write(folder.path().join("shape.json"), shape).unwrap();
    check(python, "unet2d_reference.py", &[folder.path()]);
}
