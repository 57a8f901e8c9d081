//! An HDF5 catalog from end to end: chunked, under names of its own, prepared, trained on, restored.

use assert_cmd::Command;
use hdf5::File;
use hdf5::types::FixedAscii;
use ndarray::{Array1, Array2, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use selfsi::data::{air_to_vacuum, flag};
use selfsi::prepare::Prepared;
use selfsi::restored::Restored;
use std::path::Path;

const SPECTRA: usize = 24;
const PIXELS: usize = 700;
/// In air, [O III].
const LINE: f64 = 5006.843;
const CONFIG: &str = "
seed = 1
[grid]
min = 4600.0
max = 5400.0
pixels = 128
[survey]
prepared = 'set.h5'
[survey.source]
kind = 'hdf5'
file = 'catalog.h5'
wavelength = 'air'
flux_unit = 'mJy'
[survey.source.datasets]
flux = 'spectra/flux'
ivar = 'spectra/weight'
wave = 'axis/wave'
lsf = 'axis/sigma'
z = 'objects/redshift'
id = 'objects/id'
level = 'objects/brightness'
[normalise]
kind = 'column'
[select]
z_max = 4.0
[forward]
kind = 'quasar'
tilt = 0.05
smoothing = { from = 'lsf' }
noise = { from = 'ivar' }
[network]
channels = [8, 8]
patch = 8
margin = 16
attention = false
[transport]
steps = 2
[train]
steps = 4
warm_start = 2
batch = 4
heldout = 0.2
validate_every = 4
checkpoint_every = 4
";

/// A narrow line on a continuum of 10 + row, noise σ = 0.1; row 1 is NaN, row 2 has no weight, row 3
/// no redshift, row 4 a masked stretch. `lsf` and `id` in the form asked for.
fn catalog(path: &Path, shared_lsf: bool, integers: bool, fault: &str) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let f = File::create(path).unwrap();
    for group in ["spectra", "axis", "objects"] {
        f.create_group(group).unwrap();
    }
    // Linear in air, red end first, as some spectrographs write it.
    let wave: Vec<f64> = (0..PIXELS).rev().map(|i| 4500.0 + 1.4 * i as f64).collect();
    let mut flux = Array2::from_shape_fn((SPECTRA, PIXELS), |(i, j)| {
        let line = 20.0 * (-0.5 * ((wave[j] - LINE) / 4.0).powi(2)).exp();
        (10.0 + i as f64) * (1.0 + line) + 0.1 * rng.sample::<f64, _>(StandardNormal)
    });
    let mut ivar = Array2::from_elem((SPECTRA, PIXELS), 100.0f32);
    flux.slice_mut(s![1, ..]).fill(f64::NAN);
    ivar.slice_mut(s![2, ..]).fill(0.0);
    ivar.slice_mut(s![4, 300..330]).fill(0.0);
    let mut z = Array1::from_elem(SPECTRA, 0.0f32);
    z[3] = f32::NAN;
    // Chunks across rows and pixels, compressed; flux in double precision, the rest in single.
    f.new_dataset_builder()
        .with_data(&flux)
        .chunk((5, 64))
        .deflate(4)
        .create("spectra/flux")
        .unwrap();
    if fault != "no weight" {
        let width = if fault == "narrow weight" {
            PIXELS - 1
        } else {
            PIXELS
        };
        f.new_dataset_builder()
            .with_data(&ivar.slice(s![.., ..width]).to_owned())
            .chunk((7, 100))
            .create("spectra/weight")
            .unwrap();
    }
    let one = |name: &str, values: Vec<f64>| {
        let data = Array1::from(values);
        f.new_dataset_builder()
            .with_data(&data)
            .create(name)
            .unwrap();
    };
    one("axis/wave", wave);
    one(
        "objects/brightness",
        (0..SPECTRA).map(|i| 10.0 + i as f64).collect(),
    );
    f.new_dataset_builder()
        .with_data(&z)
        .create("objects/redshift")
        .unwrap();
    if shared_lsf {
        one("axis/sigma", vec![1.5; PIXELS]);
    } else {
        let each = Array2::from_elem((SPECTRA, PIXELS), 1.5f32);
        f.new_dataset_builder()
            .with_data(&each)
            .create("axis/sigma")
            .unwrap();
    }
    if integers {
        let ids = Array1::from_iter((0..SPECTRA as i32).map(|i| 39_000_000 + i));
        f.new_dataset_builder()
            .with_data(&ids)
            .create("objects/id")
            .unwrap();
    } else {
        let name = |i: usize| FixedAscii::<8>::from_ascii(&format!("Q{i:03}")).unwrap();
        let ids = Array1::from_iter((0..SPECTRA).map(name));
        f.new_dataset_builder()
            .with_data(&ids)
            .create("objects/id")
            .unwrap();
    }
}

fn selfsi(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("selfsi"));
    command
        .current_dir(folder)
        .args(args)
        .args(["--threads", "1"]);
    command
}

fn succeeds(folder: &Path, args: &[&str]) -> String {
    let out = selfsi(folder, args).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{args:?}: {said}");
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn a_chunked_catalog_in_air_becomes_a_restored_catalog_in_vacuum() {
    for (shared_lsf, integers) in [(true, true), (false, false)] {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path();
        catalog(&folder.join("catalog.h5"), shared_lsf, integers, "");
        std::fs::write(folder.join("config.toml"), CONFIG).unwrap();
        let said = succeeds(folder, &["prepare", "config.toml", "--json"]);
        let report: serde_json::Value = serde_json::from_str(&said).unwrap();
        let rejected = serde_json::json!({"COVERAGE": 2, "REDSHIFT": 1});
        assert_eq!(
            (&report["used"], &report["rejected"]),
            (&(SPECTRA - 3).into(), &rejected)
        );
        assert_eq!(report["without_lsf"], 0);
        succeeds(folder, &["train", "config.toml", "--out", "run"]);
        succeeds(folder, &["restore", "run", "--out", "restored.fits"]);

        let restored = Restored::open(folder.join("restored.fits")).unwrap();
        assert_eq!(restored.header().flux_unit, "mJy");
        let name = if integers { "39000005" } else { "Q005" };
        assert_eq!(restored.objects()[5].name, name);
        let (image, observed) = (
            restored.image("RESTORED").unwrap(),
            restored.image("OBSERVED").unwrap(),
        );
        let ivar = restored.image("IVAR").unwrap();
        for (i, o) in restored.objects().iter().enumerate() {
            let good = !(1..=3).contains(&i);
            assert_eq!(o.flag == flag::GOOD, good, "{i}: {}", o.reason);
            assert!(image.row(i).iter().all(|f| f.is_finite() == good), "{i}");
        }
        assert_eq!(restored.objects()[3].reason, "no redshift");
        // The level is undone: the line is where it is in vacuum, and as bright as in the file.
        let wave = restored.header().grid.wavelength();
        let row = observed.row(10);
        let peak = (0..wave.len())
            .max_by(|a, b| row[*a].total_cmp(&row[*b]))
            .unwrap();
        let pixel = wave[peak] - wave[peak - 1];
        assert!(
            (wave[peak] - air_to_vacuum(LINE)).abs() < 0.6 * pixel,
            "{}",
            wave[peak]
        );
        let continuum = row.iter().take(30).sum::<f32>() / 30.0;
        assert!((continuum - 20.0).abs() < 0.1, "{continuum}");
        assert!(ivar.row(4).iter().filter(|v| **v == 0.0).count() >= 5);
        assert!(ivar.row(5).iter().all(|v| *v > 0.0));
    }
}

#[test]
fn a_faulty_catalog_is_one_line_and_no_output() {
    for (fault, set, words) in [
        ("no weight", "seed=1", "dataset spectra/weight"),
        ("narrow weight", "seed=1", "expected shape [24, 700]"),
        (
            "",
            "survey.source.datasets.z=objects/zz",
            "dataset objects/zz",
        ),
        (
            "",
            "survey.source.datasets.id=spectra/flux",
            "expected shape [24]",
        ),
        (
            "",
            "survey.source.datasets.id=objects/brightness",
            "neither text nor an integer",
        ),
        ("", "survey.source.datasets.flux=objects/id", "two axes"),
        ("", "select.z_min=3", "none of 24 spectra"),
    ] {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path();
        catalog(&folder.join("catalog.h5"), true, true, fault);
        std::fs::write(folder.join("config.toml"), CONFIG).unwrap();
        let args = ["prepare", "config.toml", "--set", set];
        let out = selfsi(folder, &args).output().unwrap();
        let said = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(1), "{fault} {set}: {said}");
        let errors: Vec<&str> = said
            .lines()
            .filter(|l| !l.starts_with("preparing:"))
            .collect();
        assert_eq!(errors.len(), 1, "{said}");
        assert!(
            errors[0].contains("catalog.h5") && errors[0].contains(words),
            "{said}"
        );
        assert_eq!(
            std::fs::read_dir(folder).unwrap().count(),
            2,
            "{fault} {set}"
        );
    }
}

#[test]
fn clean_spectra_need_no_ivar_where_the_config_says_that_they_are_noiseless() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    catalog(&folder.join("catalog.h5"), true, true, "no weight");
    std::fs::write(folder.join("config.toml"), CONFIG).unwrap();
    let noiseless = "survey.source.datasets.noiseless=true";
    let args = ["prepare", "config.toml", "--json", "--set", noiseless];
    let report: serde_json::Value = serde_json::from_str(&succeeds(folder, &args)).unwrap();
    // The NaN row and the one without a redshift are still left out.
    assert_eq!(report["used"], SPECTRA - 2);
    let set = Prepared::open(folder.join("set.h5")).unwrap();
    let block = set.read(4..5).unwrap();
    assert!(block.ivar.iter().all(|v| *v > 1e8 && v.is_finite()));
}
