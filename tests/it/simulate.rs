//! `selfsi simulate`: observations of given clean spectra, as a user makes them.

use crate::fixtures::run_folder::selfsi_in as selfsi;
use std::path::Path;

const CONFIG: &str = "
seed = 7
[grid]
min = 4000.0
max = 6500.0
pixels = 128
[mock]
format = 'hdf5'
folder = 'mock'
spectra = 300
broken = 0
[survey]
prepared = 'prepared.h5'
[survey.source]
kind = 'hdf5'
file = 'observed.h5'
wavelength = 'vacuum'
flux_unit = '1E-17 erg/cm^2/s/Ang'
[survey.source.datasets]
lsf = 'lsf'
level = 'level'
[normalise]
kind = 'column'
[forward]
kind = 'quasar'
tilt = 0.05
smoothing = { from = 'resolution', resolution = 100.0, spread = 0.05 }
noise = { from = 'snr', min = 30.0, max = 50.0 }
";

/// A folder with the config and the clean spectra.
fn study() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.toml"), CONFIG).unwrap();
    selfsi(folder.path())
        .args(["mock", "c.toml"])
        .assert()
        .success();
    folder
}

fn simulate(folder: &Path, out: &str, more: &[&str]) -> assert_cmd::assert::Assert {
    selfsi(folder)
        .args([
            "simulate",
            "c.toml",
            "--from",
            "mock/truth.h5",
            "--out",
            out,
        ])
        .args(more)
        .assert()
}

fn image(path: &Path, name: &str) -> ndarray::Array2<f32> {
    let file = hdf5::File::open(path).unwrap();
    file.dataset(name).unwrap().read_2d().unwrap()
}

#[test]
fn the_observations_have_the_noise_and_the_mean_that_the_channel_promises() {
    let folder = study();
    let path = |name: &str| folder.path().join(name);
    simulate(folder.path(), "observed.h5", &[]).success();
    let (y, ivar) = (
        image(&path("observed.h5"), "flux"),
        image(&path("observed.h5"), "ivar"),
    );
    let x = image(&path("mock/truth.h5"), "flux");
    let mut mean = 0.0;
    for ((y, x), ivar) in y.rows().into_iter().zip(x.rows()).zip(ivar.rows()) {
        let sigma = ivar[0].sqrt().recip();
        assert!(ivar.iter().all(|v| (v / ivar[0] - 1.0).abs() < 1e-4));
        // The tilt moves the mean of a spectrum by a few per cent at most.
        let snr = x.mean().unwrap() / sigma;
        assert!((28.0..53.0).contains(&snr), "{snr}");
        mean += f64::from(y.mean().unwrap() / x.mean().unwrap()) / 300.0;
    }
    // Smoothing keeps the flux and the tilt has mean 0: 0.2 % for 300 spectra.
    assert!((mean - 1.0).abs() < 0.006, "{mean}");
    selfsi(folder.path())
        .args(["prepare", "c.toml"])
        .assert()
        .success();
}

#[test]
fn the_same_seed_gives_the_same_observations_and_another_seed_others() {
    let folder = study();
    for (out, seed) in [("a.h5", "1"), ("b.h5", "1"), ("c.h5", "2")] {
        simulate(folder.path(), out, &["--seed", seed]).success();
    }
    let flux = |name: &str| image(&folder.path().join(name), "flux");
    assert_eq!(flux("a.h5"), flux("b.h5"));
    assert_ne!(flux("a.h5"), flux("c.h5"));
}

#[test]
fn a_channel_that_needs_observations_and_a_foreign_grid_are_refused_in_one_line() {
    let folder = study();
    for (set, words) in [
        ("forward.noise={from='ivar'}", "forward.noise"),
        ("forward.smoothing={from='lsf'}", "forward.smoothing"),
        ("grid.pixels=64", "loglam"),
    ] {
        let output = simulate(folder.path(), "none.h5", &["--set", set]).failure();
        let text = String::from_utf8(output.get_output().stderr.clone()).unwrap();
        let errors: Vec<&str> = text.lines().filter(|l| l.contains("error")).collect();
        assert_eq!(errors.len(), 1, "{text}");
        assert!(errors[0].contains(words), "{text}");
        assert!(!folder.path().join("none.h5").exists());
    }
}

/// Clean spectra of `ids` with the datasets of `more`.
fn clean<T: hdf5::H5Type>(folder: &Path, ids: &[T], more: &[(&str, Vec<f64>)]) {
    let grid = selfsi::data::LogGrid::new(&selfsi::config::GridConfig {
        min: 4000.0,
        max: 6500.0,
        pixels: 128,
        ..selfsi::config::GridConfig::default()
    });
    let file = hdf5::File::create(folder.join("clean.h5")).unwrap();
    let flux = ndarray::Array2::from_elem((ids.len(), 128), 1.0f32);
    let builder = file.new_dataset_builder();
    builder.with_data(&flux).create("flux").unwrap();
    let builder = file.new_dataset_builder();
    builder.with_data(ids).create("id").unwrap();
    for (name, values) in [("loglam", grid.loglam())].iter().chain(more) {
        let builder = file.new_dataset_builder();
        builder.with_data(values).create(*name).unwrap();
    }
}

fn simulated(folder: &Path) -> assert_cmd::assert::Assert {
    let mut command = selfsi(folder);
    command.args(["simulate", "c.toml", "--from", "clean.h5"]);
    command.args(["--out", "observed.h5"]).assert()
}

#[test]
fn names_are_kept_whether_texts_of_any_form_or_numbers() {
    use hdf5::types::{FixedAscii, VarLenUnicode};
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.toml"), CONFIG).unwrap();
    let ids = || {
        let file = hdf5::File::open(folder.path().join("observed.h5")).unwrap();
        file.dataset("id").unwrap()
    };
    // As h5py writes numpy's array of bytes.
    let fixed = ["A1", "B 2"].map(|s| FixedAscii::<8>::from_ascii(s).unwrap());
    clean(folder.path(), &fixed, &[]);
    simulated(folder.path()).success();
    let texts = ids().read_raw::<VarLenUnicode>().unwrap();
    assert_eq!(
        texts.iter().map(|s| s.as_str()).collect::<Vec<_>>(),
        ["A1", "B 2"]
    );
    clean(folder.path(), &[7i64, 8], &[]);
    simulated(folder.path()).success();
    assert!(ids().dtype().unwrap().is::<i64>());
    assert_eq!(ids().read_raw::<i64>().unwrap(), [7, 8]);
}

#[test]
fn redshifts_of_another_number_are_the_input_s_fault() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.toml"), CONFIG).unwrap();
    clean(folder.path(), &[7i64, 8], &[("z", vec![3.0; 3])]);
    let output = simulated(folder.path()).failure();
    let text = String::from_utf8_lossy(&output.get_output().stderr);
    assert!(text.contains("clean.h5 [z]: 3 for 2 spectra"), "{text}");
    assert!(!folder.path().join("observed.h5").exists());
}
