//! The noise of a survey against its inverse variances: measured, told, corrected.

use crate::fixtures::hdf5_config::CONFIG;
use crate::fixtures::shared_data::shared;
use assert_cmd::Command;
use ndarray::{Array1, Array2};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use selfsi::prepare::Prepared;
use serde_json::Value;
use std::path::Path;

/// `rows` spectra of 1 ± 0.5 on the lattice of SDSS, their noise 1.2 times as wide as ivar says and shared with
/// the next pixel: correlation 0.3.
fn catalog(folder: &Path, rows: usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let loglam: Vec<f64> = (0..2400).map(|i| 3.59 + 1e-4 * f64::from(i)).collect();
    let share = 0.333_33f32;
    let mut flux = Array2::<f32>::zeros((rows, loglam.len()));
    for mut row in flux.rows_mut() {
        let white: Vec<f32> = (0..=row.len())
            .map(|_| rng.sample(StandardNormal))
            .collect();
        for (i, f) in row.iter_mut().enumerate() {
            let noise = (white[i] + share * white[i + 1]) / (1.0 + share * share).sqrt();
            *f = 1.0 + 1.2 * 0.5 * noise;
        }
    }
    let file = hdf5::File::create(folder.join("catalog.h5")).unwrap();
    let put = |name, data: &Array2<f32>| {
        file.new_dataset_builder()
            .with_data(data)
            .create(name)
            .unwrap();
    };
    put("flux", &flux);
    put("ivar", &Array2::from_elem(flux.raw_dim(), 4.0));
    let loglam = file.new_dataset_builder().with_data(&loglam);
    loglam.create("loglam").unwrap();
    std::fs::write(folder.join("config.toml"), CONFIG).unwrap();
}

fn selfsi(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("selfsi"));
    command.current_dir(folder).args(args);
    command
}

fn json(folder: &Path, args: &[&str]) -> Value {
    let out = selfsi(folder, args).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{args:?}: {said}");
    serde_json::from_slice(&out.stdout).unwrap()
}

fn close(value: &Value, expected: f64, by: f64) {
    let found = value.as_f64().unwrap();
    assert!((found - expected).abs() < by, "{found} for {expected}");
}

/// Scatter of flux √ivar about its mean, and the correlation of neighbours, of a prepared set.
fn seen(set: &Prepared) -> (f64, f64) {
    let block = set.read(0..set.len()).unwrap();
    let white = (&block.flux - 1.0) * block.ivar.mapv(f32::sqrt);
    let (mut own, mut next, mut n) = (0.0, 0.0, 0.0);
    for row in white.rows() {
        let row: Array1<f64> = row.mapv(f64::from);
        for w in row.windows(2) {
            own += w[0] * w[0];
            next += w[0] * w[1];
            n += 1.0;
        }
    }
    (f64::sqrt(own / n), next / own)
}

#[test]
fn prepare_tells_the_noise_and_corrects_it_where_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    catalog(dir.path(), 40);
    let given = json(dir.path(), &["prepare", "config.toml", "--json"]);
    assert_eq!(given["noise"]["from"], "given");
    close(&given["noise"]["whole"]["scale"], 1.2, 0.03);
    close(&given["noise"]["whole"]["rho"][0], 0.3, 0.03);
    close(&given["noise"]["whole"]["rho"][1], 0.0, 0.03);
    assert!(given["noise"]["bands"].as_array().unwrap().len() >= 4);
    let set = Prepared::open(dir.path().join("set.h5")).unwrap();
    // Of the pixels of the file, two and a little make one of the set: it is not the survey that correlates
    // them, and the scatter is the noise's own times what its correlation makes of sums.
    let (scale, _) = seen(&set);
    assert!(scale > 1.3, "{scale}");
    drop(set);

    let args = [
        "prepare",
        "config.toml",
        "--json",
        "--set",
        "survey.noise=measured",
    ];
    let measured = json(dir.path(), &args);
    assert_eq!(measured["noise"]["from"], "measured");
    assert_eq!(measured["noise"]["whole"], given["noise"]["whole"]);
    let set = Prepared::open(dir.path().join("set.h5")).unwrap();
    let (scale, rho) = seen(&set);
    let known = set.noise_rho().iter().map(|r| f64::from(*r)).sum::<f64>() / 1024.0;
    assert!((scale - 1.0).abs() < 0.03, "{scale}");
    assert!((rho - known).abs() < 0.03 && known > 0.15, "{rho} {known}");
    let out = selfsi(dir.path(), &["inspect", "set.h5"]).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    let corrected = said.lines().find(|l| l.contains("noise corrected"));
    assert!(corrected.is_some_and(|l| l.ends_with("true")), "{said}");
}

#[test]
fn a_survey_too_small_to_tell_is_refused_in_one_line_unless_its_set_tells() {
    let dir = tempfile::tempdir().unwrap();
    catalog(dir.path(), 1);
    let prepare = ["prepare", "config.toml", "--set", "survey.noise=measured"];
    // Cut to a part in which no band has enough.
    let few = ["--set", "survey.mask.ivar_min=5.0"];
    let out = selfsi(dir.path(), &[&prepare[..], &few].concat())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(
        (out.status.code(), said.trim().lines().count()),
        (Some(1), 1),
        "{said}"
    );
    assert!(
        said.contains("catalog.h5") && said.contains("survey.noise"),
        "{said}"
    );
    assert!(!dir.path().join("set.h5").exists());
}

#[test]
fn images_have_no_noise_of_this_kind() {
    let dir = tempfile::tempdir().unwrap();
    let text = "[image]\nchannels = 1\nheight = 8\nwidth = 8\n[survey]\nprepared = 's.h5'\nnoise = 'measured'\n[survey.source]\nkind = 'images'\npath = 'x'\n[normalise]\nkind = 'pixels'\n[forward]\nkind = 'stages'\nstages = []\n";
    std::fs::write(dir.path().join("c.toml"), text).unwrap();
    let out = selfsi(dir.path(), &["prepare", "c.toml"]).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(
        !out.status.success() && said.contains("survey.noise"),
        "{said}"
    );
}

/// Sky fibres are noise alone: coadds whose ivar says too much, and single exposures of quasars, whose says it right.
#[test]
fn the_noise_of_real_coadds_and_of_single_exposures_is_what_was_measured_elsewhere() {
    let Some(real) = shared("real") else { return };
    let dir = tempfile::tempdir().unwrap();
    let config = |file: &str| {
        let file = real.join(file).canonicalize().unwrap();
        let text = CONFIG.replace("catalog.h5", &file.display().to_string());
        std::fs::write(dir.path().join("config.toml"), text).unwrap();
    };
    config("sky_fibres.h5");
    let args = [
        "prepare",
        "config.toml",
        "--json",
        "--set",
        "select.coverage_min=0.5",
    ];
    let sky = json(
        dir.path(),
        &[&args[..], &["--set", "survey.noise=measured"]].concat(),
    );
    close(&sky["noise"]["whole"]["scale"], 0.85, 0.02);
    close(&sky["noise"]["whole"]["rho"][0], 0.13, 0.04);
    let set = Prepared::open(dir.path().join("set.h5")).unwrap();
    let block = set.read(0..set.len()).unwrap();
    let sizes = block
        .flux
        .iter()
        .zip(&block.ivar)
        .filter(|(_, v)| **v > 0.0);
    let mut sizes: Vec<f32> = sizes.map(|(f, v)| (f * v.sqrt()).abs()).collect();
    sizes.sort_by(f32::total_cmp);
    let scatter = sizes[sizes.len() / 2] / 0.6745;
    assert!((scatter - 1.0).abs() < 0.08, "{scatter}");
    drop(set);
    config("exposures.h5");
    let single = json(dir.path(), &args);
    close(&single["noise"]["whole"]["scale"], 1.01, 0.025);
    close(&single["noise"]["whole"]["rho"][0], 0.0, 0.04);
}
