//! What the U-Net promises before and after it has learned anything.

use selfsi::base::random::{Purpose, Rows};
use selfsi::config::{GridConfig, UNet1dConfig};
use selfsi::data::LogGrid;
use selfsi::forward::Latent;
use selfsi::nets::{Fields, Pass, UNet1d, VelocityField};
use tch::{Device, Kind, Tensor};

const B: i64 = 5;
const D: i64 = 64;

fn rows(step: u64) -> Rows {
    tch::set_num_threads(1);
    Rows::range(3, Purpose::Validation, step, B, Device::Cpu)
}

fn grid() -> LogGrid {
    LogGrid::new(&GridConfig {
        pixels: D as usize,
        ..GridConfig::default()
    })
}

fn network(noise_input: bool) -> UNet1d {
    let config = UNet1dConfig {
        channels: vec![8, 16],
        patch: 8,
        margin: 16,
        kernel: 3,
        embedding: 8,
        noise_input,
        ..UNet1dConfig::default()
    };
    UNet1d::new(&config, &grid(), 2, 1, Device::Cpu)
}

/// The network with every weight moved, so that no zero-initialised layer hides another.
fn moved() -> UNet1d {
    let net = network(true);
    let flat = net.params().flat();
    let p = flat.size()[0];
    let z = Rows::range(4, Purpose::Weights, 0, 1, Device::Cpu).normal(0, p);
    net.params().set_flat(&(flat + z.squeeze() * 0.1));
    net
}

/// Spectra at five times, of five noise levels, one pixel in ten masked.
fn input() -> (Tensor, Tensor, Latent) {
    let t = Tensor::linspace(0.0, 1.0, B, (Kind::Float, Device::Cpu)).unsqueeze(1);
    let level = Tensor::linspace(0.2, 2.0, B, (Kind::Float, Device::Cpu)).unsqueeze(1);
    let good = rows(1).uniform(0, D).gt(0.1).to_kind(Kind::Float);
    let ivar = good * level.square().reciprocal();
    let latent = Latent::from_ivar(&ivar, &ivar.ones_like());
    (t, rows(0).normal(0, D), latent)
}

fn fields(net: &UNet1d, phase: u64) -> Fields {
    let (t, x, latent) = input();
    let pass = Pass {
        dropout: false,
        phase,
        bf16: false,
    };
    net.fields(&t, &x, &latent, pass)
}

fn largest(t: &Tensor) -> f64 {
    t.abs().max().double_value(&[])
}

#[test]
fn at_initialisation_the_fields_are_those_of_a_white_population() {
    let net = network(true);
    let (t, x, latent) = input();
    // E[n − 0 | x + t n] for signal of variance 1 and noise of variance σ².
    let variance = latent.sigma.square();
    let white = &t * &variance * &x / (t.square() * variance + 1.0);
    for phase in 0..8 {
        let f = fields(&net, phase);
        assert_eq!(f.velocity.size(), [B, D]);
        assert!(largest(&(f.velocity - &white)) < 1e-6);
        assert_eq!(largest(&f.denoiser.unwrap()), 0.0);
    }
}

#[test]
fn at_initialisation_without_the_noise_both_fields_are_zero_so_that_the_map_is_the_identity() {
    let f = fields(&network(false), 0);
    assert_eq!(largest(&f.velocity), 0.0);
    assert_eq!(largest(&f.denoiser.unwrap()), 0.0);
}

#[test]
fn the_inner_grid_moves_with_the_phase_to_all_places_of_a_patch() {
    let net = moved();
    let first = fields(&net, 0).velocity;
    assert!(first == fields(&net, 0).velocity);
    let next = fields(&net, 1).velocity;
    assert!(largest(&(&next - &first)) > 1e-3 * largest(&first));
    let mut places: Vec<Tensor> = Vec::new();
    for phase in 0..32 {
        let v = fields(&net, phase).velocity;
        if places.iter().all(|p| *p != v) {
            places.push(v);
        }
    }
    assert_eq!(places.len(), 8);
}

#[test]
fn a_row_does_not_depend_on_the_others_in_its_batch() {
    let net = moved();
    let together = fields(&net, 3);
    let (t, x, latent) = input();
    for i in 0..B {
        let index = Tensor::from_slice(&[i]);
        let one = |t: &Tensor| t.index_select(0, &index);
        let pass = Pass {
            dropout: false,
            phase: 3,
            bf16: false,
        };
        let alone = net.fields(&one(&t), &one(&x), &latent.select(&index), pass);
        for (alone, all) in [
            (&alone.velocity, &together.velocity),
            (
                &alone.denoiser.unwrap(),
                together.denoiser.as_ref().unwrap(),
            ),
        ] {
            let all = one(all);
            assert!(
                largest(&(alone - &all)) < 1e-5 * largest(&all).max(1.0),
                "{i}"
            );
        }
    }
}

#[test]
fn in_bfloat16_the_fields_are_those_of_fp32_to_its_precision() {
    let net = moved();
    let (t, x, latent) = input();
    let exact = fields(&net, 3);
    let pass = Pass {
        dropout: false,
        phase: 3,
        bf16: true,
    };
    let rounded = net.fields(&t, &x, &latent, pass);
    // 8 bits of mantissa, through some twenty layers.
    for (a, b) in [
        (&exact.velocity, &rounded.velocity),
        (&exact.denoiser.unwrap(), &rounded.denoiser.unwrap()),
    ] {
        assert_eq!(b.kind(), Kind::Float);
        let error = (a - b).square().mean(Kind::Double).sqrt() / a.std(false);
        let error = error.double_value(&[]);
        assert!(error > 0.0 && error < 0.03, "{error}");
    }
}
