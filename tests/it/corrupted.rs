//! Files cut short or with flipped bits: a flagged row or one clear line, never a panic nor a crash. A
//! flipped bit in the data of a file without checksums looks like a measurement.

use crate::fixtures::desi_files;
use crate::fixtures::plate_files;
use crate::fixtures::run_folder::selfsi;
use crate::fixtures::survey_files::{self, Spec, hdf5_catalog};
use crate::fixtures::trained::Trained;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use selfsi::data::flag;
use selfsi::prepare::Prepared;
use std::fs;
use std::path::Path;

const SPECTRA: usize = 200;

/// A copy of `whole`: cut at a random length where `i` is even, else with 1 to 20 bits flipped, in
/// its first 30 kB where `i` is a multiple of 3 (the headers), otherwise anywhere.
fn spoilt(whole: &[u8], i: usize, rng: &mut ChaCha8Rng) -> Vec<u8> {
    if i.is_multiple_of(2) {
        return whole[..rng.random_range(0..whole.len())].to_vec();
    }
    let mut bytes = whole.to_vec();
    let end = if i.is_multiple_of(3) {
        bytes.len().min(30_000)
    } else {
        bytes.len()
    };
    for _ in 0..rng.random_range(1..=20) {
        bytes[rng.random_range(0..end)] ^= 1 << rng.random_range(0..8);
    }
    bytes
}

/// Runs selfsi for at most 60 s: it succeeds or fails with one line, and neither panics nor crashes.
fn survives(case: usize, folder: &Path, arguments: &[&str]) -> bool {
    let mut command = selfsi();
    command.current_dir(folder).args(arguments);
    command.timeout(std::time::Duration::from_secs(60));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let code = output.status.code();
    assert!(!said.contains("panicked"), "case {case}: {said}");
    assert!(
        code == Some(0) || code == Some(1),
        "case {case}: {code:?} {said}"
    );
    if code == Some(1) {
        let errors = said.lines().filter(|l| l.starts_with("selfsi: error"));
        assert_eq!(errors.count(), 1, "case {case}: {said}");
    }
    code == Some(0)
}

/// job.toml on a survey in `folder`; `source` is the body of [survey.source].
fn job(folder: &Path, source: &str) {
    let text = format!(
        "[survey]\nprepared = 'set.h5'\n[survey.source]\n{source}\n[normalise]\nkind = 'none'\n[forward]\nkind = 'gaussian'\nsigma = 0.5"
    );
    fs::write(folder.join("job.toml"), text).unwrap();
}

#[test]
fn spoilt_spec_files_are_rows_flagged_or_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("spectra")).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let rows: Vec<_> = (1..=SPECTRA as i64 + 1).map(|f| (f, 2.9)).collect();
    survey_files::catalog(&folder.join("catalog.fits"), &rows, &[]);
    for (i, (fiber, _)) in rows.iter().enumerate() {
        let spec = Spec::new(*fiber);
        let path = folder.join("spectra").join(spec.file_name());
        spec.write(&path);
        if i < SPECTRA {
            let whole = fs::read(&path).unwrap();
            fs::write(&path, spoilt(&whole, i, &mut rng)).unwrap();
        }
    }
    job(
        folder,
        "kind = 'sdss'\nspectra = 'spectra'\ncatalog = 'catalog.fits'",
    );
    assert!(survives(0, folder, &["prepare", "job.toml"]));
    let set = Prepared::open(folder.join("set.h5")).unwrap();
    assert_eq!(set.objects().len(), SPECTRA + 1, "no row is dropped");
    for o in set.objects() {
        assert_eq!(o.flag == flag::GOOD, o.reason.is_empty(), "{o:?}");
    }
    assert_eq!(set.objects()[SPECTRA].flag, flag::GOOD);
}

/// `prepare` of `count` spoilt copies of `name`, one at a time.
fn each_is_survived(folder: &Path, name: &str, count: usize) {
    let path = folder.join(name);
    let whole = fs::read(&path).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for i in 0..count {
        fs::write(&path, spoilt(&whole, i, &mut rng)).unwrap();
        let _ = fs::remove_file(folder.join("set.h5"));
        let fine = survives(i, folder, &["prepare", "job.toml"]);
        assert_eq!(fine, folder.join("set.h5").exists(), "case {i}");
    }
}

#[test]
fn a_spoilt_desi_coadd_is_survived() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let path = folder.join("coadd-1.fits");
    desi_files::coadd(&path, &[11, 12], &["B", "R"], &[0, 0], desi_files::UNIT);
    desi_files::redshifts(&folder.join("cat.fits"), "CAT", &[11, 12], &[2.5, 2.6]);
    job(
        folder,
        "kind = 'desi'\ncoadds = 'coadd-1.fits'\ncatalog = 'cat.fits'",
    );
    each_is_survived(folder, "coadd-1.fits", 20);
}

#[test]
fn a_spoilt_plate_file_is_survived() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let specs = [Spec::new(12), Spec::new(13)];
    for s in &specs {
        s.write(&folder.join(s.file_name()));
    }
    plate_files::plate(folder, &specs);
    survey_files::catalog(&folder.join("cat.fits"), &[(12, 2.9), (13, 2.9)], &[]);
    job(
        folder,
        "kind = 'sdss'\nspectra = 'spPlate-3655-55240.fits'\ncatalog = 'cat.fits'",
    );
    each_is_survived(folder, "spPlate-3655-55240.fits", 20);
}

#[test]
fn a_spoilt_hdf5_catalog_is_survived() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let loglam: Vec<f64> = (0..400).map(|j| 3.56 + 1e-3 * j as f64).collect();
    hdf5_catalog(&folder.join("catalog.h5"), 6, &loglam, &[]);
    job(
        folder,
        "kind = 'hdf5'\nfile = 'catalog.h5'\nwavelength = 'vacuum'\nflux_unit = 'Jy'",
    );
    each_is_survived(folder, "catalog.h5", 30);
}

#[test]
fn a_truncated_prepared_set_or_restored_catalog_is_one_clear_line() {
    let t = Trained::get();
    let folder = tempfile::tempdir().unwrap();
    let (set, out) = (t.path("set.h5"), folder.path().join("whole.fits"));
    t.restore("sde", &[], &out).assert().success();
    let run = t.run("sde").display().to_string();
    let truth = t.path("mock/truth.h5").display().to_string();
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for case in 0..4 {
        let cut = |path: &Path, name: &str, rng: &mut ChaCha8Rng| {
            let whole = fs::read(path).unwrap();
            fs::write(folder.path().join(name), spoilt(&whole, 0, rng)).unwrap();
        };
        cut(&out, "cut.fits", &mut rng);
        cut(&set, "cut.h5", &mut rng);
        for arguments in [
            &["audit", &run, "cut.fits", "--out", "audit.fits"][..],
            &["plot", "spectra", "cut.fits", "--out", "cut.png"],
            &[
                "evaluate",
                &run,
                "--truth",
                &truth,
                "--restored",
                "cut.fits",
                "--out",
                "evaluation",
            ],
            &["restore", &run, "cut.h5", "--out", "restored.fits"],
        ] {
            assert!(
                !survives(case, folder.path(), arguments),
                "{arguments:?} took it"
            );
        }
    }
}
