//! What stands beside flux or image in a file, and files that no rule takes: used where its meaning is
//! known or configured, else named in the report, never dropped in silence.

use crate::fixtures::desi_files::image;
use crate::fixtures::small::{images, prepared, spectra};
use crate::fixtures::survey_files::{Spec, hdf5_catalog};
use fitsio::FitsFile;
use fitsio::images::ImageType;
use ndarray::{Array2, Array3};
use selfsi::prepare::{ImageDetails, Report};
use std::fs;
use std::path::Path;

const SIDE: [usize; 2] = [32, 32];

fn values(of: impl Fn(usize) -> f32) -> Vec<f32> {
    (0..1024).map(of).collect()
}

/// A file with an image and these HDUs beside it.
fn with(path: &Path, beside: &[(&str, Vec<f32>)]) {
    let _ = fs::remove_file(path);
    let mut file = FitsFile::create(path).open().unwrap();
    let pixels = values(|j| 10.0 + (j as f32).sin());
    image(&mut file, "IMAGE", ImageType::Float, &SIDE, &pixels, "nJy");
    for (name, values) in beside {
        image(&mut file, name, ImageType::Float, &SIDE, values, "");
    }
}

/// Both ways to give the images of `folder`: they must not differ.
fn both_ways(folder: &Path, more: &str) -> Report<ImageDetails> {
    let path = folder.join("images");
    let of_folder = images(
        folder,
        &format!("kind = 'images'\npath = '{}'\n{more}", path.display()),
    );
    let of_folder = of_folder.unwrap();
    let files = ["a.fits", "b.fits"].map(|f| path.join(f).display().to_string());
    let of_files = images(
        folder,
        &format!("kind = 'images'\npath = {files:?}\n{more}"),
    )
    .unwrap();
    let said = |r: &Report<ImageDetails>| {
        let d = &r.details;
        (
            d.masked,
            d.without_noise_level,
            d.beside.clone(),
            d.mean.clone(),
        )
    };
    assert_eq!(said(&of_folder), said(&of_files));
    of_folder
}

#[test]
fn the_noise_and_the_mask_of_an_image_in_any_form() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("images")).unwrap();
    // A quarter of the pixels is bad.
    let bad = |j: usize| j.is_multiple_of(4);
    let known = |good: f32| values(|j| if bad(j) { 0.0 } else { good });
    let marks = |mark: f32| values(|j| if bad(j) { mark } else { 0.0 });
    let nothing = || values(|_| 1.0);
    let configured = "[survey.source.datasets]\n";
    // HDUs, config; parts masked and without noise; what the report says.
    type Form<'a> = (Vec<(&'a str, Vec<f32>)>, &'a str, f64, f64, &'a [&'a str]);
    let forms: [Form; 10] = [
        (vec![("IVAR", known(4.0))], "", 0.25, 0.0, &[]),
        (
            vec![("INVVAR", known(4.0))],
            "",
            0.25,
            0.0,
            &["HDU INVVAR is read as an inverse variance"],
        ),
        (
            vec![("VARIANCE", known(0.25))],
            "",
            0.25,
            0.0,
            &["HDU VARIANCE is read as a variance"],
        ),
        (
            vec![("ERR", known(0.5))],
            "",
            0.25,
            0.0,
            &["HDU ERR is read as a standard deviation"],
        ),
        (
            vec![("MASK", marks(2.0))],
            "",
            0.25,
            1.0 - 0.25,
            &["pixels of HDU MASK ≠ 0 are masked"],
        ),
        (
            vec![("MASK", marks(2.0)), ("VARIANCE", nothing())],
            "",
            0.25,
            0.0,
            &[
                "HDU VARIANCE is read as a variance",
                "pixels of HDU MASK ≠ 0 are masked",
            ],
        ),
        (
            vec![("WHT", known(4.0)), ("", nothing())],
            "",
            0.0,
            1.0,
            &["HDU 2 (WHT) is not read", "HDU 3 is not read"],
        ),
        (
            vec![("WHT", known(4.0))],
            "ivar = 'WHT'",
            0.25,
            0.0,
            &["HDU WHT is read as an inverse variance"],
        ),
        (
            vec![("DQ", marks(8.0))],
            "mask = 'DQ'",
            0.25,
            1.0 - 0.25,
            &["pixels of HDU DQ ≠ 0 are masked"],
        ),
        (
            vec![("MASK", marks(2.0))],
            "mask = ''",
            0.0,
            1.0,
            &["HDU 2 (MASK) is not read"],
        ),
    ];
    for (hdus, more, masked, unknown, notes) in forms {
        for name in ["images/a.fits", "images/b.fits"] {
            with(&folder.path().join(name), &hdus);
        }
        let more = if more.is_empty() {
            String::new()
        } else {
            format!("{configured}{more}")
        };
        let report = both_ways(folder.path(), &more);
        let names: Vec<&str> = hdus.iter().map(|h| h.0).collect();
        assert_eq!(
            (
                report.used,
                report.details.masked,
                report.details.without_noise_level
            ),
            (2, masked, unknown),
            "{names:?}"
        );
        let said: Vec<&str> = report.details.beside.keys().map(String::as_str).collect();
        assert_eq!(said, notes);
        assert!(report.details.beside.values().all(|n| *n == 2));
    }
}

/// DETECTED says where an object is: its pixels are what one wants.
#[test]
fn of_the_named_planes_of_a_mask_only_those_of_bad_pixels() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("images")).unwrap();
    let marks = values(|j| match j % 8 {
        0 => 2.0,          // SAT
        1..=4 => 32.0,     // DETECTED
        5 => 32.0 + 256.0, // DETECTED and NO_DATA
        _ => 0.0,
    });
    for name in ["images/a.fits", "images/b.fits"] {
        let path = folder.path().join(name);
        with(&path, &[("MASK", marks.clone())]);
        let mut file = FitsFile::edit(&path).unwrap();
        let hdu = file.hdu("MASK").unwrap();
        for (plane, bit) in [("MP_SAT", 1i64), ("MP_DETECTED", 5), ("MP_NO_DATA", 8)] {
            hdu.write_key(&mut file, plane, bit).unwrap();
        }
    }
    let report = both_ways(folder.path(), "");
    assert_eq!(report.details.masked, 0.25);
    let notes: Vec<&str> = report.details.beside.keys().map(String::as_str).collect();
    assert_eq!(notes, ["pixels of HDU MASK with SAT, NO_DATA are masked"]);
}

#[test]
fn the_unit_of_an_image_is_that_of_the_config() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("images")).unwrap();
    let path = folder.path().join("images");
    with(&path.join("a.fits"), &[]);
    let source = |unit: &str| {
        format!(
            "kind = 'images'\npath = '{}'\nunit = '{unit}'",
            path.display()
        )
    };
    for unit in ["", "nJy", "10**-9 Jy"] {
        assert_eq!(images(folder.path(), &source(unit)).unwrap().used, 1);
    }
    let report = images(folder.path(), &source("mag(AB)")).unwrap();
    let note = "BUNIT `nJy` is not compared with survey.source.unit, which counts";
    assert!(report.details.beside.contains_key(note), "{report}");
    let said = images(folder.path(), &source("nanomaggy"))
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("the unit is `nJy` in the file, `nanomaggy` in the config or the first file"),
        "{said}"
    );
}

#[test]
fn images_that_are_not_read_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("images");
    fs::create_dir(&path).unwrap();
    with(&path.join("a.fits"), &[]);
    for other in ["b.tiff", "c.fits.bz2", "d.npy", ".hidden.fits", "README.md"] {
        fs::write(path.join(other), "no image").unwrap();
    }
    let report = images(
        folder.path(),
        &format!("kind = 'images'\npath = '{}'", path.display()),
    );
    let report = report.unwrap();
    assert_eq!((report.used, report.details.passed_over.len()), (1, 3));
    assert!(
        report
            .to_string()
            .contains("3 files of the folders are no single images"),
        "{report}"
    );
}

/// A dataset `mask` of another shape, e.g. one per image, says nothing of pixels.
#[test]
fn the_mask_of_an_hdf5_image_set_masks_where_it_has_the_shape_of_the_images() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("images.h5");
    let source = format!("kind = 'images'\npath = '{}'", path.display());
    let bad = |j: usize| j.is_multiple_of(4);
    let unread = "dataset mask is not read";
    for (of_pixels, masked, note) in [
        (true, 0.25, "pixels of dataset mask ≠ 0 are masked"),
        (false, 0.0, unread),
    ] {
        let _ = fs::remove_file(&path);
        let file = hdf5::File::create(&path).unwrap();
        let pixels = Array3::from_shape_fn((2, 32, 32), |(i, y, x)| (i + y * 32 + x) as f32);
        let marks = Array3::from_shape_fn((2, 32, 32), |(_, y, x)| bad(y * 32 + x));
        let builder = file.new_dataset_builder();
        builder.with_data(&pixels).create("images").unwrap();
        let builder = file.new_dataset_builder();
        match of_pixels {
            true => builder.with_data(&marks).create("mask"),
            false => builder.with_data(&[true, false]).create("mask"),
        }
        .unwrap();
        drop(file);
        let report = images(folder.path(), &source).unwrap();
        assert_eq!((report.used, report.details.masked), (2, masked));
        let said: Vec<&String> = report.details.beside.keys().collect();
        assert_eq!(said, [note]);
    }
    let asked = format!("{source}\n[survey.source.datasets]\nmask = '/mask'");
    let said = images(folder.path(), &asked).unwrap_err().to_string();
    assert!(said.contains("dataset /mask"), "{said}");
}

#[test]
fn spectra_by_other_names_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join("spectra").join(name);
    fs::create_dir(folder.path().join("spectra")).unwrap();
    Spec::new(1).write(&at(&Spec::new(1).file_name()));
    for other in [
        "spec-3655-55240-0003.FITS",
        "spec-3655-55240-0004.fit",
        "spec-3655-55240-0005 (1).fits",
    ] {
        Spec::new(1).write(&at("other"));
        fs::rename(at("other"), at(other)).unwrap();
    }
    for none in ["spZbest-3655-55240.fits", "README", ".spec-1-2-3.fits.swp"] {
        fs::write(at(none), "").unwrap();
    }
    let source = format!("kind = 'sdss'\nspectra = '{}'", at("").display());
    let report = spectra(folder.path(), &source, "").unwrap();
    assert_eq!((report.used, report.details.passed_over.len()), (1, 3));
    let note = "note: 3 files have other names than those of the survey, and are not looked into: ";
    assert!(report.to_string().contains(note), "{report}");
}

/// Adds a dataset of marks to the catalog: pixels 1500 to 1519 of each row, of `kind`.
fn mark(path: &Path, name: &str, kind: &str, bits: i32) {
    let file = hdf5::File::open_rw(path).unwrap();
    let marks = Array2::from_shape_fn(
        (2, 3000),
        |(_, j)| if (1500..1520).contains(&j) { bits } else { 0 },
    );
    let builder = file.new_dataset_builder();
    let made = match kind {
        "bool" => builder.with_data(&marks.mapv(|m| m != 0)).create(name),
        "float" => builder.with_data(&marks.mapv(f64::from)).create(name),
        "u8" => builder.with_data(&marks.mapv(|m| m as u8)).create(name),
        "shared" => builder.with_data(&marks.row(0).to_owned()).create(name),
        _ => builder.with_data(&marks).create(name),
    };
    made.unwrap();
}

#[test]
fn the_mask_of_an_hdf5_catalog_in_any_form() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.h5");
    let loglam: Vec<f64> = (35500..38500).map(|k| f64::from(k) * 1e-4).collect();
    let sky = 1 << 23;
    for (name, kind, bits, datasets, mask, masked, left_out) in [
        ("mask", "bool", 1, "", "", true, None),
        ("mask", "u8", 4, "", "", true, None),
        ("mask", "float", 1, "", "", true, None),
        ("mask", "shared", 1, "", "", true, None),
        (
            "mask",
            "i32",
            sky,
            "",
            "kind = 'none'",
            false,
            Some("dataset mask"),
        ),
        (
            "spectrum_mask",
            "bool",
            1,
            "",
            "",
            false,
            Some("dataset spectrum_mask"),
        ),
        (
            "spectrum_mask",
            "bool",
            1,
            "mask = 'spectrum_mask'",
            "",
            true,
            None,
        ),
        // SDSS's bits: BRIGHTSKY is one of the usual ones, PARTIALREJECT is not.
        ("and_mask", "i32", sky, "", "", true, None),
        ("and_mask", "i32", 1 << 19, "", "", false, None),
        (
            "and_mask",
            "i32",
            1 << 19,
            "",
            "bits = ['PARTIALREJECT']",
            true,
            None,
        ),
        (
            "and_mask",
            "i32",
            sky,
            "",
            "kind = 'or'",
            false,
            Some("dataset and_mask"),
        ),
        ("or_mask", "i32", sky, "", "kind = 'or'", true, None),
    ] {
        hdf5_catalog(&path, 2, &loglam, &[]);
        mark(&path, name, kind, bits);
        let source = format!(
            "kind = 'hdf5'\nfile = '{}'\nwavelength = 'vacuum'\nflux_unit = 'Jy'\n[survey.source.datasets]\n{datasets}",
            path.display()
        );
        let report = spectra(folder.path(), &source, &format!("[survey.mask]\n{mask}")).unwrap();
        let (_, block) = prepared(folder.path());
        let bad = block.ivar.row(1).iter().filter(|v| **v == 0.0).count();
        let case = format!("{name} {kind} {mask}");
        // 20 pixels of 1e-4 dex are 4.7 of the common ones.
        assert_eq!(bad > 0, masked, "{case}: {bad}");
        assert!(bad < 8, "{case}: {bad}");
        assert_eq!(
            report.details.left_out.first().map(String::as_str),
            left_out,
            "{case}"
        );
        assert_eq!(
            report.details.masked_by.is_some(),
            masked || bits == 1 << 19,
            "{case}"
        );
    }
}

#[test]
fn inspect_says_what_prepare_does_with_what_stands_beside_an_image() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("images");
    fs::create_dir(&path).unwrap();
    let half = |good: f32, bad: f32| values(|j| if j < 512 { good } else { bad });
    for name in ["a.fits", "b.fits"] {
        let beside = [
            ("MASK", values(|j| f32::from(j < 128))),
            // Of a deviation below 0 nothing is known.
            ("ERR", half(0.5, -0.5)),
            ("WHT", half(1.0, 0.0)),
        ];
        with(&path.join(name), &beside);
    }
    fs::write(path.join("c.npy"), "").unwrap();
    let found = selfsi::inspect::inspect(&path).unwrap();
    let fact = |name: &str| {
        found
            .facts
            .iter()
            .find(|(n, _)| *n == name)
            .unwrap()
            .1
            .to_string()
    };
    for words in [
        "HDU ERR is read as a standard deviation",
        "HDU MASK ≠ 0",
        "(WHT) is not read",
    ] {
        assert!(fact("beside").contains(words), "{found}");
    }
    assert_eq!(
        (fact("masked"), fact("unit")),
        ("0.625".into(), "\"nJy\"".into())
    );
    assert!(
        found
            .problems
            .join("")
            .contains("1 files are no single images"),
        "{found}"
    );
}

#[test]
fn the_axes_of_a_file_of_a_folder_are_those_of_one_image() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cutouts");
    fs::create_dir(&path).unwrap();
    let cutout = |name: &str, shape: &[usize]| {
        let n = shape.iter().product();
        let pixels: Vec<f32> = (0..n).map(|j| 10.0 + (j as f32).sin()).collect();
        let path = path.join(name);
        let mut file = FitsFile::create(&path).overwrite().open().unwrap();
        image(&mut file, "CUTOUT", ImageType::Float, shape, &pixels, "");
    };
    for channels in [3, 4] {
        // The first one does not tell, and is named as one that cannot be used.
        cutout("a.fits", &[1, 32]);
        cutout("b.fits", &[channels, 32, 32]);
        cutout("c.fits", &[channels, 32, 32]);
        let found = selfsi::inspect::inspect(&path).unwrap();
        let fact = |name: &str| {
            found
                .facts
                .iter()
                .find(|(n, _)| *n == name)
                .unwrap()
                .1
                .clone()
        };
        assert_eq!(fact("channels"), channels, "{found}");
        assert_eq!(
            (fact("height"), fact("images")),
            (32.into(), 3.into()),
            "{found}"
        );
        assert_eq!(found.problems.len(), 1, "{found}");
        assert!(
            found.problems[0].contains("1 of 3 cannot be used"),
            "{found}"
        );
    }
}
