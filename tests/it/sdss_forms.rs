//! The forms in which SDSS publishes spectra: co-adds of all epochs, daily reductions, DR7.

use crate::fixtures::fits_tables::Cells::{Real, Text, Whole};
use crate::fixtures::fits_tables::tables;
use crate::fixtures::fits_text::update_key;
use crate::fixtures::survey_files::Spec;
use assert_cmd::Command;
use fitsio::FitsFile;
use fitsio::images::{ImageDescription, ImageType};
use selfsi::inspect::inspect;
use selfsi::prepare::Prepared;
use std::path::Path;

const CATALOG_ID: i64 = 27_021_598_054_114_233;

/// `prepare` of the folder `spectra`: what it says, and whether it succeeded.
fn prepare(folder: &Path, source: &str) -> (bool, String) {
    let config = format!(
        "[grid]
        min = 4000.0
        max = 6500.0
        pixels = 256
        [survey]
        prepared = 'set.h5'
        [survey.source]
        kind = 'sdss'
        spectra = 'spectra'
        {source}
        [normalise]
        kind = 'none'
        [forward]
        kind = 'gaussian'
        sigma = 0.5"
    );
    std::fs::write(folder.join("job.toml"), config).unwrap();
    let out = Command::new(assert_cmd::cargo::cargo_bin!("selfsi"))
        .current_dir(folder)
        .args(["prepare", "job.toml", "--threads", "1"])
        .output()
        .unwrap();
    let said = [out.stdout, out.stderr].concat();
    (out.status.success(), String::from_utf8(said).unwrap())
}

/// A file of SDSS-V in `spectra`, called `name`, with these keys in its primary header.
fn sdss_v(folder: &Path, name: &str, keys: &[(&str, &str)]) {
    let spec = Spec {
        version: "v6_1_3",
        mjd: 60130,
        ..Spec::new(CATALOG_ID)
    };
    std::fs::create_dir_all(folder.join("spectra")).unwrap();
    let path = folder.join("spectra").join(name);
    spec.write(&path);
    let mut file = FitsFile::edit(&path).unwrap();
    let primary = file.primary_hdu().unwrap();
    for (key, value) in keys {
        primary.write_key(&mut file, key, *value).unwrap();
    }
}

fn names(folder: &Path) -> Vec<(i64, i64, i64)> {
    let set = Prepared::open(folder.join("set.h5")).unwrap();
    let ids = set.objects().iter().map(|o| (o.plate, o.mjd, o.fiberid));
    ids.collect()
}

#[test]
fn co_adds_of_all_epochs_are_found_and_named_by_a_catalog() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let field = [("FIELD", "allepoch")];
    sdss_v(folder, "spec-allepoch-60130-27021598054114233.fits", &field);
    // Files of the test are those of field 3655 by their HDU 2: it is the name that says otherwise.
    let path = folder.join("spectra/spec-allepoch-60130-27021598054114233.fits");
    let mut file = FitsFile::edit(&path).unwrap();
    let spall = file.hdu("SPALL").unwrap();
    spall.write_col(&mut file, "FIELD", &[0i64]).unwrap();
    drop(file);
    let (done, said) = prepare(folder, "");
    assert!(done, "{said}");
    assert_eq!(names(folder), [(0, 60130, CATALOG_ID)]);

    let columns = [
        ("FIELD", Text(&["allepoch"])),
        ("MJD", Whole(&[60130])),
        ("CATALOGID", Whole(&[CATALOG_ID])),
        ("Z", Real(&[2.5])),
    ];
    tables(&folder.join("c.fits"), &[("SPALL", &columns)]);
    let (done, said) = prepare(folder, "catalog = 'c.fits'");
    assert!(done && said.contains("1 of 1 spectra"), "{said}");
}

#[test]
fn a_version_that_tells_no_age_does_not_hide_the_catalog_id() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let name = "spec-003655-60130-27021598054114233.fits";
    let columns = [
        ("FIELD", Whole(&[3655][..])),
        ("MJD", Whole(&[60130])),
        ("CATALOGID", Whole(&[CATALOG_ID])),
        ("Z", Real(&[2.5])),
        ("ZWARNING", Whole(&[0])),
    ];
    tables(&folder.join("c.fits"), &[("SPALL", &columns)]);
    // By the primary header, beside a fibre's number and an older plate; and by HDU 2 alone.
    let id = CATALOG_ID.to_string();
    let header = [
        ("VERS2D", "master"),
        ("FIELD", "3655"),
        ("CATALOGID", &id),
        ("PLATEID", "15"),
    ];
    for keys in [&header[..], &header[..1]] {
        sdss_v(folder, name, keys);
        for source in ["", "catalog = 'c.fits'"] {
            let (done, said) = prepare(folder, source);
            assert!(
                done && said.contains("1 of 1 spectra"),
                "{source} {keys:?}: {said}"
            );
            assert_eq!(names(folder), [(3655, 60130, CATALOG_ID)]);
        }
        let facts = inspect(&folder.join("spectra").join(name)).unwrap();
        assert!(
            facts.to_string().contains("3655-60130-27021598054114233"),
            "{facts}"
        );
    }
}

#[test]
fn a_spectrum_of_dr7_is_refused_with_the_name_of_its_later_form() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir(folder.join("spectra")).unwrap();
    let path = folder.join("spectra/spSpec-51630-0266-053.fit");
    let description = ImageDescription {
        data_type: ImageType::Float,
        dimensions: &[5, 100],
    };
    let mut file = FitsFile::create(&path)
        .with_custom_primary(&description)
        .open()
        .unwrap();
    let primary = file.primary_hdu().unwrap();
    primary.write_image(&mut file, &[1.0f32; 500]).unwrap();
    for (key, value) in [("PLATEID", 266), ("MJD", 51630), ("FIBERID", 53)] {
        primary.write_key(&mut file, key, value as i64).unwrap();
    }
    primary.write_key(&mut file, "COEFF0", 3.58).unwrap();
    primary.write_key(&mut file, "COEFF1", 1e-4).unwrap();
    drop(file);
    let named = "spec-0266-51630-0053.fits";
    let facts = inspect(&path).unwrap();
    assert_eq!(facts.kind, "SDSS spectrum of DR7");
    assert!(
        facts.problems.len() == 1 && facts.problems[0].contains(named),
        "{facts}"
    );
    let (done, said) = prepare(folder, "");
    let errors: Vec<&str> = said.lines().filter(|l| l.contains("error")).collect();
    assert!(
        !done && errors.len() == 1 && errors[0].contains(named),
        "{said}"
    );
    let by_itself = prepare(folder, "").1;
    assert!(by_itself.contains("DR7"), "{by_itself}");
}

#[test]
fn a_catalog_id_anywhere_identifies_a_spectrum_of_sdss_v_whatever_its_version() {
    for version in ["master", "v6_2_0", "v5_13_2", "26", ""] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let name = format!("spec-003655-60130-{CATALOG_ID}.fits");
        // Its header has a fibre of another number, its HDU 2 the catalog id.
        sdss_v(folder, &name, &[("VERS2D", version)]);
        let columns = [
            ("FIELD", Whole(&[3655])),
            ("MJD", Whole(&[60130])),
            ("CATALOGID", Whole(&[CATALOG_ID])),
            ("Z", Real(&[2.5])),
            ("ZWARNING", Whole(&[0])),
        ];
        tables(&folder.join("cat.fits"), &[("CAT", &columns)]);
        let (done, said) = prepare(folder, "catalog = 'cat.fits'");
        assert!(done && said.contains("1 of 1 spectra"), "{version}: {said}");
        // The same where the header has the catalog id, and HDU 2 the fibre.
        let path = folder.join("spectra").join(&name);
        update_key(&path, 0, "CATALOGID", &CATALOG_ID.to_string());
        update_key(&path, 0, "FIELD", "003655");
        update_key(&path, 2, "TTYPE3", "PLATE");
        update_key(&path, 2, "TTYPE4", "FIBERID");
        let mut file = FitsFile::edit(&path).unwrap();
        let spall = file.hdu(2usize).unwrap();
        spall.write_col(&mut file, "FIBERID", &[17i64]).unwrap();
        drop(file);
        let (done, said) = prepare(folder, "catalog = 'cat.fits'");
        assert!(done && said.contains("1 of 1 spectra"), "{version}: {said}");
        let (done, said) = prepare(folder, "");
        assert!(done, "{version}: {said}");
        assert_eq!(names(folder), [(3655, 60130, CATALOG_ID)], "{version}");
    }
}

#[test]
fn wavelengths_that_a_header_says_are_those_in_air_are_moved_to_vacuum() {
    let grid = |hdu: usize, key: &str, value: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spec-3655-55240-0002.fits");
        Spec::new(2).write(&path);
        let mut file = FitsFile::edit(&path).unwrap();
        file.hdu(hdu)
            .unwrap()
            .write_key(&mut file, key, value)
            .unwrap();
        drop(file);
        let facts = inspect(&path).unwrap().facts;
        let wavelength = facts.into_iter().find(|(name, _)| *name == "wavelength");
        wavelength.unwrap().1.to_string()
    };
    let vacuum = grid(0, "AIRORVAC", "vac");
    assert!(vacuum.contains("1e-4 dex"), "{vacuum}");
    for (hdu, value) in [(0, "air"), (1, "AIR")] {
        let moved = grid(hdu, "AIRORVAC", value);
        assert!(
            moved.contains("its own pixels") && moved != vacuum,
            "{moved}"
        );
    }
}
