//! DESI coadd files → restored catalog → restored spectra in DESI's own form, which specutils opens.
//!
//! The files of the specutils package (real spectra, cut to five targets) are restored too, where a
//! Python with requirements/check.txt is at hand; SELFSI_CHECK_PYTHON names it (`make test` does).

use crate::fixtures::desi_files::{self, UNIT, coadd, redshifts};
use crate::fixtures::python::{python, script};
use crate::fixtures::run_folder::selfsi_in as selfsi;
use crate::fixtures::shared;
use selfsi::data::flag;
use selfsi::restored::Restored;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const ARMS: [&str; 3] = ["B", "R", "Z"];
const TARGETS: i64 = 40;

/// Two coadd files of 20 targets each, and a run trained on them.
fn trained() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = shared::folder();
        make(&folder);
        folder
    })
}

fn make(folder: &Path) {
    let targets: Vec<i64> = (1000..1000 + TARGETS).collect();
    for (file, part) in targets.chunks(20).enumerate() {
        let mut fiberstatus = vec![0; 20];
        fiberstatus[3] = 8;
        let path = folder.join(format!("coadd-main-dark-{file}.fits"));
        coadd(&path, part, &ARMS, &fiberstatus, UNIT);
    }
    // The catalog's order is not the files'.
    let mixed: Vec<i64> = targets.iter().rev().copied().collect();
    let z = vec![2.5; mixed.len()];
    redshifts(&folder.join("cat.fits"), "QSO_CAT", &mixed, &z);
    let config = "seed = 3
        [grid]
        min = 3700.0
        max = 9000.0
        pixels = 128
        [survey]
        prepared = 'set.h5'
        [survey.source]
        kind = 'desi'
        coadds = '.'
        catalog = 'cat.fits'
        [select]
        coverage_min = 0.5
        [normalise]
        kind = 'none'
        [forward]
        kind = 'quasar'
        tilt = 0.05
        smoothing = { from = 'lsf' }
        noise = { from = 'ivar' }
        [interpolant]
        kind = 'sde'
        gamma = 1.0
        diffusion = 'channel'
        epsilon = 1.0
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
        warm_start = 0
        batch = 8
        heldout = 0.3
        validate_every = 4
        checkpoint_every = 4
        [restore]
        draws = 3";
    std::fs::write(folder.join("job.toml"), config).unwrap();
    for command in [
        &["prepare", "job.toml"][..],
        &["train", "job.toml", "--out", "run"],
    ] {
        selfsi(folder).args(command).assert().success();
    }
}

/// The targets that `file` must hold: those of `targets` that `catalog` has restored, in its order.
fn restored(catalog: &Path, targets: std::ops::Range<i64>) -> Vec<String> {
    let catalog = Restored::open(catalog).unwrap();
    let rows = catalog.objects().iter().filter(|o| o.flag == flag::GOOD);
    let names = rows.filter(|o| targets.contains(&o.name.parse().unwrap()));
    names.map(|o| o.name.clone()).collect()
}

fn check(python: &Path, catalog: &Path, file: &Path, targets: &[String]) {
    let mut command = std::process::Command::new(python);
    let output = command
        .arg(script("desi_restored.py"))
        .arg(catalog)
        .arg(file)
        .args(targets);
    let output = output.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

#[test]
fn the_part_of_sigma_that_is_the_populations_stands_beside_each_spectrum() {
    let folder = trained();
    let job = std::fs::read_to_string(folder.join("job.toml")).unwrap();
    let before = "kind = 'sde'
        gamma = 1.0
        diffusion = 'channel'
        epsilon = 1.0";
    let posterior = job.replace(before, "kind = 'posterior'");
    std::fs::write(folder.join("posterior.toml"), posterior).unwrap();
    let restore = ["restore", "posterior", "--out", "p.fits", "--spectra", "p"];
    for command in [
        &["train", "posterior.toml", "--out", "posterior"][..],
        &restore,
    ] {
        selfsi(folder).args(command).assert().success();
    }
    let catalog = Restored::open(folder.join("p.fits")).unwrap();
    let whole = catalog.image("SIGMA_PRIOR").unwrap();
    let rows: Vec<usize> = (0..catalog.objects().len())
        .filter(|i| {
            let o = &catalog.objects()[*i];
            o.flag == flag::GOOD && o.name.parse::<i64>().unwrap() < 1020
        })
        .collect();
    let mut file = fitsio::FitsFile::open(folder.join("p/restored-main-dark-0.fits")).unwrap();
    let mut first = 0;
    for arm in ARMS {
        let hdu = file.hdu(format!("{arm}_SIGMA_PRIOR").as_str()).unwrap();
        let found: Vec<f32> = hdu.read_image(&mut file).unwrap();
        let n = found.len() / rows.len();
        for (row, found) in rows.iter().zip(found.chunks(n)) {
            let expected = whole.row(*row);
            for (found, expected) in found.iter().zip(expected.iter().skip(first)) {
                assert!(found == expected || (found.is_nan() && expected.is_nan()));
            }
        }
        assert!(found.iter().any(|v| *v > 0.0));
        first += n;
    }
    assert_eq!(first, whole.ncols());
}

#[test]
fn each_coadd_file_has_its_restored_twin_whatever_the_order_of_the_catalog() {
    let folder = trained();
    selfsi(folder)
        .args(["restore", "run", "--out", "a.fits", "--spectra", "a"])
        .assert()
        .success();
    let files: Vec<_> = std::fs::read_dir(folder.join("a")).unwrap().collect();
    assert_eq!(files.len(), 2);
    for file in 0..2 {
        let path = folder.join(format!("a/restored-main-dark-{file}.fits"));
        let first = 1000 + 20 * file;
        let targets = restored(&folder.join("a.fits"), first..first + 20);
        // The fibre with a fault is flagged, not restored.
        assert_eq!(targets.len(), 19);
        assert!(!targets.contains(&(first + 3).to_string()));
        if let Some(python) = python() {
            check(&python, &folder.join("a.fits"), &path, &targets);
        }
    }
    // selfsi reads its own: restored spectra are a coadd file of the common grid's pixels.
    let out = selfsi(folder)
        .args(["inspect", "a/restored-main-dark-0.fits"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(text.contains("DESI coadd"), "{out:?}");
}

#[test]
fn shards_write_files_of_their_own() {
    let folder = trained();
    for shard in ["1/2", "2/2"] {
        selfsi(folder)
            .args(["restore", "run", "--out", "s.fits", "--spectra", "s"])
            .args(["--shard", shard, "--set", "restore.batch=8"])
            .assert()
            .success();
    }
    let mut files: Vec<String> = std::fs::read_dir(folder.join("s"))
        .unwrap()
        .map(|f| f.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    files.sort();
    // The second file's targets come first in the catalog: some batch holds both files' targets.
    assert!(files.iter().all(|f| f.contains(".shard-00")), "{files:?}");
    assert!(files.len() == 3 || files.len() == 4, "{files:?}");
}

#[test]
fn two_files_of_one_name_are_refused_before_the_work() {
    let folder = trained();
    for (k, name) in ["x", "y"].iter().enumerate() {
        std::fs::create_dir_all(folder.join(name)).unwrap();
        let path = folder.join(name).join("coadd-sv3-dark-1.fits");
        let first = 10 * k as i64;
        coadd(&path, &[first + 1, first + 2], &ARMS, &[0, 0], UNIT);
    }
    let out = selfsi(folder)
        .args([
            "restore",
            "run",
            "x",
            "y",
            "--out",
            "xy.fits",
            "--spectra",
            "xy",
        ])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stderr);
    assert!(
        !out.status.success() && text.contains("would have the same name"),
        "{text}"
    );
    assert!(!folder.join("xy.fits").exists() && !folder.join("xy").exists());
}

#[test]
fn single_exposures_are_refused_in_one_line_that_says_what_to_give() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let path = folder.join("spectra-main-dark-1.fits");
    let mut file = fitsio::FitsFile::create(&path).open().unwrap();
    let kind = fitsio::tables::ColumnDataType::Int;
    let fill = |f: &mut fitsio::FitsFile, h: &fitsio::hdu::FitsHdu| {
        h.write_col(f, "EXPID", &[7i32, 8]).unwrap();
    };
    desi_files::table(&mut file, "FIBERMAP", &[1, 1], fill, "EXPID", kind);
    drop(file);
    std::fs::write(
        folder.join("job.toml"),
        "[survey]
        prepared = 'set.h5'
        [survey.source]
        kind = 'desi'
        coadds = 'spectra-main-dark-1.fits'
        [forward]
        kind = 'gaussian'
        sigma = 0.5",
    )
    .unwrap();
    let out = selfsi(folder)
        .args(["prepare", "job.toml"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stderr);
    assert!(!out.status.success());
    assert!(
        text.contains("single exposures") && text.contains("coadd-*.fits"),
        "{text}"
    );
    assert_eq!(text.lines().filter(|l| l.contains("error")).count(), 1);
}

#[test]
fn the_spectra_that_specutils_tests_itself_with_are_restored() {
    let Some(python) = python() else { return };
    let folder = trained();
    let out = std::process::Command::new(&python)
        .args(["-c", "import specutils; print(specutils.__path__[0])"])
        .output()
        .unwrap();
    let package = PathBuf::from(String::from_utf8_lossy(&out.stdout).trim());
    let data = package.join("io/default_loaders/tests/desi_test_data");
    for (name, good) in [("sv3-dark-26065", 2), ("5-169-thru20210419", 1)] {
        let input = data.join(format!("coadd-{name}.fits"));
        if !input.is_file() {
            eprintln!("skipped: this specutils comes without {}", input.display());
            continue;
        }
        let (catalog, spectra) = (format!("{name}.fits"), format!("specutils-{name}"));
        selfsi(folder)
            .args(["restore", "run"])
            .arg(&input)
            .args(["--out", &catalog, "--spectra", &spectra])
            .assert()
            .success();
        // Five targets each; fibres that saw no target, or had a fault, are flagged with the reason.
        let objects = Restored::open(folder.join(&catalog)).unwrap();
        assert_eq!(objects.objects().len(), 5);
        let flagged = objects.objects().iter().filter(|o| o.flag != flag::GOOD);
        assert!(flagged.clone().all(|o| !o.reason.is_empty()));
        assert_eq!(flagged.count(), 5 - good);
        let targets = restored(&folder.join(&catalog), i64::MIN..i64::MAX);
        let file = folder.join(&spectra).join(format!("restored-{name}.fits"));
        check(&python, &folder.join(&catalog), &file, &targets);
        // The same targets' single exposures, beside them, are not.
        let exposures = data.join(format!("spectra-{name}.fits"));
        let out = selfsi(folder)
            .args(["restore", "run"])
            .arg(&exposures)
            .args(["--out", "exposures.fits"])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&out.stderr);
        assert!(
            !out.status.success() && text.contains("single exposures"),
            "{text}"
        );
    }
}
