//! DESI coadd files: arms joined on one lattice, masks, resolution, targets by a catalog or by the
//! redrock file beside; what is missing is a flagged row.

use crate::fixtures::desi_files::{SIGMA, UNIT, coadd, redshifts};
use assert_cmd::Command;
use selfsi::data::flag;
use selfsi::prepare::Prepared;
use std::path::Path;

fn prepare(folder: &Path, source: &str) -> Result<serde_json::Value, String> {
    let config = format!(
        "[grid]
        min = 3700.0
        max = 9000.0
        pixels = 1024
        [survey]
        prepared = 'set.h5'
        [survey.source]
        kind = 'desi'
        {source}
        [select]
        z_min = 2.0
        z_max = 3.0
        [normalise]
        kind = 'none'
        [forward]
        kind = 'gaussian'
        sigma = 0.5"
    );
    std::fs::write(folder.join("job.toml"), config).unwrap();
    let out = Command::new(assert_cmd::cargo::cargo_bin!("selfsi"))
        .current_dir(folder)
        .args(["prepare", "job.toml", "--json", "--threads", "1"])
        .output()
        .unwrap();
    if out.status.success() {
        Ok(serde_json::from_slice(&out.stdout).unwrap())
    } else {
        Err(String::from_utf8(out.stderr).unwrap())
    }
}

#[test]
fn arms_are_joined_with_their_weights_masks_and_resolution() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir(folder.join("healpix")).unwrap();
    let path = folder.join("healpix/coadd-main-dark-1.fits");
    coadd(&path, &[11, 12, 13], &["B", "R", "Z"], &[0, 0, 0], UNIT);
    redshifts(
        &folder.join("cat.fits"),
        "QSO_CAT",
        &[13, 11, 12],
        &[2.5; 3],
    );
    prepare(folder, "coadds = 'healpix'\ncatalog = 'cat.fits'").unwrap();

    let set = Prepared::open(folder.join("set.h5")).unwrap();
    let names: Vec<&str> = set.objects().iter().map(|o| &*o.name).collect();
    assert_eq!(names, ["13", "11", "12"]);
    assert_eq!(set.specsys(), Some("BARYCENT"));
    let block = set.read(0..3).unwrap();
    let wave = set.grid().wavelength();
    let near = |target: f64| wave.iter().position(|w| *w >= target).unwrap();
    // Row 13 is flat at 3 and whole; its ivar doubles where two arms overlap.
    assert!(block.flux.row(0).iter().all(|f| (f - 3.0).abs() < 1e-5));
    let ivar = |target: f64| block.ivar[[0, near(target)]] / block.ivar[[0, near(target + 150.0)]];
    for overlap in [5780.0, 7570.0] {
        assert!(
            (ivar(overlap) - 2.0).abs() < 0.1,
            "{overlap}: {}",
            ivar(overlap)
        );
    }
    // 4800-4816 Å is masked in 11 and NaN in 12; nothing else is.
    for row in [1, 2] {
        let bad: Vec<f64> = (0..wave.len())
            .filter(|j| block.ivar[[row, *j]] == 0.0)
            .map(|j| wave[j])
            .collect();
        assert!(
            !bad.is_empty() && bad.iter().all(|w| (4795.0..4821.0).contains(w)),
            "{bad:?}"
        );
    }
    // σ in pixels of the common grid.
    let j = near(5000.0);
    let pixel = wave[j + 1] - wave[j];
    let sigma = f64::from(block.lsf[[0, j]]) * pixel / 0.8;
    assert!((sigma - SIGMA).abs() < 0.05 * SIGMA, "{sigma}");
}

#[test]
fn without_a_catalog_redshifts_come_from_the_redrock_file_beside() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let coadd_path = folder.join("coadd-sv3-dark-7.fits");
    coadd(
        &coadd_path,
        &[21, 22, 23],
        &["B", "R", "Z"],
        &[0, 8, 0],
        UNIT,
    );
    redshifts(
        &folder.join("redrock-sv3-dark-7.fits"),
        "REDSHIFTS",
        &[22, 21],
        &[2.2, 2.1],
    );
    prepare(folder, "coadds = ['coadd-sv3-dark-7.fits']").unwrap();
    let set = Prepared::open(folder.join("set.h5")).unwrap();
    let o = set.objects();
    assert_eq!((o[0].z, o[0].flag), (2.1, flag::GOOD));
    assert_eq!(
        (o[1].flag, &*o[1].reason),
        (flag::ZWARNING, "COADD_FIBERSTATUS = 8")
    );
    assert_eq!((o[2].flag, &*o[2].reason), (flag::REDSHIFT, "no redshift"));
    assert!(
        o[0].source.ends_with("coadd-sv3-dark-7.fits row 0"),
        "{}",
        o[0].source
    );
}

#[test]
fn a_missing_arm_is_masked_and_a_target_without_a_file_is_a_flagged_row() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    coadd(
        &folder.join("coadd-1.fits"),
        &[31, 32],
        &["B", "Z"],
        &[0, 0],
        UNIT,
    );
    coadd(
        &folder.join("coadd-2.fits"),
        &[32, 33],
        &["B", "R", "Z"],
        &[0, 0],
        UNIT,
    );
    redshifts(&folder.join("cat.fits"), "CAT", &[31, 32, 34], &[2.5; 3]);
    let source = "coadds = '.'\ncatalog = 'cat.fits'";
    let report = prepare(folder, source).unwrap_err();
    assert!(report.contains("COVERAGE"), "{report}");

    std::fs::remove_file(folder.join("coadd-1.fits")).unwrap();
    coadd(
        &folder.join("coadd-3.fits"),
        &[31, 33],
        &["B", "R", "Z"],
        &[0, 0],
        UNIT,
    );
    let report = prepare(folder, source).unwrap();
    assert_eq!(report["used"], 2);
    assert_eq!(report["targets_without_row"], 1);
    assert_eq!(report["rows_without_file"], 1);
    let set = Prepared::open(folder.join("set.h5")).unwrap();
    assert!(set.objects()[2].reason.contains("TARGETID"));
}

#[test]
fn what_is_no_coadd_file_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    coadd(&folder.join("coadd-1.fits"), &[1], &["B"], &[0], "Jy");
    redshifts(&folder.join("cat.fits"), "CAT", &[1], &[2.5]);
    for (source, words) in [
        ("coadds = 'coadd-1.fits'", "BUNIT"),
        ("coadds = 'cat.fits'", "FIBERMAP"),
        ("coadds = 'nowhere'", "nowhere"),
        (
            "coadds = '.'\ncolumns = { targetid = 'ID' }\ncatalog = 'cat.fits'",
            "BUNIT",
        ),
        ("coadds = []", "survey.source.coadds"),
    ] {
        let e = prepare(folder, source).unwrap_err();
        let errors: Vec<&str> = e.lines().filter(|l| l.contains("error")).collect();
        assert_eq!(errors.len(), 1, "{e}");
        assert!(errors[0].contains(words), "{e}");
        assert!(!folder.join("set.h5").exists());
    }
}

#[test]
fn a_file_is_opened_as_often_for_one_target_as_for_many() {
    let opened = |targets: &[i64]| {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let good = vec![0; targets.len()];
        let path = folder.join("coadd-main-dark-1.fits");
        coadd(&path, targets, &["B", "R", "Z"], &good, UNIT);
        let z = vec![2.5; targets.len()];
        redshifts(&folder.join("cat.fits"), "QSO_CAT", targets, &z);
        let source = "coadds = 'coadd-main-dark-1.fits'\ncatalog = 'cat.fits'";
        prepare(folder, source).unwrap();
        let out = Command::new(assert_cmd::cargo::cargo_bin!("selfsi"))
            .current_dir(folder)
            .args(["prepare", "job.toml", "-v", "--threads", "1"])
            .output()
            .unwrap();
        let said = String::from_utf8(out.stderr).unwrap();
        let reads = said.matches("reading coadd-main-dark-1.fits").count();
        assert!(reads > 0, "{said}");
        reads
    };
    assert_eq!(opened(&[11]), opened(&[11, 12, 13, 14]));
}
