//! ZWARN_PIPE of quasar catalogs warns of Z_PIPE: of a redshift from elsewhere it says nothing.

use crate::fixtures::small::{prepared, spectra};
use crate::fixtures::survey_files::Spec;
use fitsio::FitsFile;
use fitsio::tables::{ColumnDataType, ColumnDescription};
use selfsi::data::flag;
use std::path::Path;

const WARNED: i32 = flag::ZWARNING;

/// Rows of fibre, ZWARN_PIPE and SOURCE_Z.
fn catalog(path: &Path, rows: &[(i64, i64, &str)], source: bool) {
    let long = |name: &str| {
        ColumnDescription::new(name)
            .with_type(ColumnDataType::Long)
            .create()
            .unwrap()
    };
    let mut columns = ["PLATE", "MJD", "FIBERID", "Z", "Z_PIPE", "ZWARN_PIPE"]
        .map(long)
        .to_vec();
    if source {
        let mut text = ColumnDescription::new("SOURCE_Z");
        columns.push(
            text.with_type(ColumnDataType::String)
                .that_repeats(12)
                .create()
                .unwrap(),
        );
    }
    let mut file = FitsFile::create(path).overwrite().open().unwrap();
    let hdu = file.create_table("CATALOG", &columns).unwrap();
    for (name, value) in [("PLATE", 3655i64), ("MJD", 55240), ("Z", 3), ("Z_PIPE", 2)] {
        hdu.write_col(&mut file, name, &vec![value; rows.len()])
            .unwrap();
    }
    let fibres: Vec<i64> = rows.iter().map(|r| r.0).collect();
    hdu.write_col(&mut file, "FIBERID", &fibres).unwrap();
    let warnings: Vec<i64> = rows.iter().map(|r| r.1).collect();
    hdu.write_col(&mut file, "ZWARN_PIPE", &warnings).unwrap();
    if source {
        let sources: Vec<String> = rows.iter().map(|r| r.2.to_owned()).collect();
        hdu.write_col(&mut file, "SOURCE_Z", &sources).unwrap();
    }
}

#[test]
fn it_counts_where_the_redshift_is_the_pipelines() {
    let folder = tempfile::tempdir().unwrap();
    let rows = [
        (1, 4, "VI"),
        (2, 0, "PIPE"),
        (3, -1, "PIPE"),
        (4, 4, "PIPE"),
        (5, -1, "DR12QV"),
        (6, 1, "DR6Q_HW"),
    ];
    for (fibre, ..) in rows {
        Spec::new(fibre).write(&folder.path().join(Spec::new(fibre).file_name()));
    }
    let cat = folder.path().join("cat.fits");
    let flags = |more: &str| {
        let at = folder.path().display();
        let source = format!(
            "kind = 'sdss'\nspectra = '{at}'\ncatalog = '{}'\n{more}",
            cat.display()
        );
        spectra(folder.path(), &source, "").unwrap();
        let (set, _) = prepared(folder.path());
        set.objects().iter().map(|o| o.flag).collect::<Vec<i32>>()
    };
    catalog(&cat, &rows, true);
    assert_eq!(flags(""), [0, 0, 0, WARNED, 0, 0]);
    // Z_PIPE itself: every warning is about it.
    let pipe = "[survey.source.columns]\nz = 'Z_PIPE'";
    assert_eq!(flags(pipe), [WARNED, 0, 0, WARNED, 0, WARNED]);
    // A catalog that does not say where Z is from.
    catalog(&cat, &rows, false);
    assert_eq!(flags(""), [WARNED, 0, 0, WARNED, 0, WARNED]);
}
