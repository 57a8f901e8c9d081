//! A row gets the spectrum that it names, or none.

use crate::fixtures::desi_files::{UNIT, coadd};
use crate::fixtures::small::{prepared, spectra};
use crate::fixtures::survey_files::{Spec, catalog};
use crate::fixtures::trained::{self, Trained};
use fitsio::FitsFile;
use fitsio::tables::{ColumnDataType, ColumnDescription};
use std::path::Path;

/// A table of TARGETID, in a column of this type, and Z.
fn targets(path: &Path, kind: ColumnDataType, ids: &[f64]) {
    let _ = std::fs::remove_file(path);
    let column = |name: &str, kind| {
        ColumnDescription::new(name)
            .with_type(kind)
            .create()
            .unwrap()
    };
    let columns = [
        column("TARGETID", kind),
        column("Z", ColumnDataType::Double),
    ];
    let mut file = FitsFile::create(path).open().unwrap();
    let hdu = file.create_table("ZCAT", &columns).unwrap();
    hdu.write_col(&mut file, "TARGETID", ids).unwrap();
    hdu.write_col(&mut file, "Z", &vec![3.0; ids.len()])
        .unwrap();
}

#[test]
fn identifiers_that_floats_do_not_tell_apart_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (cat, file) = (
        folder.path().join("cat.fits"),
        folder.path().join("coadd-1.fits"),
    );
    coadd(
        &file,
        &[39_627_945_043_561_608, 39_627_945_043_561_609, 77],
        &["B", "R", "Z"],
        &[0; 3],
        UNIT,
    );
    let source = format!(
        "kind = 'desi'\ncoadds = '{}'\ncatalog = '{}'",
        file.display(),
        cat.display()
    );
    for (kind, id, power) in [
        (ColumnDataType::Double, 39_627_945_043_561_609.0, 53),
        (ColumnDataType::Double, 9_007_199_254_740_992.0, 53),
        (ColumnDataType::Float, 16_777_217.0, 24),
    ] {
        targets(&cat, kind, &[77.0, id]);
        let said = spectra(folder.path(), &source, "").unwrap_err().to_string();
        let words = format!("does not tell integers above 2**{power} apart");
        assert!(said.contains(&words) && said.contains("TARGETID"), "{said}");
    }
    // Smaller ones are exact.
    targets(&cat, ColumnDataType::Double, &[77.0]);
    assert_eq!(spectra(folder.path(), &source, "").unwrap().used, 1);
    assert_eq!(prepared(folder.path()).0.objects()[0].name, "77");
}

#[test]
fn a_spectrum_that_two_rows_name_with_different_redshifts_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    Spec::new(1).write(&at(&Spec::new(1).file_name()));
    Spec::new(2).write(&at(&Spec::new(2).file_name()));
    catalog(
        &at("catalog.fits"),
        &[(1, 2.5), (2, 3.0), (1, 3.5), (2, 3.0)],
        &[],
    );
    let source = format!(
        "kind = 'sdss'\nspectra = ['{}', '{}']\ncatalog = '{}'",
        at(&Spec::new(1).file_name()).display(),
        at(&Spec::new(2).file_name()).display(),
        at("catalog.fits").display()
    );
    let report = spectra(folder.path(), &source, "").unwrap();
    assert_eq!(report.details.listed_twice, ["3655-55240-0001"]);
    assert!(
        report
            .to_string()
            .contains("1 spectra are listed more than once, with different redshifts")
    );
}

/// The second would overwrite the first.
#[test]
fn two_rows_of_one_spectrum_do_not_share_the_file_of_a_restored_object() {
    let run = Trained::get().run("ode");
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let spec = Spec {
        level: 20.0,
        ..Spec::new(1)
    };
    std::fs::create_dir(at("spectra")).unwrap();
    spec.write(&at("spectra").join(spec.file_name()));
    catalog(&at("catalog.fits"), &[(1, 2.9), (1, 3.1)], &[]);
    let mut command = trained::restore(&run, &[&at("spectra")], &at("restored.fits"));
    command
        .arg("--catalog")
        .arg(at("catalog.fits"))
        .arg("--spectra")
        .arg(at("out"));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("two rows name this spectrum, with redshifts 2.9 and 3.1"),
        "{said}"
    );
    assert!(!at("out").exists() && !at("restored.fits").exists());
}
