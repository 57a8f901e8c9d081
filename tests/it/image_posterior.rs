//! `[interpolant] kind = "posterior"` for images: the Gaussian start behind each image's own PSF, noise and mask
//! against the dense formulas, and a run of it.

use crate::fixtures::galaxies;
use crate::fixtures::run_folder::{Left, checkpoints, selfsi_in};
use assert_cmd::Command;
use selfsi::base::random::{Purpose, Rows};
use selfsi::config::{ForwardConfig, LatentUse, StageConfig};
use selfsi::data::{ImageLayout, PixelScale};
use selfsi::forward::{Latent, LinearImages};
use selfsi::population::{ImagePopulation, ImageStart};
use selfsi::transport::Start;
use std::path::Path;
use tch::{Device, Kind, Tensor};

const SIDE: i64 = 8;
const D: i64 = SIDE * SIDE;
const K: i64 = 5;

fn rows(index: u64, n: i64) -> Rows {
    tch::set_num_threads(1);
    Rows::range(3, Purpose::Toy, index, n, Device::Cpu)
}

fn layout(psf: usize) -> ImageLayout {
    ImageLayout {
        channels: 1,
        height: SIDE as usize,
        width: SIDE as usize,
        scale: PixelScale {
            softening: None,
            mean: vec![0.0],
            std: vec![1.0],
        },
        vector: 0,
        planes: 0,
        psf,
    }
}

fn stages(text: &str) -> ForwardConfig {
    toml::from_str(&format!("kind = 'stages'\nstages = [{text}]")).unwrap()
}

/// `n` observations with a lopsided PSF of 3 pixels, uneven noise, and a lost pixel in eight.
fn latent(n: i64) -> Latent {
    let good = rows(1, n).uniform(0, D).gt(0.125).to_kind(Kind::Float);
    let sigma: Tensor = (rows(2, n).uniform(0, D) * 0.2 + 0.3) * &good + (1.0 - &good);
    let kernel = [0.0f32, 0.1, 0.0, 0.2, 0.4, 0.1, 0.0, 0.15, 0.05];
    Latent {
        psf: Tensor::from_slice(&kernel).view([1, 9]).repeat([n, 1]),
        ..Latent::of_pixels(good, sigma.copy(), sigma.zeros_like())
    }
}

const SEEN: &str = "{ kind = 'psf', from = 'hdu' }, { kind = 'noise', from = 'ivar' }";

fn population(amplitudes: [f32; 2]) -> ImagePopulation {
    let modes = rows(3, K).normal(0, D) * 0.5;
    ImagePopulation::from([
        Tensor::full([1, D], -0.5, (Kind::Float, Device::Cpu)),
        rows(4, 1).uniform(0, D) + 0.5,
        modes,
        Tensor::from_slice(&amplitudes).view([1, 2]),
    ])
}

fn channel() -> LinearImages {
    LinearImages::new(&stages(SEEN), &layout(3), Device::Cpu)
        .unwrap()
        .unwrap()
}

fn largest(t: &Tensor) -> f64 {
    t.abs().max().double_value(&[])
}

#[test]
fn the_start_is_the_gaussian_posterior_of_each_image_behind_its_own_channel() {
    let n = 3;
    let latent = latent(n);
    let p = population([1.0, 1.0]);
    let y = rows(5, n).normal(0, D);
    // By the formula over pixels: C Aᵀ (A C Aᵀ + N)⁻¹, of the pixels that are seen.
    let double = |t: &Tensor| t.to_kind(Kind::Double);
    let a = double(&channel().seen(
        &Tensor::eye(D, (Kind::Float, Device::Cpu)),
        &latent.narrow(0, 1),
    ))
    .tr();
    let c = double(&p.modes).tr().matmul(&double(&p.modes));
    let clean = double(&p.dark) + double(&p.mean);
    let start = ImageStart::new(population([1.0, 1.0]), channel());
    let draws = 4000;
    for i in 0..n {
        let one = latent.narrow(i, 1);
        let seen = one.good.view([-1]).nonzero().view([-1]);
        let a = a.index_select(0, &seen);
        let noise = double(&one.sigma)
            .view([-1])
            .index_select(0, &seen)
            .square();
        let inner = a.matmul(&c).matmul(&a.tr()) + noise.diag(0);
        let residual = (double(&y.narrow(0, i, 1)) - clean.matmul(&double(&channel_matrix()).tr()))
            .index_select(1, &seen);
        let gain = c.matmul(&a.tr()).matmul(&inner.inverse());
        let mean = &clean + residual.matmul(&gain.tr());
        let left = &c - gain.matmul(&a).matmul(&c);
        let many = Latent::concatenate(&vec![&one; draws]);
        let random = rows(6, draws as i64);
        let ys = y.narrow(0, i, 1).repeat([draws as i64, 1]);
        let (draw, told) = start.anchored(&ys, &many, &random);
        let anchor = told.anchor.unwrap();
        let off = double(&anchor.mean.narrow(0, 0, 1)) - &mean;
        assert!(largest(&off) < 1e-3, "{i}: {}", largest(&off));
        let of_draws = draw.var_dim([0i64].as_slice(), true, true);
        let exact = left.diag(0).unsqueeze(0);
        let error = (double(&of_draws) / &exact - 1.0).abs().mean(Kind::Double);
        assert!(error.double_value(&[]) < 0.03, "{i}: {error:?}");
        let scatter = double(&anchor.scatter.narrow(0, 0, 1)).square();
        assert!(largest(&(scatter / exact - 1.0)) < 1e-3);
        // Without noise a draw of the population would be off by (1 − gain A) x′.
        let apart = Tensor::eye(D, (Kind::Double, Device::Cpu)) - gain.matmul(&a);
        let exact = apart.matmul(&c).matmul(&apart.tr()).diag(0);
        let found = start.prior_error(&ys, &many, &random);
        let found = double(&found.var_dim([0i64].as_slice(), true, true));
        let error = (found / exact - 1.0).abs().mean(Kind::Double);
        assert!(error.double_value(&[]) < 0.05, "{i}: {error:?}");
    }
}

fn channel_matrix() -> Tensor {
    let eye = Tensor::eye(D, (Kind::Float, Device::Cpu));
    channel().seen(&eye, &latent(1)).tr()
}

#[test]
fn what_a_row_gets_does_not_depend_on_the_rows_beside_it_and_amplitudes_scale_it() {
    let n = 4;
    let latent = latent(n);
    let start = ImageStart::new(population([0.01, 100.0]), channel());
    let x = rows(7, n).normal(0, K).matmul(&population([1.0; 2]).modes)
        + rows(4, 1).uniform(0, D)
        + 0.5;
    let seen = |scale: f64| channel().seen(&(&x * scale), &latent.narrow(0, 1)) - 0.5;
    let random = rows(8, n);
    let (draw, whole) = start.anchored(&seen(1.0), &latent, &random);
    let index = Tensor::from_slice(&[2i64]);
    let (alone, _) = start.anchored(
        &seen(1.0).narrow(0, 2, 1),
        &latent.narrow(2, 1),
        &random.select(&index),
    );
    assert_eq!(draw.narrow(0, 2, 1), alone);
    // Ten times the light in ten times the noise is ten times the galaxy.
    let louder = Latent {
        sigma: &latent.sigma * 10.0,
        ..latent.shallow_clone()
    };
    let (_, bright) = start.anchored(&seen(10.0), &louder, &random);
    let means = [whole, bright].map(|l| l.anchor.unwrap().mean + 0.5);
    let off = largest(&(&means[1] / 10.0 - &means[0]));
    assert!(off < 1e-3 * largest(&means[0]), "{off}");
}

#[test]
fn the_population_behind_lost_pixels_is_learned_from_those_that_are_seen() {
    let n = 1200;
    let good = rows(10, n).uniform(0, D).gt(0.5).to_kind(Kind::Float);
    let factor = rows(3, K).normal(0, D) * 0.5;
    let mean = rows(4, 1).uniform(0, D);
    let x = rows(11, n).normal(0, K).matmul(&factor) + &mean;
    let y = (x + rows(12, n).normal(0, D) * 0.2) * &good;
    let sigma = Tensor::full([n, D], 0.2, (Kind::Float, Device::Cpu));
    let sigma: Tensor = sigma * &good + (1.0 - &good);
    let latent = Latent::of_pixels(good, sigma.copy(), sigma.zeros_like());
    let forward =
        stages("{ kind = 'mask', rho = 0.5, latent = 'redrawn' }, { kind = 'noise', sigma = 0.2 }");
    let channel = LinearImages::new(&forward, &layout(0), Device::Cpu)
        .unwrap()
        .unwrap();
    let dark = mean.zeros_like();
    let shape = [1, SIDE, SIDE];
    let found = ImagePopulation::learned(&y, &latent, (&channel, &dark), shape, 1.0).unwrap();
    let off = (&found.mean - &mean).square().mean(Kind::Float).sqrt();
    assert!(off.double_value(&[]) < 0.06, "{off:?}");
    let [is, was] = [&found.modes, &factor].map(|m| m.tr().matmul(m));
    let error = ((is - &was).square().sum(Kind::Float) / was.square().sum(Kind::Float)).sqrt();
    assert!(error.double_value(&[]) < 0.15, "{error:?}");
}

#[test]
fn channels_that_are_not_linear_or_not_known_have_no_such_start() {
    let noise = "{ kind = 'noise', sigma = 0.2 }";
    let of = |stages_: &str, psf| {
        LinearImages::new(&stages(stages_), &layout(psf), Device::Cpu)
            .unwrap()
            .is_some()
    };
    assert!(of(&format!("{{ kind = 'blur', sigma = 1.0 }}, {noise}"), 0));
    for stage in [
        "{ kind = 'mask', rho = 0.5, latent = 'hidden' }",
        "{ kind = 'photon', gain = 10.0 }",
        "{ kind = 'jpeg', min = 0.1, max = 0.5, chroma = '4:2:0', latent = 'redrawn' }",
        "{ kind = 'rays', rays = 4, latent = 'redrawn' }",
    ] {
        assert!(!of(&format!("{stage}, {noise}"), 0), "{stage}");
    }
    let alike = "{ kind = 'noise', sigma = 0.2, kernel = [[0.0, 0.2, 0.0], [0.2, 1.0, 0.2], [0.0, 0.2, 0.0]] }";
    assert!(!of(alike, 0));
    // Noise that is blurred is not independent from pixel to pixel; without any nothing is uncertain.
    assert!(!of(
        &format!("{noise}, {{ kind = 'blur', sigma = 1.0 }}"),
        0
    ));
    assert!(!of("{ kind = 'blur', sigma = 1.0 }", 0));
    let mask = StageConfig::mask(0.5, LatentUse::Kept);
    let forward = ForwardConfig::Stages {
        stages: vec![mask, StageConfig::noise(0.1)],
        units: None,
    };
    let mut stretched = layout(0);
    stretched.scale.softening = Some(1.0);
    let found = LinearImages::new(&forward, &stretched, Device::Cpu).unwrap();
    assert!(found.is_none());
}

fn config() -> String {
    galaxies::config(
        1,
        80,
        "[interpolant]
    kind = 'posterior'
    [transport]
    steps = 3
    [train]
    steps = 4
    batch = 40
    heldout = 0.3
    validate_every = 4
    checkpoint_every = 2
    [restore]
    draws = 3
    batch = 8
    shapes = true",
    )
}

fn run(folder: &Path, args: &[&str]) {
    selfsi_in(folder).args(args).assert().success();
}

#[test]
fn a_run_is_the_same_for_any_number_of_threads_and_when_it_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("c.toml"), config()).unwrap();
    run(at, &["mock", "c.toml"]);
    run(at, &["prepare", "c.toml"]);
    for (name, threads) in [("one", "1"), ("three", "3")] {
        let out = format!("{name}.h5");
        for args in [
            ["train", "c.toml", "--out", name],
            ["restore", name, "--out", &out],
        ] {
            let mut selfsi = Command::cargo_bin("selfsi").unwrap();
            selfsi.current_dir(at).args(["--threads", threads]);
            selfsi.args(args).assert().success();
        }
    }
    let [one, three] = ["one", "three"].map(|name| Left::by(&at.join(name)));
    assert!(one == three);
    let open = |name: &str| selfsi::restored::RestoredImages::open(at.join(name)).unwrap();
    let [one_file, three_file] = ["one.h5", "three.h5"].map(open);
    let names = one_file.header().images();
    for word in ["SIGMA", "SIGMA_PRIOR", "DRAW"] {
        assert!(names.iter().any(|n| n == word), "{names:?}");
    }
    for name in &names {
        let [a, b] = [&one_file, &three_file].map(|f| f.read(name, 0..80).unwrap());
        // Bits, so that NaN is itself.
        assert_eq!(a.mapv(f32::to_bits), b.mapv(f32::to_bits), "{name}");
        let known = a.iter().filter(|v| v.is_finite()).count();
        assert!(4 * known > 3 * a.len(), "{name}: {known}");
    }
    // As if it had been killed after the first checkpoint.
    let newest = checkpoints(&at.join("three")).pop().unwrap();
    std::fs::remove_file(newest).unwrap();
    run(at, &["train", "c.toml", "--out", "three", "--resume"]);
    assert!(one == Left::by(&at.join("three")));
}
