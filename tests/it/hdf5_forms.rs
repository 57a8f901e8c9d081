//! HDF5 catalogs as surveys and their users have them: wavelengths of each spectrum, rows that are filled
//! up, datasets that were never written to the end, wavelengths in air; and inspect, which says the same.

use crate::fixtures::survey_files::hdf5_catalog;
use hdf5::types::VarLenUnicode;
use ndarray::Array2;
use selfsi::config::Config;
use selfsi::data::{Block, flag};
use selfsi::inspect::inspect;
use selfsi::prepare::{Prepared, SpectraDetails, prepare};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const PIXELS: usize = 4000;

fn prepared(folder: &TempDir, more: &str) -> selfsi::Result<(SpectraDetails, Prepared, Block)> {
    let place = folder.path().display();
    let config = format!(
        "[grid]
        min = 4000.0
        max = 6500.0
        pixels = 512
        [survey]
        prepared = '{place}/set.h5'
        [survey.source]
        kind = 'hdf5'
        file = '{place}/x.h5'
        wavelength = 'vacuum'
        flux_unit = 'Jy'
        {more}
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

/// Wavelengths in Å of rows that begin at pixels of their own.
fn wave(row: usize, pixel: usize) -> f64 {
    10f64.powf(3.56 + 1e-4 * pixel as f64 + 2.3e-3 * row as f64)
}

fn profile(wave: f64) -> f32 {
    (10.0 + 50.0 * (-0.5 * ((wave - 5000.0) / 8.0).powi(2)).exp()) as f32
}

fn put<T: hdf5::H5Type>(file: &hdf5::File, name: &str, values: &Array2<T>) {
    let made = file.new_dataset_builder().with_data(values);
    made.create(name).unwrap();
}

/// Flux and ivar of `n` spectra with a line at 5000 Å, on these wavelengths in units of `angstroms` Å.
fn each(path: &Path, n: usize, name: &str, angstroms: f64, wave: impl Fn(usize, usize) -> f64) {
    let file = hdf5::File::create(path).unwrap();
    let waves = Array2::from_shape_fn((n, PIXELS), |(i, j)| wave(i, j));
    put(&file, "flux", &waves.mapv(profile));
    put(&file, "ivar", &Array2::from_elem((n, PIXELS), 4f32));
    let stored = waves.mapv(|w| match name {
        "loglam" => (w / angstroms).log10(),
        _ => w / angstroms,
    });
    put(&file, name, &stored);
}

fn at(folder: &TempDir) -> PathBuf {
    folder.path().join("x.h5")
}

/// Where the line of `row` is, in Å.
fn line(set: &Prepared, block: &Block, row: usize) -> f64 {
    let (mut sum, mut weight) = (0.0, 0.0);
    for (w, f) in set.grid().wavelength().iter().zip(block.flux.row(row)) {
        let above = f64::from(*f) - 10.0;
        (sum, weight) = (sum + above * w, weight + above);
    }
    sum / weight
}

#[test]
fn a_grid_for_each_spectrum_is_read_in_any_unit() {
    let datasets = "[survey.source.datasets]\nwave = 'wave'\n";
    for (name, angstroms, more) in [
        ("wave", 1.0, datasets.to_owned()),
        ("loglam", 1.0, String::new()),
        ("wave", 10.0, format!("{datasets}wave_unit = 'nm'\n")),
        (
            "loglam",
            10.0,
            "[survey.source.datasets]\nwave_unit = 'nm'".to_owned(),
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        each(&at(&folder), 3, name, angstroms, wave);
        let (details, set, block) = prepared(&folder, &more).unwrap();
        assert_eq!(
            (details.other_grid, details.left_out.len()),
            (2, 0),
            "{more}"
        );
        for row in 0..3 {
            assert!((line(&set, &block, row) - 5000.0).abs() < 0.05, "{more}");
            assert!(block.ivar.row(row).iter().all(|v| *v > 0.0));
        }
    }
}

#[test]
fn the_same_grid_in_every_row_is_one_grid() {
    let folder = tempfile::tempdir().unwrap();
    each(&at(&folder), 3, "loglam", 1.0, |_, j| wave(0, j));
    let (details, set, block) = prepared(&folder, "").unwrap();
    assert_eq!((details.other_grid, details.left_out.len()), (0, 0));
    assert!((line(&set, &block, 2) - 5000.0).abs() < 0.05);
    assert!(
        inspect(&at(&folder))
            .unwrap()
            .problems
            .iter()
            .all(|p| p.contains("`z`"))
    );
}

#[test]
fn what_fills_up_a_row_is_no_part_of_its_spectrum_and_a_row_without_wavelengths_is_flagged() {
    let folder = tempfile::tempdir().unwrap();
    each(&at(&folder), 6, "wave", 1.0, wave);
    let file = hdf5::File::open_rw(at(&folder)).unwrap();
    let read = |name: &str| file.dataset(name).unwrap().read_2d::<f64>().unwrap();
    let (mut waves, mut ivar, mut flux) = (read("wave"), read("ivar"), read("flux"));
    for (row, pad) in [(0, 0.0), (1, -1.0), (2, f64::NAN), (3, waves[[3, 3499]])] {
        for j in 3500..PIXELS {
            waves[[row, j]] = pad;
            (ivar[[row, j]], flux[[row, j]]) = (0.0, pad);
        }
    }
    // Unknown in the middle, and falling back.
    waves[[4, 100]] = f64::NAN;
    waves[[5, 200]] = waves[[5, 100]];
    for (name, values) in [("wave", &waves), ("ivar", &ivar), ("flux", &flux)] {
        file.dataset(name).unwrap().write(values).unwrap();
    }
    drop(file);
    let more = "[survey.source.datasets]\nwave = 'wave'\n";
    let (_, set, block) = prepared(&folder, more).unwrap();
    for row in 0..4 {
        assert_eq!(set.objects()[row].flag, flag::GOOD, "{row}");
        assert!((line(&set, &block, row) - 5000.0).abs() < 0.05, "{row}");
        assert!(block.ivar.row(row).iter().all(|v| *v > 0.0), "{row}");
    }
    for row in [4, 5] {
        let object = &set.objects()[row];
        assert_eq!(object.flag, flag::UNREADABLE);
        assert!(
            object.reason.contains("strictly monotonic"),
            "{}",
            object.reason
        );
    }
}

#[test]
fn a_dataset_that_was_not_written_to_its_end_is_refused_unless_the_rest_is_nan_or_marks() {
    let write = |folder: &TempDir, name: &str, fill: Option<f32>| {
        let loglam: Vec<f64> = (0..PIXELS).map(|j| wave(0, j).log10()).collect();
        hdf5_catalog(&at(folder), 4, &loglam, &[]);
        let file = hdf5::File::open_rw(at(folder)).unwrap();
        let _ = file.unlink(name);
        let made = file
            .new_dataset::<f32>()
            .chunk((1, PIXELS))
            .shape((4, PIXELS));
        let made = match fill {
            Some(fill) => made.fill_value(fill),
            None => made,
        };
        let data = made.create(name).unwrap();
        let rows = Array2::from_elem((2, PIXELS), if name == "mask" { 0f32 } else { 3.0 });
        data.write_slice(&rows, ndarray::s![..2, ..]).unwrap();
    };
    let folder = tempfile::tempdir().unwrap();
    for name in ["flux", "ivar", "lsf"] {
        write(&folder, name, None);
        let e = prepared(&folder, "").unwrap_err().to_string();
        let words = format!("[dataset {name}]: shape [4, {PIXELS}], but only 2 of its 4 chunks");
        assert!(e.contains(&words), "{e}");
        let problems = inspect(&at(&folder)).unwrap().problems.join("\n");
        assert!(problems.contains(&words), "{problems}");
    }
    write(&folder, "flux", Some(f32::NAN));
    let (_, set, _) = prepared(&folder, "").unwrap();
    let flags: Vec<i32> = set.objects().iter().map(|o| o.flag).collect();
    assert_eq!(flags, [0, 0, flag::COVERAGE, flag::COVERAGE]);
    write(&folder, "mask", None);
    let (details, set, _) = prepared(&folder, "").unwrap();
    assert!(set.objects().iter().all(|o| o.flag == flag::GOOD));
    assert!(details.masked_by.is_some_and(|m| m.contains("mask")));
}

#[test]
fn air_or_vacuum_counts_wherever_the_file_says_it() {
    let folder = tempfile::tempdir().unwrap();
    for (place, name, value, agrees) in [
        ("/", "AIRORVAC", "air", false),
        ("/", "AIRORVAC", "vac", true),
        ("loglam", "medium", "Air", false),
        ("loglam", "airorvac", "vacuum", true),
    ] {
        each(&at(&folder), 2, "loglam", 1.0, |_, j| wave(0, j));
        let file = hdf5::File::open_rw(at(&folder)).unwrap();
        let value: VarLenUnicode = value.parse().unwrap();
        let attribute = match place {
            "/" => file.new_attr::<VarLenUnicode>().create(name),
            data => {
                let data = file.dataset(data).unwrap();
                data.new_attr::<VarLenUnicode>().create(name)
            }
        };
        attribute.unwrap().write_scalar(&value).unwrap();
        drop(file);
        match prepared(&folder, "") {
            Ok(_) => assert!(agrees, "{place} {name}"),
            Err(e) => {
                let e = e.to_string();
                assert!(!agrees && e.contains(name) && e.contains("vacuum"), "{e}");
            }
        }
    }
}

#[test]
fn inspect_names_masks_and_what_is_not_read_and_wavelengths_that_cannot_be_in_angstroms() {
    let folder = tempfile::tempdir().unwrap();
    each(&at(&folder), 2, "wave", 10.0, |_, j| wave(0, j));
    let file = hdf5::File::open_rw(at(&folder)).unwrap();
    put(&file, "mask", &Array2::from_elem((2, PIXELS), 0u8));
    put(&file, "sky", &Array2::from_elem((2, PIXELS), 0f32));
    drop(file);
    let found = inspect(&at(&folder)).unwrap();
    let problems = found.problems.join("\n");
    assert!(problems.contains("if they are in nm, say so"), "{problems}");
    let text = found.to_string();
    for words in [
        "pixels of dataset mask ≠ 0 are masked",
        "not read         dataset sky",
    ] {
        assert!(text.contains(words), "{text}");
    }
}
