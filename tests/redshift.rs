//! The redshift travels from the survey to the network, and runs of before it are as they were.

#[allow(dead_code)] // its HDF5 survey serves other tests
mod trained;

use selfsi::base::random::{Purpose, Rows};
use selfsi::config::{Config, ForwardConfig, GridConfig, LatentUse, UNet1dConfig};
use selfsi::data::{Layout, LogGrid, Object};
use selfsi::forward::{Latent, build, redshifts};
use selfsi::nets::{Pass, UNet1d, VelocityField};
use selfsi::prepare::Prepared;
use selfsi::ranks::Ranks;
use selfsi::restored::Restored;
use selfsi::train::{Data, Feed, Run, Trainer};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use tch::{Device, Kind, Tensor};
use trained::{Trained, selfsi as command};

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
    assert!(!config.to_toml().unwrap().contains("redshift"));
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
    let (old, told_not) = (trained.path("run-old"), trained.path("run-untold"));
    let set = Prepared::open(trained.path("set.h5")).unwrap();
    tch::set_num_threads(1);
    let data = Data::load(&set, config.seed, &config.train, Device::Cpu).unwrap();
    let run = Run::plan(&old, &config).unwrap();
    let ranks = Ranks::start().unwrap();
    let mut trainer = Trainer::new(&run, &data, Device::Cpu, false, &ranks).unwrap();
    trainer.train(&AtomicBool::new(false), true).unwrap();
    let text = std::fs::read_to_string(old.join("config.toml")).unwrap();
    assert!(!text.contains("redshift"));

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
    let Ok(python) = std::env::var("SELFSI_CHECK_PYTHON") else {
        eprintln!("skipped: SELFSI_CHECK_PYTHON names no Python with numpy");
        return None;
    };
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/python/simulator.py");
    Some(ForwardConfig::Command {
        program: vec![python, script.display().to_string(), behaviour.into()],
        timeout: 60.0,
        latent: LatentUse::Redrawn,
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
