//! Skies and resolution matrices on their way from the files to F.

use crate::fixtures::python::{check, python};
use crate::fixtures::run_folder::selfsi_in as selfsi;
use ndarray::Array2;
use selfsi::base::random::{Purpose, Rows};
use selfsi::config::{ForwardConfig, GridConfig, SkyStage, SmoothingFrom, StageConfig};
use selfsi::data::{Layout, LogGrid};
use selfsi::forward::{self, Latent};
use selfsi::lab::baselines::Linear;
use std::path::Path;
use tch::{Device, Kind, Tensor};

const D: usize = 48;

fn config(source: &str, stages: &str) -> String {
    format!(
        "[grid]\nmin = 4060.0\nmax = 4740.0\npixels = 400\n[survey]\nprepared = 'set.h5'\n[survey.source]\n{source}\n\
         [normalise]\nkind = 'none'\n[forward]\nkind = 'stages'\n{stages}\n[[forward.stages]]\nkind = 'noise'\n\
         from = 'ivar'\n"
    )
}

const HDF5: &str = "kind = 'hdf5'\nfile = 'catalog.h5'\nwavelength = 'vacuum'\nflux_unit = '1'\n\
                    [survey.source.datasets]\nwave = 'wave'";
const MATRIX: &str = "[[forward.stages]]\nkind = 'smooth'\nfrom = 'matrix'\n";
const SKY: &str = "[[forward.stages]]\nkind = 'sky'\namplitude = 0.02\n";

fn prepare(folder: &Path, text: &str, out: &str) -> assert_cmd::assert::Assert {
    std::fs::write(folder.join("c.toml"), text).unwrap();
    let out = format!("survey.prepared={out}");
    selfsi(folder)
        .args(["prepare", "c.toml", "--set", &out])
        .assert()
}

#[test]
fn scipy_agrees_with_the_matrices_of_the_prepared_set_and_desi_with_hdf5() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let run = |task: &str| check(&python, "carried.py", &[Path::new(task), folder]);
    run("make");
    let desi = config("kind = 'desi'\ncoadds = '.'", MATRIX);
    prepare(folder, &desi, "desi.h5").success();
    let both = format!("{MATRIX}{SKY}");
    prepare(folder, &config(HDF5, &both), "hdf5.h5").success();
    run("check");
    // What the files do not hold is one line.
    let sky = config("kind = 'desi'\ncoadds = '.'", SKY);
    for (text, words) in [
        (sky, "no sky"),
        (config(&format!("{HDF5}\nsky = 'heaven'"), SKY), "heaven"),
        (
            config(&format!("{HDF5}\nresolution = 'wave'"), MATRIX),
            "odd number of diagonals",
        ),
    ] {
        let output = prepare(folder, &text, "none.h5").failure();
        let said = String::from_utf8(output.get_output().stderr.clone()).unwrap();
        let errors: Vec<&str> = said.lines().filter(|l| l.contains("error")).collect();
        assert!(errors.len() == 1 && errors[0].contains(words), "{said}");
        assert!(!folder.join("none.h5").exists());
    }
}

#[test]
fn the_sky_of_sdss_files_is_carried_and_a_file_without_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = format!(
        "{}\n[mock]\nformat = 'sdss'\nfolder = 'mock'\nspectra = 3\nbroken = 0\n",
        config(
            "kind = 'sdss'\ncatalog = 'mock/catalog.fits'\nspectra = 'mock/spectra'",
            SKY
        )
    );
    let text = text.replace("4060.0", "5500.0").replace("4740.0", "6500.0");
    std::fs::write(folder.join("c.toml"), &text).unwrap();
    selfsi(folder).args(["mock", "c.toml"]).assert().success();
    prepare(folder, &text, "set.h5").success();
    let set = hdf5::File::open(folder.join("set.h5")).unwrap();
    let sky: Array2<f32> = set.dataset("sky").unwrap().read_2d().unwrap();
    let loglam: Vec<f64> = set.dataset("loglam").unwrap().read_raw().unwrap();
    // The line of oxygen at 5578.9 Å (vacuum) outshines all else.
    for row in sky.rows() {
        let bright = row
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(b.1))
            .unwrap()
            .0;
        assert!((10f64.powf(loglam[bright]) - 5578.9).abs() < 4.0);
    }
    let of_desi = text.replace(SKY, MATRIX);
    let output = prepare(folder, &of_desi, "none.h5").failure();
    let said = String::from_utf8(output.get_output().stderr.clone()).unwrap();
    assert!(said.contains("no resolution matrix"), "{said}");
}

fn grid() -> LogGrid {
    LogGrid::new(&GridConfig {
        min: 4000.0,
        max: 4500.0,
        pixels: D,
        ..GridConfig::default()
    })
}

fn layout() -> Layout {
    Layout::Spectra {
        grid: grid(),
        noise_rho: vec![0.0; D],
    }
}

fn normal(step: u64, n: i64, width: i64) -> Tensor {
    Rows::range(3, Purpose::Simulate, step, n, Device::Cpu).normal(0, width)
}

fn recorded(n: i64) -> Latent {
    let ones = Tensor::ones([n, D as i64], (Kind::Float, Device::Cpu));
    Latent {
        sky: normal(1, 1, D as i64).repeat([n, 1]),
        resolution: normal(2, 1, 5 * D as i64).repeat([n, 1]),
        ..Latent::of_pixels(ones.shallow_clone(), &ones * 0.1, ones.shallow_clone())
    }
}

fn stages(stage: StageConfig, sigma: f64) -> ForwardConfig {
    ForwardConfig::Stages {
        stages: vec![stage, StageConfig::noise(sigma)],
        units: None,
    }
}

#[test]
fn f_multiplies_by_the_rows_of_the_matrix() {
    let config = stages(StageConfig::Smooth(SmoothingFrom::Matrix), 0.1);
    let quiet = stages(StageConfig::Smooth(SmoothingFrom::Matrix), 1e-9);
    let model = forward::build(&quiet, &layout(), Device::Cpu).unwrap();
    let (x, known) = (normal(5, 2, D as i64), recorded(2));
    let rows = Rows::range(1, Purpose::Forward, 0, 2, Device::Cpu);
    let (y, latent) = model.observe(&x, &known, &rows).unwrap();
    let at = |t: &Tensor, i: i64, j: i64| t.double_value(&[i, j]);
    for i in 0..2 {
        for j in 0..D as i64 {
            let columns = (0..5)
                .map(|m| (m, j + m - 2))
                .filter(|(_, c)| (0..D as i64).contains(c));
            let sum: f64 = columns
                .map(|(m, c)| at(&known.resolution, i, 5 * j + m) * at(&x, i, c))
                .sum();
            assert!((at(&y, i, j) - sum).abs() < 1e-5);
        }
    }
    // It goes on with the observation, and the linear channel has it, too.
    assert_eq!(latent.resolution, known.resolution);
    let linear = Linear::new(&config, &layout(), Device::Cpu).unwrap();
    assert!((linear.apply(&x, &known) - y).abs().max().double_value(&[]) < 1e-6);
    let r = normal(6, 2, D as i64);
    let products = [
        (linear.apply(&x, &known) * &r).sum(Kind::Double),
        (linear.transpose(&r, &known) * &x).sum(Kind::Double),
    ];
    assert!((&products[0] - &products[1]).abs().double_value(&[]) < 1e-4);
    // Observations that bring none are refused.
    let bare = Latent {
        resolution: known.resolution.narrow(1, 0, 0),
        ..known
    };
    let said = model.observe(&x, &bare, &rows).unwrap_err().to_string();
    assert!(said.contains("no resolution matrices"), "{said}");
}

#[test]
fn what_is_left_of_the_sky_has_the_covariance_of_its_shapes() {
    let n = 20_000;
    let known = recorded(n);
    let x = normal(5, 1, D as i64).repeat([n, 1]);
    for (amplitude, shift, degree) in [(0.3, 0.0, 0), (0.2, 0.4, 3)] {
        let config = stages(
            StageConfig::Sky(SkyStage {
                amplitude,
                shift,
                degree,
                level: 0.0,
                slope: 0.0,
            }),
            0.1,
        );
        let model = forward::build(&config, &layout(), Device::Cpu).unwrap();
        let rows = Rows::range(1, Purpose::Forward, 0, n, Device::Cpu);
        let (y, latent) = model.observe(&x, &known, &rows).unwrap();
        assert_eq!(
            latent.sigma.mean(Kind::Double).double_value(&[]) as f32,
            0.1
        );
        let off = (y - &x).to_kind(Kind::Double);
        let found = off.transpose(0, 1).matmul(&off) / n as f64;
        let linear = Linear::new(&config, &layout(), Device::Cpu).unwrap();
        let identity = Tensor::eye(D as i64, (Kind::Float, Device::Cpu));
        let of = |l: &Latent| linear.covariance(&identity, l);
        let wanted = of(&known.narrow(0, D as i64)).to_kind(Kind::Double);
        let scale = wanted.abs().max().double_value(&[]);
        let error = (&found - &wanted).abs().max().double_value(&[]);
        assert!(error < 8.0 * scale / (n as f64).sqrt(), "{error}");
        // Of a constant part of the lines: amplitude² s sᵀ, and the noise.
        if degree == 0 {
            let s = known.sky.narrow(0, 0, 1).to_kind(Kind::Double);
            let closed = s.transpose(0, 1).matmul(&s) * (amplitude * amplitude)
                + Tensor::eye(D as i64, (Kind::Double, Device::Cpu)) * (0.01 + 1e-6);
            assert!((wanted - closed).abs().max().double_value(&[]) < 1e-5);
        }
    }
}
