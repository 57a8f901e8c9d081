//! Mock quasars whose population is a factor model in a file.

use crate::fixtures::python::python;
use crate::fixtures::run_folder::{error_line, selfsi};
use crate::fixtures::shared_data::shared;
use ndarray::{Array1, Array2, array};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Rest wavelengths of the model, Å: those of a survey of 4000–5000 Å at z 2.0–2.2, and more.
const FROM: f64 = 1000.0;
const TO: f64 = 2200.0;

struct Folder(TempDir);

impl Folder {
    /// A folder with `factors.h5`, a mean of 1 with a bump at 1549 Å and a slope, and `mock.toml`.
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let n = 400;
        let wavelength =
            Array1::from_shape_fn(n, |i| FROM + (TO - FROM) * i as f64 / (n - 1) as f64);
        let bump = |w: &f64| (-0.5 * ((w - 1549.0) / 15.0).powi(2)).exp();
        let components = Array2::from_shape_fn((2, n), |(k, i)| match k {
            0 => bump(&wavelength[i]),
            _ => (wavelength[i] / 1500.0).ln(),
        });
        let mean = wavelength.mapv(|w| 1.0 + bump(&w));
        let file = hdf5::File::create(folder.path("factors.h5")).unwrap();
        put1(&file, "wavelength", wavelength);
        put1(&file, "mean", mean);
        put2(&file, "components", components);
        put1(&file, "score_mean", array![0.2, -1.0]);
        put2(
            &file,
            "score_covariance",
            array![[0.04, 0.05], [0.05, 0.25]],
        );
        let text = format!(
            "seed = 4
            [grid]
            min = 4000.0
            max = 5000.0
            pixels = 64
            [mock]
            format = 'hdf5'
            folder = '{0}/mock'
            spectra = 400
            z_min = 2.0
            z_max = 2.2
            broken = 0
            [mock.population]
            kind = 'factors'
            file = '{0}/factors.h5'
            [survey]
            prepared = '{0}/set.h5'
            [survey.source]
            kind = 'sdss'
            spectra = '{0}/mock/spectra'
            [normalise]
            kind = 'window'
            min = 5000.0
            max = 5500.0
            snr_min = 2.0
            [forward]
            kind = 'gaussian'
            sigma = 1.0
            [interpolant]
            kind = 'ode'",
            folder.0.path().display()
        );
        std::fs::write(folder.path("mock.toml"), text).unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn mock(&self, set: &[&str]) -> assert_cmd::Command {
        let mut command = selfsi();
        command.arg("mock").arg(self.path("mock.toml"));
        command.args(set.iter().flat_map(|s| ["--set", s]));
        command
    }

    /// In place of a dataset of the model.
    fn replace(&self, name: &str, with: impl Fn(&hdf5::File)) {
        let file = hdf5::File::open_rw(self.path("factors.h5")).unwrap();
        file.unlink(name).unwrap();
        with(&file);
    }
}

fn put1(file: &hdf5::File, name: &str, values: Array1<f64>) {
    file.new_dataset_builder()
        .with_data(&values)
        .create(name)
        .unwrap();
}

fn put2(file: &hdf5::File, name: &str, values: Array2<f64>) {
    file.new_dataset_builder()
        .with_data(&values)
        .create(name)
        .unwrap();
}

fn numbers(path: &Path, name: &str) -> Array2<f64> {
    let data = hdf5::File::open(path).unwrap().dataset(name).unwrap();
    match data.ndim() {
        1 => data.read_1d().unwrap().insert_axis(ndarray::Axis(1)),
        _ => data.read_2d().unwrap(),
    }
}

#[test]
fn the_truth_is_the_model_at_the_scores_that_it_tells() {
    let folder = Folder::new();
    folder.mock(&[]).assert().success();
    let truth = folder.path("mock/truth.h5");
    let [scores, z, level, loglam, continuum] =
        ["scores", "z", "level", "loglam", "continuum"].map(|name| numbers(&truth, name));
    assert_eq!(scores.dim(), (400, 2));
    let mean = scores.mean_axis(ndarray::Axis(0)).unwrap();
    assert!(
        (mean[0] - 0.2).abs() < 0.04 && (mean[1] + 1.0).abs() < 0.1,
        "{mean}"
    );
    let model = |i: usize, w: f64| {
        let rest = w / (1.0 + z[[i, 0]]);
        let bump = (-0.5 * ((rest - 1549.0) / 15.0f64).powi(2)).exp();
        1.0 + bump * (1.0 + scores[[i, 0]]) + scores[[i, 1]] * (rest / 1500.0).ln()
    };
    for i in 0..20 {
        // The level is the mean flux in the window.
        let window: f64 = (0..100)
            .map(|k| model(i, 5002.5 + 5.0 * f64::from(k)))
            .sum::<f64>()
            / 100.0;
        for (j, l) in loglam.iter().enumerate() {
            let known = level[[i, 0]] * model(i, 10f64.powf(*l)) / window;
            let off = continuum[[i, j]] / known - 1.0;
            assert!(off.abs() < 0.01, "{i} {j}: {off}");
        }
    }
    // No line of the list is in it.
    assert!(numbers(&truth, "line_ew").iter().all(|v| v.is_nan()));
    // Objects are those of the seed, whatever the number of threads.
    let first = numbers(&truth, "flux");
    folder
        .mock(&[])
        .arg("--threads")
        .arg("2")
        .assert()
        .success();
    assert_eq!(first, numbers(&truth, "flux"));
}

#[test]
fn wavelengths_that_the_model_does_not_have_are_refused_unless_the_line_list_is_asked_for() {
    let folder = Folder::new();
    let wide = ["mock.z_max=3.0", "mock.spectra=20"];
    let said = error_line(&mut folder.mock(&wide));
    assert!(
        said.contains("factors.h5") && said.contains("1000 to 2200") && said.contains("beyond"),
        "{said}"
    );
    assert!(!folder.path("mock").exists());
    let more = [
        &wide[..],
        &["mock.population.beyond=lines", "mock.z_max=3.5"],
    ]
    .concat();
    folder.mock(&more).assert().success();
    let truth = folder.path("mock/truth.h5");
    assert!(numbers(&truth, "continuum").iter().all(|f| *f > 0.0));
    let told = numbers(&truth, "line_ew");
    let lines = numbers(&truth, "line_wavelength");
    for (j, w) in lines.iter().enumerate() {
        assert_eq!(told[[0, j]].is_nan(), (FROM..=TO).contains(w), "{w}");
    }
}

#[test]
fn a_file_that_is_no_factor_model_is_refused_by_what_is_wrong_with_it() {
    type Change = Box<dyn Fn(&hdf5::File)>;
    let changes: [(&str, Change, &str); 6] = [
        ("mean", Box::new(|_| ()), "missing"),
        (
            "mean",
            Box::new(|f| put1(f, "mean", Array1::ones(7))),
            "shape [7]",
        ),
        (
            "score_mean",
            Box::new(|f| put1(f, "score_mean", array![f64::NAN, 0.0])),
            "NaN",
        ),
        (
            "score_covariance",
            Box::new(|f| put2(f, "score_covariance", array![[1.0, 2.0], [2.0, 1.0]])),
            "negative variance",
        ),
        (
            "wavelength",
            Box::new(|f| put1(f, "wavelength", Array1::ones(400))),
            "ascending",
        ),
        (
            "mean",
            Box::new(|f| put1(f, "mean", Array1::from_elem(400, -9.0))),
            "0 of 200 draws",
        ),
    ];
    for (name, change, wrong) in changes {
        let folder = Folder::new();
        folder.replace(name, change);
        let said = error_line(&mut folder.mock(&[]));
        assert!(
            said.contains("factors.h5") && said.contains(wrong),
            "{said}"
        );
        assert!(!folder.path("mock").exists());
    }
    let folder = Folder::new();
    std::fs::write(folder.path("factors.h5"), b"SIMPLE  =                    T").unwrap();
    let said = error_line(&mut folder.mock(&[]));
    assert!(
        said.contains("FITS") && said.contains("scripts/factors.py"),
        "{said}"
    );
}

#[test]
fn models_that_others_learned_on_real_quasars_become_such_files() {
    let (Some(templates), Some(real), Some(python)) =
        (shared("templates"), shared("real/quasars.h5"), python())
    else {
        return;
    };
    let folder = Folder::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/factors.py");
    let convert = |arguments: &[&Path]| {
        let mut command = Command::new(&python);
        let made = command.arg(&script).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{said}");
    };
    let (hiz, qfa) = (folder.path("hiz.h5"), folder.path("qfa.h5"));
    let word = Path::new;
    convert(&[
        word("redrock"),
        &templates.join("rrtemplate-QSO-HIZ-v1.1.fits"),
        &hiz,
        word("--spectra"),
        &real,
        word("--range"),
        word("950"),
        word("4450"),
    ]);
    convert(&[
        word("qfa"),
        &templates.join("QFA_model_parameters.npz"),
        &qfa,
    ]);
    for file in [hiz, qfa] {
        let file = format!("mock.population.file='{}'", file.display());
        folder
            .mock(&[&file, "mock.spectra=20", "mock.population.beyond=lines"])
            .assert()
            .success();
        let truth = folder.path("mock/truth.h5");
        assert!(numbers(&truth, "continuum").iter().all(|f| *f > 0.0));
        let scores = numbers(&truth, "scores");
        assert!(scores.ncols() >= 4 && scores.iter().all(|s| s.is_finite()));
    }
}
