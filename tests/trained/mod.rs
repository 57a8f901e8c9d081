//! A tiny survey and runs trained on it, made once per test program through the command line.

use assert_cmd::Command;
use hdf5::types::VarLenUnicode;
use ndarray::{Array1, Array2};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub const N: usize = 40;
pub const D: usize = 64;

pub fn selfsi() -> Command {
    let mut command = Command::cargo_bin("selfsi").unwrap();
    command.args(["--threads", "1"]);
    command
}

/// 40 mock quasars as SDSS files (5 of them damaged), prepared, with an ODE and an SDE run.
pub struct Trained {
    folder: tempfile::TempDir,
}

impl Trained {
    pub fn get() -> &'static Self {
        static TRAINED: OnceLock<Trained> = OnceLock::new();
        TRAINED.get_or_init(Self::make)
    }

    fn make() -> Self {
        let trained = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let root = trained.folder.path().display();
        let source = format!(
            "kind = 'sdss'\ncatalog = '{root}/mock/catalog.fits'\nspectra = '{root}/mock/spectra'"
        );
        let survey = config(&trained.path("set.h5"), &source);
        let mock = format!("\n[mock]\nfolder = '{root}/mock'\nspectra = {N}\nsnr = [2.0, 4.0]\n");
        for (name, interpolant) in [
            ("ode", "kind = 'ode'"),
            (
                "sde",
                "kind = 'sde'\ngamma = 1.0\ndiffusion = 'channel'\nepsilon = 1.0",
            ),
        ] {
            let text = format!("{survey}\n[interpolant]\n{interpolant}\n{mock}");
            std::fs::write(trained.path(&format!("{name}.toml")), text).unwrap();
        }
        for command in ["mock", "prepare"] {
            let mut c = selfsi();
            c.arg(command).arg(trained.path("ode.toml"));
            c.assert().success();
        }
        for run in ["ode", "sde"] {
            train(&trained.path(&format!("{run}.toml")), &trained.run(run));
        }
        trained
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The run folder `ode` or `sde`.
    pub fn run(&self, name: &str) -> PathBuf {
        self.path(&format!("run-{name}"))
    }

    /// `selfsi restore RUN … --out out`.
    pub fn restore(&self, run: &str, inputs: &[&Path], out: &Path) -> Command {
        let mut command = selfsi();
        command.arg("restore").arg(self.run(run)).args(inputs);
        command.arg("--out").arg(out);
        command
    }
}

pub fn train(config: &Path, out: &Path) {
    let mut command = selfsi();
    command.arg("train").arg(config).arg("--out").arg(out);
    command.assert().success();
}

/// A job on a small grid with a tiny network; `source` is the body of [survey.source].
pub fn config(prepared: &Path, source: &str) -> String {
    format!(
        "seed = 5
        [grid]
        pixels = {D}
        [survey]
        prepared = '{}'
        [survey.source]
        {source}
        [normalise]
        kind = 'window'
        min = 6600.0
        max = 8000.0
        snr_min = 2.0
        [forward]
        kind = 'quasar'
        tilt = 0.05
        smoothing = {{ from = 'lsf' }}
        noise = {{ from = 'ivar' }}
        [network]
        channels = [4, 8]
        patch = 4
        margin = 8
        attention = false
        embedding = 8
        [transport]
        steps = 2
        [train]
        steps = 4
        warm_start = 2
        batch = 8
        heldout = 0.3
        validate_every = 4
        checkpoint_every = 4
        [restore]
        draws = 4
        quantiles = [0.16, 0.84]",
        prepared.display()
    )
}

/// An HDF5 catalog of `n` observed spectra from 3900 to 8200 Å, the last one without any data.
pub fn hdf5_survey(path: &Path, n: usize) {
    let loglam: Vec<f64> = (0..320).map(|j| 3.591 + 1e-3 * j as f64).collect();
    let d = loglam.len();
    let flux = Array2::from_shape_fn((n, d), |(i, j)| {
        (2.0 + i as f32 / n as f32) * (1.0 + 0.3 * (j as f32 / 20.0 + i as f32).sin())
    });
    let ivar = Array2::from_shape_fn((n, d), |(i, _)| if i + 1 == n { 0.0f32 } else { 9.0 });
    let f = hdf5::File::create(path).unwrap();
    for (name, data) in [("data/flux", &flux), ("data/ivar", &ivar)] {
        f.new_dataset_builder()
            .with_data(data)
            .create(name)
            .unwrap();
    }
    f.new_dataset_builder()
        .with_data(&Array1::from(loglam))
        .create("data/loglam")
        .unwrap();
    f.new_dataset_builder()
        .with_data(&Array1::from(vec![3.0; n]))
        .create("z")
        .unwrap();
    let ids: Vec<VarLenUnicode> = (0..n).map(|i| format!("H{i}").parse().unwrap()).collect();
    f.new_dataset_builder()
        .with_data(&Array1::from(ids))
        .create("id")
        .unwrap();
}

/// [survey.source] of [`hdf5_survey`].
pub fn hdf5_source(file: &Path) -> String {
    format!(
        "kind = 'hdf5'
        file = '{}'
        wavelength = 'vacuum'
        flux_unit = '10**-17 erg/(s cm2 Angstrom)'
        datasets = {{ flux = 'data/flux', ivar = 'data/ivar', loglam = 'data/loglam' }}",
        file.display()
    )
}
