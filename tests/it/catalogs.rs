//! Catalogs as users have them: identifiers as text or without a sign, a table before the right one, CSV
//! and its kin; what one column costs; and VOTables, which are refused with the command that converts them.

use crate::fixtures::fits_tables::Cells::{Real, Text, Unsigned, Whole};
use crate::fixtures::fits_tables::tables;
use selfsi::config::Columns;
use selfsi::inspect::inspect;
use selfsi::survey::{CatalogRows, read_catalog};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn place(name: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}

fn read(path: &Path) -> selfsi::Result<CatalogRows> {
    read_catalog(path, &Columns::default())
}

/// Plate, MJD, fibre and redshift of each row.
fn rows(catalog: &CatalogRows) -> Vec<(i64, i64, i64, f64)> {
    let row = |o: &selfsi::data::Object| (o.plate, o.mjd, o.fiberid, o.z);
    catalog.rows.iter().map(|r| row(&r.object)).collect()
}

#[test]
fn digits_in_text_are_identifiers() {
    let (_folder, path) = place("c.fits");
    let columns = [
        ("PLATE", Text(&["3655", "266 "])),
        ("MJD", Text(&["55240", "51630"])),
        ("FIBERID", Text(&["0002", " 7"])),
        ("Z", Real(&[2.5, 3.0])),
    ];
    tables(&path, &[("CAT", &columns)]);
    let expected = [(3655, 55240, 2, 2.5), (266, 51630, 7, 3.0)];
    assert_eq!(rows(&read(&path).unwrap()), expected);
    assert_eq!(inspect(&path).unwrap().problems, Vec::<String>::new());

    let columns = [
        ("PLATE", Text(&["3655", "3655b"])),
        ("MJD", Whole(&[55240, 55240])),
        ("FIBERID", Whole(&[2, 3])),
        ("Z", Real(&[2.5, 3.0])),
    ];
    tables(&path, &[("CAT", &columns)]);
    let e = read(&path).unwrap_err().to_string();
    assert!(
        e.contains("HDU 1 (CAT) column PLATE") && e.contains("`3655b` in row 1"),
        "{e}"
    );
}

#[test]
fn the_first_table_that_has_every_column_is_read() {
    let (_folder, path) = place("c.fits");
    let (plates, mjds, fibres) = ([3655, 3656], [55240, 55241], [2, 3]);
    tables(
        &path,
        &[
            (
                "PLATES",
                &[
                    ("PLATE", Whole(&plates)),
                    ("QUALITY", Text(&["good", "bad"])),
                ],
            ),
            // Identifies the spectra, too, but gives no redshifts.
            (
                "FIBRES",
                &[
                    ("PLATE", Whole(&plates)),
                    ("MJD", Whole(&mjds)),
                    ("FIBERID", Whole(&fibres)),
                ],
            ),
            (
                "QUASARS",
                &[
                    ("PLATE", Whole(&plates[..1])),
                    ("MJD", Whole(&mjds[..1])),
                    ("FIBERID", Whole(&fibres[..1])),
                    ("Z", Real(&[2.5])),
                ],
            ),
        ],
    );
    assert_eq!(rows(&read(&path).unwrap()), [(3655, 55240, 2, 2.5)]);
    let facts = inspect(&path).unwrap();
    assert_eq!(facts.kind, "catalog table");
    assert!(facts.to_string().contains("HDU 3 (QUASARS)"), "{facts}");
}

#[test]
fn without_such_a_table_the_nearest_one_says_what_it_lacks_and_inspect_says_the_same() {
    let (_folder, path) = place("c.fits");
    let plates = [("PLATE", Whole(&[1][..])), ("QUALITY", Text(&["good"]))];
    let fibres = [
        ("PLATE", Whole(&[1][..])),
        ("MJD", Whole(&[1])),
        ("FIBERID", Whole(&[1])),
        ("Z_PCA", Real(&[2.0])),
    ];
    tables(&path, &[("PLATES", &plates), ("FIBRES", &fibres)]);
    let e = read(&path).unwrap_err().to_string();
    let words = "HDU 2 (FIBRES) column Z] missing (the table has: PLATE, MJD, FIBERID, Z_PCA)";
    assert!(e.replace("]:", "]").contains(words), "{e}");
    let facts = inspect(&path).unwrap();
    assert_eq!(facts.kind, "catalog table");
    assert!(facts.problems[0].contains(words), "{facts}");
}

#[test]
fn numbers_without_a_sign_are_read_and_what_is_optional_costs_a_note() {
    let (_folder, path) = place("c.fits");
    let columns = [
        ("PLATE", Unsigned(&[3655, 3655])),
        ("MJD", Whole(&[55240, 55240])),
        ("FIBERID", Unsigned(&[2, 3])),
        ("Z", Real(&[2.5, 3.0])),
        ("THING_ID", Unsigned(&[7, u64::MAX])),
        ("RA", Text(&["10.5", "20.5"])),
        ("DEC", Text(&["+00:10:00", "+00:20:00"])),
    ];
    tables(&path, &[("CAT", &columns)]);
    let catalog = read(&path).unwrap();
    assert_eq!(
        rows(&catalog),
        [(3655, 55240, 2, 2.5), (3655, 55240, 3, 3.0)]
    );
    let o = &catalog.rows[1].object;
    assert_eq!((o.ra, o.thing_id), (20.5, -1));
    assert!(o.dec.is_nan());
    let notes = catalog.notes.join("\n");
    assert_eq!(catalog.notes.len(), 2, "{notes}");
    assert!(
        notes.contains("column DEC is left out") && notes.contains("`+00:10:00`"),
        "{notes}"
    );
    assert!(notes.contains("column THING_ID is left out"), "{notes}");
    assert_eq!(inspect(&path).unwrap().problems, catalog.notes);

    // One that the user asked for is not optional.
    let asked = Columns {
        ra: "DEC".into(),
        ..Columns::default()
    };
    assert!(read_catalog(&path, &asked).is_err());
}

#[test]
fn spall_of_sdss_v_identifies_by_field_and_catalog_id() {
    let (_folder, path) = place("spAll-v6_1_3.fits");
    let columns = [
        ("FIELD", Text(&["015000", "allepoch", "allepoch_lco"])),
        ("MJD", Whole(&[59146, 60130, 60131])),
        (
            "CATALOGID",
            Whole(&[
                4_375_786_564,
                27_021_598_054_114_233,
                63_050_394_785_558_224,
            ]),
        ),
        ("Z", Real(&[2.5, 3.0, 3.5])),
        ("ZWARNING", Whole(&[0, 4, 0])),
        ("RACAT", Real(&[10.0, 11.0, 12.0])),
    ];
    tables(&path, &[("SPALL", &columns)]);
    let catalog = read(&path).unwrap();
    let expected = [
        (15000, 59146, 4_375_786_564, 2.5),
        (0, 60130, 27_021_598_054_114_233, 3.0),
        (0, 60131, 63_050_394_785_558_224, 3.5),
    ];
    assert_eq!(rows(&catalog), expected);
    assert_eq!(
        (catalog.rows[1].zwarning, catalog.rows[1].object.ra),
        (Some(4), 11.0)
    );
    assert_eq!(&*catalog.rows[1].object.name, "0-60130-27021598054114233");
    let facts = inspect(&path).unwrap();
    assert_eq!((facts.kind, facts.problems), ("catalog table", Vec::new()));
}

#[test]
fn tables_as_text_are_read_and_a_votable_is_refused_with_the_command_that_converts_it() {
    let (folder, path) = place("c.csv");
    let gzipped = folder.path().join("c.csv.gz");
    let csv = "PLATE,MJD,FIBERID,Z,SDSS_NAME\n3655,55240,0002,2.5,\"J00, a\"\n3655,55240,3,,\n";
    std::fs::write(&path, csv).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, csv.as_bytes()).unwrap();
    std::fs::write(&gzipped, gzip.finish().unwrap()).unwrap();
    for path in [&path, &gzipped] {
        let catalog = read(path).unwrap();
        let (first, second) = (&catalog.rows[0].object, &catalog.rows[1].object);
        assert_eq!((first.fiberid, first.z, &*first.name), (2, 2.5, "J00, a"));
        assert!(second.z.is_nan());
        assert_eq!(&*second.name, "3655-55240-0003");
        let facts = inspect(path).unwrap();
        assert_eq!(
            (facts.kind, facts.problems.len()),
            ("catalog table", 1),
            "{facts}"
        );
        assert!(
            facts.problems[0].contains("1 rows without redshift"),
            "{facts}"
        );
    }
    let vot = folder.path().join("c.vot");
    std::fs::write(
        &vot,
        "<?xml version=\"1.0\"?>\n<VOTABLE version=\"1.4\"></VOTABLE>\n",
    )
    .unwrap();
    for e in [read(&vot).unwrap_err(), inspect(&vot).unwrap_err()] {
        let e = e.to_string();
        let command = "Table.read(\"c.vot\", format=\"votable\").write(\"c.fits\")";
        assert!(e.contains("a VOTable") && e.contains(command), "{e}");
    }
    std::fs::write(&path, "PLATE,MJD,FIBERID,Z\n3655,55240,2\n").unwrap();
    assert!(read(&path).unwrap_err().to_string().contains("line: 2"));
    std::fs::write(&path, "nothing of the kind").unwrap();
    let e = inspect(&path).unwrap_err().to_string();
    assert!(
        e.contains("column PLATE") && e.contains("nothing of the kind"),
        "{e}"
    );
}

#[test]
fn identifiers_that_are_no_whole_numbers_are_refused() {
    let (_folder, path) = place("c.fits");
    for (fibre, word) in [
        (Real(&[2.0, 3.9]), "3.9, not a whole number"),
        (Unsigned(&[2, (1 << 63) + 7]), "2**63"),
    ] {
        let columns = [
            ("PLATE", Real(&[3655.0, 3655.0])),
            ("MJD", Whole(&[55240, 55240])),
            ("FIBERID", fibre),
            ("Z", Real(&[2.5, 3.0])),
        ];
        tables(&path, &[("CAT", &columns)]);
        let e = read(&path).unwrap_err().to_string();
        assert!(e.contains("column FIBERID") && e.contains(word), "{e}");
    }
}

#[test]
fn tables_as_other_text_are_refused_with_the_command_that_converts_them() {
    let cds = "Title: Quasars\nByte-by-byte Description of file: t.txt\n   1-  4 I4 --- PLATE p\n";
    let ipac = "\\fixlen = T\n|PLATE|MJD  |FIBERID|Z  |\n 3655  55240 2       3.0\n";
    for (text, word) in [
        (
            "PLATE MJD FIBERID Z\n3655 55240 2 3.0\n",
            "format=\"ascii\"",
        ),
        (
            "# PLATE   MJD  FIBERID  Z\n  3655  55240  2  3.0\n",
            "format=\"ascii\"",
        ),
        (cds, "format=\"ascii.cds\""),
        (ipac, "format=\"ascii.ipac\""),
        ("<html><body>404</body></html>\n", "a page of HTML"),
    ] {
        let (_folder, path) = place("c.txt");
        std::fs::write(&path, text).unwrap();
        for e in [read(&path).unwrap_err(), inspect(&path).unwrap_err()] {
            let e = e.to_string();
            assert!(e.contains(word), "{e}");
        }
    }
}
