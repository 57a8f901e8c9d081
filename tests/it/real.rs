//! Real BOSS spectra from end to end: inspect, prepare, train, restore, plot, through the program.
//!
//! The files are looked for in ../shared/data beside the checkout, or in SELFSI_SHARED_DATA; where
//! they are absent every test says that it is skipped.

use crate::fixtures::shared_data::shared;
use assert_cmd::Command;
use selfsi::data::{Block, flag};
use selfsi::prepare::Prepared;
use selfsi::restored::Restored;
use serde_json::Value;
use std::path::Path;

const CATALOG: &str = "catalogs/cat_for_clustering_plate3655.fits.gz";

/// A network that learns nothing in six steps: the path is tested, not the result.
const TINY: [&str; 10] = [
    "network.channels=[8,8]",
    "network.patch=8",
    "network.attention=false",
    "transport.steps=2",
    "train.steps=6",
    "train.warm_start=0",
    "train.batch=4",
    "train.validate_every=6",
    "train.checkpoint_every=6",
    "train.heldout=0.2",
];

fn selfsi(args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("selfsi"));
    command.args(args);
    command
}

/// Runs to success; standard output.
fn output(args: &[&str]) -> String {
    let out = selfsi(args).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{args:?}: {said}");
    String::from_utf8(out.stdout).unwrap()
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&output(args)).unwrap()
}

/// survey_configs/NAME with these values set.
fn set<'a>(command: &'a str, name: &'a str, values: &'a [String]) -> Vec<&'a str> {
    let mut args = vec![command, name];
    for value in values {
        args.extend(["--set", value]);
    }
    args
}

fn config(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("survey_configs");
    folder.join(name).display().to_string()
}

/// The values that put boss.toml on the real files and its products into `folder`.
fn places(folder: &Path, spectra: &Path, catalog: &Path) -> Vec<String> {
    let mut values = vec![
        format!("survey.source.spectra={}", spectra.display()),
        format!("survey.source.catalog={}", catalog.display()),
        format!("survey.prepared={}", folder.join("set.h5").display()),
    ];
    values.extend(TINY.map(String::from));
    values
}

fn prepared(folder: &Path) -> (Prepared, Block) {
    let set = Prepared::open(folder.join("set.h5")).unwrap();
    let block = set.read(0..set.len()).unwrap();
    (set, block)
}

/// Fraction of the pixels of usable spectra that are masked.
fn masked(set: &Prepared, block: &Block) -> f64 {
    let rows: Vec<usize> = (0..set.len())
        .filter(|i| set.objects()[*i].flag == flag::GOOD)
        .collect();
    let bad = |i: &usize| block.ivar.row(*i).iter().filter(|v| **v == 0.0).count();
    rows.iter().map(bad).sum::<usize>() as f64 / (rows.len() * set.grid().pixels) as f64
}

#[test]
fn inspect_says_what_every_file_is() {
    let Some(root) = shared(".") else { return };
    for (file, kind, problem) in [
        (
            "sdss/spectra/spec-3655-55240-0026.fits",
            "SDSS spectrum",
            "",
        ),
        (
            "sdss/spectra/spec-3655-55240-0258.fits",
            "SDSS spectrum",
            "12 of 4622 pixels are good",
        ),
        (
            "sdss/spectra/spec-1325-52762-0133.fits",
            "SDSS spectrum",
            "",
        ),
        (CATALOG, "catalog table", ""),
        ("catalogs/DRQ_Pk1D.fits", "catalog table", ""),
        ("desi/coadd-main-dark-9144.fits", "DESI coadd", ""),
        (
            "desi/QSO_cat_fuji_dark_healpix_with_main.fits.gz",
            "catalog table",
            "",
        ),
        (
            "templates/rrtemplate-QSO-HIZ-v1.1.fits",
            "FITS file",
            "no spectrum or catalog",
        ),
    ] {
        let path = root.join(file).display().to_string();
        let found = &json(&["inspect", "--json", &path])[0];
        assert_eq!(found["kind"], kind, "{file}");
        let problems = found["problems"].as_array().unwrap();
        let said = |p: &Value| p.as_str().is_some_and(|p| p.contains(problem));
        assert_eq!(
            problems.is_empty(),
            problem.is_empty(),
            "{file}: {problems:?}"
        );
        assert!(
            problem.is_empty() || problems.iter().any(said),
            "{file}: {problems:?}"
        );
    }
}

#[test]
fn the_quasars_of_a_plate_are_prepared_trained_on_restored_and_drawn() {
    let (Some(spectra), Some(catalog)) = (shared("sdss/spectra"), shared(CATALOG)) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let boss = config("boss.toml");
    let values = places(folder.path(), &spectra, &catalog);

    // Prepare: 19 files are not here, fibre 258 is BADFLAT throughout, fibre 330 has ZWARNING = 4.
    let mut args = set("prepare", &boss, &values);
    args.push("--json");
    let report = json(&args);
    assert_eq!(
        (&report["rows"], &report["used"]),
        (&Value::from(79), &Value::from(58))
    );
    let rejected = serde_json::json!({"UNREADABLE": 19, "COVERAGE": 1, "ZWARNING": 1});
    assert_eq!(report["rejected"], rejected);
    assert_eq!(report["rows_without_file"], 19);
    assert_eq!(report["files_without_row"].as_array().unwrap().len(), 6);
    assert_eq!(
        (&report["without_lsf"], &report["other_grid"]),
        (&Value::from(0), &Value::from(0))
    );
    let (prepared, block) = prepared(folder.path());
    let reason = |fiber: i64| {
        let found = prepared.objects().iter().find(|o| o.fiberid == fiber);
        found.unwrap().reason.clone()
    };
    assert!(reason(258).contains("0.0 % of the grid"), "{}", reason(258));
    assert_eq!(reason(330), "ZWARNING = 4");
    assert!(reason(184).contains("no file spec-3655-55240-0184.fits"));
    let fraction = masked(&prepared, &block);
    assert!((5e-4..3e-3).contains(&fraction), "{fraction}");
    assert!(block.flux.iter().chain(&block.ivar).all(|v| v.is_finite()));

    // Train and restore: every row is there, in order; flagged rows are NaN.
    let mut args = set("train", &boss, &values);
    let run = at("run");
    args.extend(["--out", &run]);
    output(&args);
    let fits = at("restored.fits");
    output(&["restore", &run, "--out", &fits]);
    let restored = Restored::open(&fits).unwrap();
    assert_eq!(restored.objects().len(), 79);
    assert_eq!(
        restored.header().flux_unit,
        "10**-17 erg s-1 cm-2 Angstrom-1"
    );
    let (image, observed) = (
        restored.image("RESTORED").unwrap(),
        restored.image("OBSERVED").unwrap(),
    );
    for (i, (o, before)) in restored
        .objects()
        .iter()
        .zip(prepared.objects())
        .enumerate()
    {
        assert_eq!(
            (&o.name, o.flag, &o.reason),
            (&before.name, before.flag, &before.reason)
        );
        assert!((o.z - before.z).abs() < 1e-6, "{}", o.name);
        let good = o.flag == flag::GOOD;
        assert!(
            image.row(i).iter().all(|f| f.is_finite() == good),
            "{}",
            o.name
        );
    }
    // The observed flux is physical: the mean over 5000-5200 Å is that of the file itself.
    let row = restored
        .objects()
        .iter()
        .position(|o| o.fiberid == 332)
        .unwrap();
    let wavelength = restored.header().grid.wavelength();
    let mean = |v: Vec<f64>| v.iter().sum::<f64>() / v.len() as f64;
    let within = |w: f64| (5000.0..5200.0).contains(&w);
    let ours = mean(
        (wavelength.iter().zip(observed.row(row)))
            .filter(|(w, _)| within(**w))
            .map(|(_, f)| f64::from(*f))
            .collect(),
    );
    let mut file = fitsio::FitsFile::open(spectra.join("spec-3655-55240-0332.fits")).unwrap();
    let hdu = file.hdu(1).unwrap();
    let flux: Vec<f32> = hdu.read_col(&mut file, "FLUX").unwrap();
    let loglam: Vec<f32> = hdu.read_col(&mut file, "LOGLAM").unwrap();
    let theirs = mean(
        (loglam.iter().zip(flux))
            .filter(|(l, _)| within(10f64.powf(f64::from(**l))))
            .map(|(_, f)| f64::from(f))
            .collect(),
    );
    assert!((ours / theirs - 1.0).abs() < 0.005, "{ours} {theirs}");

    let picture = at("spectra.png");
    output(&["plot", "spectra", &fits, "--count", "2", "--out", &picture]);
    assert!(std::fs::read(picture).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn without_a_catalog_every_file_carries_its_own_redshift() {
    let Some(spectra) = shared("sdss/spectra") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(config("boss.toml")).unwrap();
    let without: String = text
        .lines()
        .filter(|l| !l.starts_with("catalog ="))
        .map(|l| format!("{l}\n"))
        .collect();
    let path = folder.path().join("boss.toml").display().to_string();
    std::fs::write(&path, without).unwrap();
    let mut values = places(folder.path(), &spectra, Path::new(""));
    values.retain(|v| !v.starts_with("survey.source.catalog"));
    let mut args = set("prepare", &path, &values);
    args.push("--json");
    let report = json(&args);
    assert_eq!(
        (&report["rows"], &report["used"]),
        (&Value::from(66), &Value::from(64))
    );
    let (prepared, _) = prepared(folder.path());
    // One quasar observed six times, by SDSS-II, BOSS and eBOSS: six rows, one place, one redshift.
    let again: Vec<_> = prepared
        .objects()
        .iter()
        .filter(|o| (o.ra - 213.351).abs() < 1e-3 && (o.dec - 53.0908).abs() < 1e-3)
        .collect();
    assert_eq!(again.len(), 6);
    assert!(
        again
            .iter()
            .all(|o| (o.z - 0.456).abs() < 1e-3 && o.flag == flag::GOOD)
    );
}

#[test]
fn or_mask_costs_thirty_times_the_pixels_of_and_mask() {
    let (Some(spectra), Some(catalog)) = (shared("sdss/spectra"), shared(CATALOG)) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut values = places(folder.path(), &spectra, &catalog);
    values.push("survey.mask.kind=or".into());
    output(&set("prepare", &config("boss.toml"), &values));
    let (prepared, block) = prepared(folder.path());
    let fraction = masked(&prepared, &block);
    assert!((0.03..0.04).contains(&fraction), "{fraction}");
}

#[test]
fn a_catalog_none_of_whose_files_is_here_is_one_line_and_no_output() {
    let Some(spectra) = shared("sdss/spectra") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for (name, words) in [
        ("catalogs/DRQ_Pk1D.fits", "UNREADABLE 8"),
        (
            "desi/QSO_cat_fuji_dark_healpix_with_main.fits.gz",
            "column PLATE",
        ),
        (
            "templates/rrtemplate-QSO-HIZ-v1.1.fits",
            "no table in this file",
        ),
    ] {
        let Some(catalog) = shared(name) else { return };
        let values = places(folder.path(), &spectra, &catalog);
        let out = selfsi(&set("prepare", &config("boss.toml"), &values))
            .output()
            .unwrap();
        let said = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(1), "{said}");
        let errors: Vec<&str> = said
            .lines()
            .filter(|l| !l.starts_with("preparing:"))
            .collect();
        assert_eq!(errors.len(), 1, "{said}");
        assert!(
            errors[0].contains(words) && errors[0].contains("expected"),
            "{said}"
        );
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            0,
            "{name}"
        );
    }
}

/// What an astronomer would do: learn from many like quasars (here a mock), restore the plate.
#[test]
fn a_run_trained_on_the_mock_restores_the_real_plate() {
    let (Some(spectra), Some(catalog)) = (shared("sdss/spectra"), shared(CATALOG)) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let mut values = vec![
        format!("mock.folder={}", at("mock")),
        "mock.spectra=24".into(),
        format!("survey.source.catalog={}", at("mock/catalog.fits")),
        format!("survey.source.spectra={}", at("mock/spectra")),
        format!("survey.prepared={}", at("mock.h5")),
    ];
    values.extend(TINY.map(String::from));
    let demo = config("demo.toml");
    output(&set("mock", &demo, &values));
    output(&set("prepare", &demo, &values));
    let run = at("run");
    let mut args = set("train", &demo, &values);
    args.extend(["--out", &run]);
    output(&args);

    // The plate, by the mock's rules (redshift 2.75-3.25) on its own files.
    let values = places(folder.path(), &spectra, &catalog);
    output(&set("prepare", &demo, &values));
    let fits = at("plate.fits");
    output(&["restore", &run, &at("set.h5"), "--out", &fits]);
    let restored = Restored::open(&fits).unwrap();
    let good = |o: &&selfsi::data::Object| o.flag == flag::GOOD;
    let used: Vec<_> = restored.objects().iter().filter(good).collect();
    assert_eq!((restored.objects().len(), used.len()), (79, 4));
    assert!(used.iter().all(|o| (2.75..=3.25).contains(&o.z)));
}

#[test]
fn a_desi_coadd_file_is_prepared_with_its_catalog() {
    let (Some(coadd), Some(catalog)) = (
        shared("desi/coadd-main-dark-9144.fits"),
        shared("desi/QSO_cat_fuji_dark_healpix_with_main.fits.gz"),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let config = format!(
        "[survey]
        prepared = '{}'
        [survey.source]
        kind = 'desi'
        coadds = '{}'
        catalog = '{}'
        [normalise]
        kind = 'none'
        [forward]
        kind = 'quasar'
        tilt = 0.0
        smoothing = {{ from = 'lsf' }}
        noise = {{ from = 'ivar' }}",
        path("set.h5"),
        coadd.display(),
        catalog.display()
    );
    std::fs::write(path("job.toml"), config).unwrap();
    let report = json(&["prepare", &path("job.toml"), "--json"]);
    // Two of the catalog's 175 targets are in this file.
    assert_eq!(report["used"], 2, "{report}");
    assert_eq!(report["rows_without_file"], 173);
    assert_eq!(report["without_lsf"], 0);
    let set = Prepared::open(path("set.h5")).unwrap();
    let used: Vec<usize> = (0..set.len())
        .filter(|i| set.objects()[*i].flag == flag::GOOD)
        .collect();
    for i in used {
        let block = set.read(i..i + 1).unwrap();
        // DESI's B arm has R = 2000 to 3000: the common grid's pixel is 142 km/s there.
        let lsf: Vec<f32> = block.lsf.iter().copied().filter(|l| *l > 0.0).collect();
        assert!(
            lsf.len() > 900 && lsf.iter().all(|l| (0.1..1.0).contains(l)),
            "{lsf:?}"
        );
        assert!(set.objects()[i].z > 0.0);
    }
}
