//! The redshift travels from the survey to the network, and runs of before it are as they were.

use crate::fixtures::python;
use crate::fixtures::run_folder::selfsi as command;
use crate::fixtures::trained::Trained;
use selfsi::base::random::{Purpose, Rows};
use selfsi::config::{Config, ForwardConfig, GridConfig, LatentUse, UNet1dConfig};
use selfsi::data::{Layout, LogGrid, Object};
use selfsi::forward::{Latent, build, redshifts};
use selfsi::nets::{Background, Pass, Population, UNet1d, VelocityField};
use selfsi::prepare::Prepared;
use selfsi::ranks::Ranks;
use selfsi::restored::Restored;
use selfsi::train::{Data, Feed, Run, Trainer};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use tch::{Device, Kind, Tensor};

const D: i64 = 64;

fn grid() -> LogGrid {
    LogGrid::new(&GridConfig {
        pixels: D as usize,
        ..GridConfig::default()
    })
}

/// A network whose weights have moved, told of redshifts or not.
fn network(redshift: Option<bool>) -> UNet1d {
    let config = UNet1dConfig {
        channels: vec![8, 16],
        margin: 16,
        kernel: 3,
        embedding: 8,
        redshift,
        ..UNet1dConfig::default()
    };
    let net = UNet1d::new(&config, &grid(), 2, 1, Device::Cpu);
    let flat = net.params().flat();
    let z = Rows::range(4, Purpose::Weights, 0, 1, Device::Cpu).normal(0, flat.size()[0]);
    net.params().set_flat(&(flat + z.squeeze() * 0.1));
    net
}

fn velocity(net: &UNet1d, z: f64) -> Tensor {
    tch::set_num_threads(1);
    let x = Rows::range(3, Purpose::Validation, 0, 2, Device::Cpu).normal(0, D);
    let latent = Latent::from_ivar(&x.ones_like(), &x.zeros_like()).at(&redshifts(&[z, z]));
    let t = Tensor::full([1, 1], 0.5, (Kind::Float, Device::Cpu));
    net.fields(&t, &x, &latent, Pass::default()).velocity
}

#[test]
fn a_network_is_told_where_its_config_says_so_and_unknown_is_no_redshift() {
    let told = network(Some(true));
    let (near, far, unknown) = (
        velocity(&told, 2.8),
        velocity(&told, 3.0),
        velocity(&told, f64::NAN),
    );
    for v in [&near, &far, &unknown] {
        assert!(v.isfinite().all().int64_value(&[]) == 1);
    }
    assert!(near != far && far != unknown);
    let parameters = |n: Option<bool>| network(n).params().flat();
    assert!(parameters(None) == parameters(Some(false)));
    let untold = network(None);
    assert!(velocity(&untold, 2.8) == velocity(&untold, f64::NAN));
}

/// Whether a config's `[network]` says something of redshifts.
fn names_redshift(config: &str) -> bool {
    ["redshift = ", "redshift_error = "]
        .iter()
        .any(|key| config.contains(key))
}

#[test]
fn what_a_config_leaves_open_is_decided_by_the_data() {
    let config = Config::load(Path::new("survey_configs/demo.toml"), &[]).unwrap();
    let network = &config.network;
    assert!(!network.redshift_input());
    let decided = |have| network.with_redshifts(have, "t").unwrap();
    assert!(decided(true).redshift_input() && !decided(false).redshift_input());
    let told = Config {
        network: decided(true),
        ..config.clone()
    };
    let text = told.to_toml().unwrap();
    assert!(text.contains("redshift = true") && text.contains("redshift_error = 300.0"));
    assert!(!names_redshift(&config.to_toml().unwrap()));
    let wanted = Config::parse(&text, "t", &["network.redshift=true".into()]).unwrap();
    let e = wanted.network.with_redshifts(false, "t").unwrap_err();
    assert!(e.to_string().contains("network.redshift"));
    let e = Config::parse(&text, "t", &["network.redshift_error=-1".into()]).unwrap_err();
    assert!(e.to_string().contains("network.redshift_error"));
}

#[test]
fn the_redshifts_of_a_set_reach_the_batches_of_training_with_their_errors() {
    let set = Prepared::open(Trained::get().path("set.h5")).unwrap();
    let objects: &[Object] = set.objects();
    let block = set.read_rows(&[5, 2]).unwrap();
    assert_eq!(block.z, [objects[5].z, objects[2].z]);
    let config = Config::load(Trained::get().path("sde.toml"), &[]).unwrap();
    let data = Data::load(&set, config.seed, &config.train, Device::Cpu).unwrap();
    let batch = Feed::new(&data.training, 1, 8).batch(0).unwrap();
    let mut known: Vec<f32> = objects.iter().map(|o| o.z.ln_1p() as f32).collect();
    known.sort_by(f32::total_cmp);
    let told: Vec<f32> = Vec::try_from(batch.latent.redshift.view([-1])).unwrap();
    assert!(told.iter().all(|l| known.contains(l)), "{told:?}");
}

/// A run whose config.toml says nothing of redshifts was not told of them.
#[test]
fn runs_of_before_the_redshift_restore_as_they_did_and_can_be_continued() {
    let trained = Trained::get();
    let path = trained.path("sde.toml");
    let config = Config::load(&path, &[]).unwrap();
    let (old, told_not) = (trained.out("run-old"), trained.out("run-untold"));
    let set = Prepared::open(trained.path("set.h5")).unwrap();
    tch::set_num_threads(1);
    let data = Data::load(&set, config.seed, &config.train, Device::Cpu).unwrap();
    let run = Run::plan(&old, &config).unwrap();
    let ranks = Ranks::start().unwrap();
    let mut trainer = Trainer::new(&run, &data, Device::Cpu, false, &ranks).unwrap();
    trainer.train(&AtomicBool::new(false), true).unwrap();
    let text = std::fs::read_to_string(old.join("config.toml")).unwrap();
    assert!(!names_redshift(&text));

    let train = |run: &Path, more: &[&str]| {
        let mut c = command();
        c.arg("train").arg(&path).arg("--out").arg(run).args(more);
        c.assert().success();
    };
    train(&told_not, &["--set", "network.redshift=false"]);
    let restored = |run: &Path| {
        let out = run.join("restored.fits");
        let mut c = command();
        c.arg("restore").arg(run).arg("--out").arg(&out);
        c.assert().success();
        let catalog = Restored::open(&out).unwrap();
        let all: Vec<usize> = (0..catalog.objects().len()).collect();
        let draws = catalog.rows("DRAW").unwrap().read(&all).unwrap();
        draws.mapv(f32::to_bits)
    };
    assert_eq!(restored(&old), restored(&told_not));
    // The user's config says nothing either.
    train(&old, &["--resume"]);
}

#[test]
fn a_new_run_says_that_its_network_is_told() {
    let run = Run::open(&Trained::get().run("sde")).unwrap();
    assert!(run.config().network.redshift_input());
}

/// The program `behaviour` of tests/python/simulator.py; `None` without Python.
fn program(behaviour: &str) -> Option<ForwardConfig> {
    let (python, script) = (python::python()?, python::script("simulator.py"));
    Some(ForwardConfig::Command {
        program: vec![
            python.display().to_string(),
            script.display().to_string(),
            behaviour.into(),
        ],
        timeout: 60.0,
        latent: LatentUse::Redrawn,
        processes: Some(1),
    })
}

#[test]
fn a_program_of_version_2_is_sent_the_redshift_and_one_of_version_1_works_as_before() {
    let layout = Layout::Spectra {
        grid: grid(),
        noise_rho: vec![0.0; D as usize],
    };
    let z = [2.5, f64::NAN];
    let x = Tensor::zeros([2, D], (Kind::Float, Device::Cpu));
    let known = Latent::of_pixels(x.ones_like(), x.ones_like(), x.zeros_like()).at(&redshifts(&z));
    let rows = Rows::range(5, Purpose::Forward, 9, 2, Device::Cpu);
    for (behaviour, expected) in [("redshift", [2.5, -1.0]), ("old", [1.0, 1.0])] {
        let Some(config) = program(behaviour) else {
            return;
        };
        let model = build(&config, &layout, Device::Cpu).unwrap();
        let (y, latent) = model.observe(&x, &known, &rows).unwrap();
        for (row, value) in expected.iter().enumerate() {
            let off = (y.get(row as i64) - *value).abs().max().double_value(&[]);
            assert!(off < 1e-6, "{behaviour}: {off}");
        }
        assert!(latent.redshift.get(0).double_value(&[0]) > 1.2);
    }
}

/// A population on the observed grid, all objects at one redshift.
fn population(scaled: bool) -> Population {
    let u = Tensor::linspace(0.0, 1.0, D, (Kind::Float, Device::Cpu));
    let mean = ((&u * 6.0).sin() + 2.0).unsqueeze(0);
    let lag = (&u.unsqueeze(0) - &u.unsqueeze(1)) * D as f64;
    let covariance = (lag.square() * -0.05).exp() * 0.3 + (&u * 3.0).cos().outer(&(&u * 3.0).cos());
    // No mode below the least variance that the network lets one have.
    let covariance = covariance + Tensor::eye(D, (Kind::Float, Device::Cpu)) * 1e-3;
    let both = || [mean.shallow_clone(), covariance.shallow_clone()];
    Population {
        furthest: 3f64.ln(),
        dln: grid().dln(),
        scaled,
        known: both(),
        unknown: both(),
        profile: mean.ones_like(),
    }
}

fn over(population: &Population, gamma: f64) -> UNet1d {
    let config = UNet1dConfig {
        channels: vec![8, 16],
        margin: 16,
        kernel: 3,
        embedding: 8,
        gaussian: true,
        ..UNet1dConfig::default()
    };
    let heads = if gamma > 0.0 { 2 } else { 1 };
    UNet1d::new(&config, &grid(), heads, 1, Device::Cpu).over(Background::new(
        population,
        gamma,
        Device::Cpu,
    ))
}

#[test]
fn a_network_that_says_nothing_is_the_posterior_of_its_population() {
    tch::set_num_threads(1);
    let population = population(false);
    let sigma = 0.7;
    let x = Rows::range(3, Purpose::Validation, 0, 3, Device::Cpu).normal(0, D) + 2.0;
    let z = [2.0, f64::NAN, 9.0];
    let latent =
        Latent::of_pixels(x.ones_like(), x.ones_like() * sigma, x.zeros_like()).at(&redshifts(&z));
    for (gamma, t) in [(0.0, 1.0), (0.0, 0.3), (1.0, 0.5)] {
        let time = Tensor::full([1, 1], t, (Kind::Float, Device::Cpu));
        let fields = over(&population, gamma).fields(&time, &x, &latent, Pass::default());
        let g = gamma * t * (1.0 - t);
        let (own, unit2) = (t * t * sigma * sigma, sigma * sigma + 0.1);
        let variance = own + g * g * unit2;
        let [m, c] = &population.known;
        let noisy = c + Tensor::eye(D, (Kind::Float, Device::Cpu)) * variance;
        let gain = noisy
            .to_kind(Kind::Double)
            .inverse()
            .matmul(&c.to_kind(Kind::Double));
        let residual = (&x - m).to_kind(Kind::Double);
        let expected = residual.matmul(&gain) + m.to_kind(Kind::Double);
        let [clean, _] = fields.clean.as_ref().unwrap();
        let off = (clean - &expected).abs().max().double_value(&[]);
        assert!(off < 2e-3, "t = {t}: {off}");
        // dI/dt and z of the same Gaussian path.
        let z = (&x - &expected) * (g * unit2.sqrt() / variance);
        let velocity = (&x - &expected) / t - &z * (t * unit2.sqrt() * gamma);
        let off = (fields.velocity - velocity).abs().max().double_value(&[]);
        assert!(off < 5e-3, "t = {t}: {off}");
        if let Some(denoiser) = fields.denoiser {
            let off = (denoiser - z).abs().max().double_value(&[]);
            assert!(off < 5e-3, "t = {t}: {off}");
        }
    }
}

#[test]
fn the_amplitude_of_an_object_is_found() {
    tch::set_num_threads(1);
    let population = population(true);
    let [mean, _] = &population.known;
    let scales = Tensor::from_slice(&[0.5f32, 1.0, 3.0]).unsqueeze(1);
    let x = mean * &scales;
    let latent = Latent::of_pixels(x.ones_like(), x.ones_like(), x.zeros_like());
    let time = Tensor::full([1, 1], 1.0, (Kind::Float, Device::Cpu));
    let fields = over(&population, 0.0).fields(&time, &x, &latent, Pass::default());
    let [clean, _] = fields.clean.unwrap();
    let off = (clean - &x).abs().max().double_value(&[]);
    assert!(off < 1e-3, "{off}");
}
