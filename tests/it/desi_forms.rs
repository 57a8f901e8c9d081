//! The forms in which DESI and its mocks publish spectra: tables of fibres by either name, one exposure of
//! each target, arms that are joined or missing, lattices of other steps.

use crate::fixtures::desi_files::{UNIT, image, redshifts};
use crate::fixtures::fits_text::update_key;
use fitsio::FitsFile;
use fitsio::images::ImageType;
use fitsio::tables::{ColumnDataType, ColumnDescription};
use selfsi::config::Config;
use selfsi::data::Block;
use selfsi::inspect::inspect;
use selfsi::prepare::{Prepared, SpectraDetails, prepare};
use std::path::Path;

fn desi(start: usize, n: usize) -> Vec<f64> {
    (start..start + n)
        .map(|i| 3600.0 + 0.8 * i as f64)
        .collect()
}

fn logarithmic(start: usize, n: usize) -> Vec<f64> {
    let at = |i: usize| 10f64.powf(3.5565 + 1e-4 * i as f64);
    (start..start + n).map(at).collect()
}

/// Flat spectra of 1 + row with a line of 10 more about 5000 Å, ivar 4, on arms of these centres.
fn file(path: &Path, fibermap: &str, targets: &[i64], column: &str, arms: &[(&str, Vec<f64>)]) {
    let _ = std::fs::remove_file(path);
    let mut file = FitsFile::create(path).open().unwrap();
    let n = targets.len();
    let columns = ["TARGETID", column].map(|name| {
        let mut c = ColumnDescription::new(name);
        c.with_type(ColumnDataType::LongLong).create().unwrap()
    });
    let hdu = file.create_table(fibermap, &columns).unwrap();
    hdu.write_col(&mut file, "TARGETID", targets).unwrap();
    hdu.write_col(&mut file, column, &vec![0i64; n]).unwrap();
    for (arm, centres) in arms {
        let pixels = centres.len();
        let name = |what: &str| format!("{arm}_{what}");
        let line = |w: f64| 10.0 * (-0.5 * ((w - 5000.0) / 8.0).powi(2)).exp();
        let flux: Vec<f32> = (0..n)
            .flat_map(|row| {
                centres
                    .iter()
                    .map(move |w| (1.0 + row as f64 + line(*w)) as f32)
            })
            .collect();
        let (double, float) = (ImageType::Double, ImageType::Float);
        image(
            &mut file,
            &name("WAVELENGTH"),
            double,
            &[pixels],
            centres,
            "Angstrom",
        );
        image(&mut file, &name("FLUX"), float, &[n, pixels], &flux, UNIT);
        let ivar = vec![4.0f32; n * pixels];
        image(&mut file, &name("IVAR"), float, &[n, pixels], &ivar, "");
    }
}

fn run(folder: &Path, source: &str) -> selfsi::Result<(SpectraDetails, Prepared, Block)> {
    let place = folder.display();
    let config = format!(
        "[grid]
        min = 4000.0
        max = 6500.0
        pixels = 512
        [survey]
        prepared = '{place}/set.h5'
        [survey.source]
        kind = 'desi'
        coadds = '{place}/s'
        {source}
        [normalise]
        kind = 'none'
        [forward]
        kind = 'gaussian'
        sigma = 0.5"
    );
    let config = Config::parse(&config, "job.toml", &[])?;
    let report = prepare(&config, &config.survey.prepared, &mut |_, _| ())?;
    let set = Prepared::open(&config.survey.prepared)?;
    let block = set.read(0..set.len())?;
    Ok((report.details, set, block))
}

/// Where the line of `row` is, in Å: the mean wavelength, weighted by what is above the level.
fn line(set: &Prepared, block: &Block, row: usize) -> f64 {
    let (mut sum, mut weight) = (0.0, 0.0);
    for (w, f) in set.grid().wavelength().iter().zip(block.flux.row(row)) {
        let above = f64::from(*f) - 1.0 - row as f64;
        (sum, weight) = (sum + above * w, weight + above);
    }
    sum / weight
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("s")).unwrap();
    folder
}

#[test]
fn every_form_of_one_spectrum_to_a_target_is_read_alike() {
    let two = || vec![("B", desi(0, 2751)), ("R", desi(2700, 2326))];
    let joined = |name| vec![(name, desi(0, 7781))];
    for (name, fibermap, column, arms, kind) in [
        (
            "coadd-main-dark-1.fits",
            "FIBERMAP",
            "COADD_FIBERSTATUS",
            joined("BRZ"),
            "DESI coadd",
        ),
        (
            "coadd-main-dark-1.fits",
            "FIBERMAP",
            "COADD_FIBERSTATUS",
            joined("BR"),
            "DESI coadd",
        ),
        (
            "coadd-main-dark-1.fits",
            "COADD_FIBERMAP",
            "COADD_FIBERSTATUS",
            two(),
            "DESI coadd",
        ),
        (
            "spectra-16-0.fits",
            "FIBERMAP",
            "EXPID",
            two(),
            "DESI spectra",
        ),
        (
            "coadd-main-dark-1.fits",
            "FIBERMAP",
            "COADD_FIBERSTATUS",
            vec![("BRZ", logarithmic(0, 4350))],
            "DESI coadd",
        ),
        (
            "coadd-main-dark-1.fits",
            "FIBERMAP",
            "COADD_FIBERSTATUS",
            vec![("B", logarithmic(0, 2100)), ("R", logarithmic(2050, 2300))],
            "DESI coadd",
        ),
    ] {
        let folder = folder();
        let path = folder.path().join("s").join(name);
        file(&path, fibermap, &[11, 12], column, &arms);
        let (report, set, block) = run(folder.path(), "").unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!((set.len(), report.other_grid), (2, 0), "{name} {arms:?}");
        assert!(block.ivar.iter().all(|v| *v > 0.0));
        for row in 0..2 {
            let at = line(&set, &block, row);
            assert!((at - 5000.0).abs() < 0.05, "{name}: {at}");
        }
        let facts = inspect(&path).unwrap();
        assert_eq!(facts.kind, kind, "{facts}");
        let words = facts.to_string();
        assert!(words.contains("targets          2"), "{words}");
        for (arm, _) in &arms {
            assert!(
                words.contains(&format!("arm {}", arm.to_lowercase())),
                "{words}"
            );
        }
    }
}

#[test]
fn a_missing_arm_is_named() {
    let folder = folder();
    let path = folder.path().join("s/coadd-1.fits");
    let arms = [("B", desi(0, 2751)), ("R", desi(2700, 2326))];
    file(&path, "FIBERMAP", &[11], "COADD_FIBERSTATUS", &arms);
    let problems = inspect(&path).unwrap().problems;
    assert_eq!(problems, ["no Z arm: its part of the spectra is masked"]);
    file(
        &path,
        "FIBERMAP",
        &[11],
        "COADD_FIBERSTATUS",
        &[("BRZ", desi(0, 7781))],
    );
    assert!(inspect(&path).unwrap().problems.is_empty());
}

#[test]
fn mocks_have_their_redshifts_in_zbest_files_and_several_exposures_are_refused_by_both() {
    let folder = folder();
    let path = folder.path().join("s/spectra-16-0.fits");
    let arms = [("B", desi(0, 2751)), ("R", desi(2700, 2326))];
    file(&path, "FIBERMAP", &[11, 12], "EXPID", &arms);
    redshifts(
        &folder.path().join("s/zbest-16-0.fits"),
        "ZBEST",
        &[12, 11],
        &[2.6, 2.4],
    );
    let (_, set, _) = run(folder.path(), "").unwrap();
    let z: Vec<f64> = set.objects().iter().map(|o| o.z).collect();
    assert_eq!(z, [2.4, 2.6]);

    file(&path, "FIBERMAP", &[11, 11, 12], "EXPID", &arms);
    let words = "single exposures (EXPID), 3 of 2 targets";
    let e = run(folder.path(), "").unwrap_err().to_string();
    assert!(e.contains(words) && e.contains("desi_coadd_spectra"), "{e}");
    let facts = inspect(&path).unwrap();
    assert!(facts.problems.iter().any(|p| p.contains(words)), "{facts}");
    // Beside co-adds, exposures are passed over.
    let coadd = folder.path().join("s/coadd-16-0.fits");
    file(&coadd, "FIBERMAP", &[11, 12], "COADD_FIBERSTATUS", &arms);
    assert_eq!(run(folder.path(), "").unwrap().1.len(), 2);
}

#[test]
fn files_on_different_lattices_are_told_apart_and_arms_that_share_none_are_refused() {
    let folder = folder();
    let path = |name: &str| folder.path().join("s").join(name);
    let status = "COADD_FIBERSTATUS";
    file(
        &path("coadd-1.fits"),
        "FIBERMAP",
        &[11],
        status,
        &[("BRZ", desi(0, 7781))],
    );
    file(
        &path("coadd-2.fits"),
        "FIBERMAP",
        &[12],
        status,
        &[("BRZ", logarithmic(0, 4350))],
    );
    let (report, set, _) = run(folder.path(), "").unwrap();
    assert_eq!((set.len(), report.other_grid), (2, 1));

    let fine: Vec<f64> = (0..3000).map(|i| 3600.0 + 0.6 * f64::from(i)).collect();
    let arms = [("B", fine), ("R", desi(2700, 2326))];
    file(&path("coadd-2.fits"), "FIBERMAP", &[12], status, &arms);
    let words = "HDU B_WAVELENGTH, R_WAVELENGTH";
    let e = run(folder.path(), "").unwrap_err().to_string();
    assert!(e.contains(words) && e.contains("not on one lattice"), "{e}");
    let facts = inspect(&path("coadd-2.fits")).unwrap();
    assert_eq!(facts.kind, "DESI coadd");
    assert!(facts.problems[0].contains(words), "{facts}");
}

#[test]
fn wavelengths_in_another_unit_are_taken_as_what_they_are_and_those_in_air_refused() {
    let key = |path: &Path, name: &str, value: &str| update_key(path, 2, name, value);
    for (unit, angstroms) in [("nm", 10.0), ("um", 1e4), ("Angstrom", 1.0)] {
        let folder = folder();
        let path = folder.path().join("s/coadd-main-dark-1.fits");
        let arms = [("BRZ", desi(0, 7781))];
        file(&path, "FIBERMAP", &[5, 7], "COADD_FIBERSTATUS", &arms);
        let mut fits = FitsFile::edit(&path).unwrap();
        let hdu = fits.hdu("BRZ_WAVELENGTH").unwrap();
        let waves: Vec<f64> = arms[0].1.iter().map(|w| w / angstroms).collect();
        hdu.write_image(&mut fits, &waves).unwrap();
        drop(fits);
        key(&path, "BUNIT", unit);
        key(&path, "AIRORVAC", "vac");
        let (_, set, block) = run(folder.path(), "").unwrap();
        assert!((line(&set, &block, 1) - 5000.0).abs() < 0.1, "{unit}");
    }
    for (name, value, word) in [
        ("AIRORVAC", "air", "in air"),
        ("BUNIT", "furlong", "furlong"),
    ] {
        let folder = folder();
        let path = folder.path().join("s/coadd-main-dark-1.fits");
        let arms = [("BRZ", desi(0, 7781))];
        file(&path, "FIBERMAP", &[5], "COADD_FIBERSTATUS", &arms);
        key(&path, name, value);
        let e = run(folder.path(), "").unwrap_err().to_string();
        assert!(e.contains("BRZ_WAVELENGTH") && e.contains(word), "{e}");
        let problems = inspect(&path).unwrap().problems.join("\n");
        assert!(problems.contains(word), "{problems}");
    }
}
