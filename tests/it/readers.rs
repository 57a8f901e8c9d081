//! Readers: what is read is what was written, and every fault is one clear line. See real.rs for
//! real data.

use crate::fixtures::survey_files::{self, Spec, catalog, hdf5_catalog};
use selfsi::config::{Config, SurveySource};
use selfsi::data::{Block, flag};
use selfsi::inspect::inspect;
use selfsi::prepare::{Prepared, Report, SpectraDetails, prepare, prepare_from, rejected_path};
use std::fs;
use std::path::Path;

const SIGMA: f32 = 0.1;

/// A config on an SDSS folder, or (with `file`) on an HDF5 catalog.
fn config(folder: &Path, source: &str, set: &[&str]) -> Config {
    let at = |name: &str| folder.join(name).display().to_string();
    let source = match source {
        "sdss" => format!(
            "kind = 'sdss'\nspectra = '{}'\ncatalog = '{}'",
            at("spectra"),
            at("catalog.fits")
        ),
        "folder" => format!("kind = 'sdss'\nspectra = '{}'", at("spectra")),
        _ => format!(
            "kind = 'hdf5'\nfile = '{}'\nwavelength = 'vacuum'\nflux_unit = 'Jy'",
            at("catalog.h5")
        ),
    };
    let text = format!(
        "[survey]\nprepared = '{}'\n[survey.source]\n{source}\n[forward]\nkind = 'gaussian'\nsigma = 0.5",
        at("set.h5")
    );
    let set: Vec<String> = set.iter().map(|s| (*s).to_owned()).collect();
    Config::parse(&text, "test", &set).unwrap()
}

fn run(config: &Config) -> selfsi::Result<Report<SpectraDetails>> {
    prepare(config, &config.survey.prepared, &mut |_, _| ())
}

/// The one-line error of a preparation that must fail and leave no output.
fn fails(config: &Config) -> String {
    let e = run(config).unwrap_err().to_string();
    assert!(!e.contains('\n'), "more than one line: {e}");
    assert!(!config.survey.prepared.exists(), "output left behind");
    assert!(!rejected_path(&config.survey.prepared).exists());
    let folder = config.survey.prepared.parent().unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(!name.to_string_lossy().ends_with(".part"), "{name:?}");
    }
    e
}

fn survey(specs: &[Spec]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("spectra")).unwrap();
    for s in specs {
        s.write(&folder.path().join("spectra").join(s.file_name()));
    }
    let rows: Vec<(i64, f64)> = specs.iter().map(|s| (s.fiber, 3.0)).collect();
    catalog(&folder.path().join("catalog.fits"), &rows, &[]);
    folder
}

fn read(config: &Config) -> (Prepared, Block) {
    let set = Prepared::open(&config.survey.prepared).unwrap();
    let block = set.read(0..set.len()).unwrap();
    (set, block)
}

#[test]
fn an_sdss_survey_becomes_a_normalised_set_in_catalog_order() {
    let folder = survey(&[
        Spec {
            level: 5.0,
            ..Spec::new(7)
        },
        Spec {
            level: 2.0,
            ..Spec::new(3)
        },
    ]);
    let c = config(folder.path(), "sdss", &[]);
    let report = run(&c).unwrap();
    assert_eq!((report.rows, report.used), (2, 2));
    let (set, block) = read(&c);
    let names: Vec<&str> = set.objects().iter().map(|o| o.name.as_str()).collect();
    assert_eq!(names, ["000000.07+000000.0", "000000.03+000000.0"]);
    assert_eq!(set.objects()[0].fiberid, 7);
    assert!((set.objects()[0].norm - 5.0).abs() < 0.02);
    assert!(block.flux.iter().all(|f| (f - 1.0).abs() < 0.2));
    // Overlaps w of a common pixel sum to 2.06 native ones: (Σw)²/Σw² is 2.1 to 2.75.
    let ratio = block.ivar[[0, 500]] / (5.0 / SIGMA).powi(2);
    assert!((2.0..2.8).contains(&ratio), "{ratio}");
    // Beyond the native width, what native pixels that are cut smear: 0.04 on average.
    let smear = block.lsf.mapv(|l| l * l - (1.2f32 / 2.06).powi(2));
    assert!(smear.iter().all(|s| (-0.01..0.07).contains(s)));
    assert!((smear.mean().unwrap() - 0.04).abs() < 0.01);
    // A native pixel shared as a and 1 - a gives a(1 - a)/Σw²: from 0 to 0.16, 0.1 on average.
    let rho = &set.noise_rho()[..1023];
    assert!(rho.iter().all(|r| (0.0..0.17).contains(r)));
    let mean = rho.iter().sum::<f32>() / 1023.0;
    assert!((mean - 0.1).abs() < 0.02, "{mean}");
    assert_eq!(set.flux_unit(), "10**-17 erg s-1 cm-2 Angstrom-1");
}

#[test]
fn every_form_of_a_spec_file_gives_the_same_spectrum() {
    let forms = [
        Spec::new(1),
        Spec {
            upper: true,
            ..Spec::new(2)
        },
        Spec {
            shuffled: true,
            ..Spec::new(3)
        },
        Spec {
            full: true,
            ..Spec::new(4)
        },
        Spec {
            gzip: true,
            ..Spec::new(5)
        },
        Spec {
            named: false,
            ..Spec::new(6)
        },
        Spec {
            gap: true,
            ..Spec::new(7)
        },
        Spec {
            version: "v6_1_3",
            ..Spec::new(8)
        },
    ];
    let folder = survey(&forms);
    let c = config(folder.path(), "folder", &[]);
    let report = run(&c).unwrap();
    assert_eq!(report.used, 8, "{report}");
    assert_eq!(report.details.other_grid, 0);
    let (set, block) = read(&c);
    for i in 0..8 {
        assert!(
            (set.objects()[i].z - 2.9).abs() < 1e-6,
            "redshift of form {i}"
        );
        if i != 6 {
            assert_eq!(block.flux.row(i), block.flux.row(0), "form {i}");
            assert_eq!(block.ivar.row(i), block.ivar.row(0), "form {i}");
        }
    }
    // The gap (20 pixels about 5000 Å) is masked there and nowhere else.
    let masked = block.ivar.row(6).iter().filter(|v| **v == 0.0).count();
    assert!((9..=11).contains(&masked), "{masked}");
}

#[test]
fn masked_nan_and_infinite_pixels_are_zero_with_no_weight_and_wdisp_may_be_absent() {
    let folder = survey(&[
        Spec {
            flagged: true,
            ..Spec::new(1)
        },
        Spec {
            not_finite: true,
            ..Spec::new(2)
        },
        Spec {
            wdisp: false,
            and_mask: false,
            ..Spec::new(3)
        },
    ]);
    let c = config(folder.path(), "sdss", &["normalise.kind=none"]);
    let report = run(&c).unwrap();
    assert_eq!(
        (
            report.used,
            report.details.without_lsf,
            report.details.without_mask
        ),
        (3, 1, 1)
    );
    let (_, block) = read(&c);
    for i in 0..2 {
        let masked = block.ivar.row(i).iter().filter(|v| **v == 0.0).count();
        assert!((9..=11).contains(&masked), "{i}: {masked}");
    }
    assert!(block.flux.iter().all(|f| f.is_finite()));
    for (f, v) in block.flux.iter().zip(&block.ivar) {
        assert!(*v > 0.0 || *f == 0.0);
    }
    assert!(block.lsf.row(2).iter().all(|l| *l == 0.0));
    // Without `none`, the same bits are chosen by name.
    let c = config(
        folder.path(),
        "sdss",
        &["normalise.kind=none", "survey.mask.bits=['NOSKY']"],
    );
    run(&c).unwrap();
    assert!(read(&c).1.ivar.row(0).iter().all(|v| *v > 0.0));
}

#[test]
fn a_broken_spectrum_is_a_flagged_row_with_its_reason_and_the_others_stay() {
    let folder = survey(&(1..=9).map(Spec::new).collect::<Vec<_>>());
    let at = |fiber: i64| {
        folder
            .path()
            .join("spectra")
            .join(Spec::new(fiber).file_name())
    };
    let whole = fs::read(at(1)).unwrap();
    fs::write(at(1), &whole[..whole.len() / 2]).unwrap(); // truncated in the data
    fs::write(at(2), &whole[..1000]).unwrap(); // truncated in the header
    fs::write(at(3), "<html>404</html>").unwrap(); // not FITS
    fs::write(at(4), "").unwrap(); // empty
    fs::remove_file(at(5)).unwrap(); // missing
    fs::copy(at(9), at(6)).unwrap(); // another object's
    Spec {
        without: "ivar",
        ..Spec::new(7)
    }
    .write(&at(7));
    Spec {
        unit: "Jy",
        ..Spec::new(8)
    }
    .write(&at(8));
    let c = config(folder.path(), "sdss", &[]);
    let report = run(&c).unwrap();
    assert_eq!(report.used, 1, "{report}");
    let (set, block) = read(&c);
    let expected = [
        "truncated",
        "FITS",
        "not a readable FITS",
        "FITS",
        "no file spec-3655-55240-0005",
        "renamed?",
        "ivar: missing",
        "flux unit `Jy`",
    ];
    let list = fs::read_to_string(rejected_path(&c.survey.prepared)).unwrap();
    for (i, words) in expected.iter().enumerate() {
        let o = &set.objects()[i];
        assert_eq!(o.flag, flag::UNREADABLE, "{i}");
        let plain = o
            .reason
            .replace("] missing", ": missing")
            .replace("]: missing", ": missing");
        assert!(plain.contains(words), "{i}: {}", o.reason);
        assert!(block.flux.row(i).iter().all(|f| *f == 0.0));
        assert!(block.ivar.row(i).iter().all(|v| *v == 0.0));
        assert!(list.contains(&o.name), "{list}");
    }
    assert_eq!(list.lines().count(), 9);
    assert_eq!(set.objects()[8].flag, flag::GOOD);
}

#[test]
fn selection_keeps_rejected_rows_and_counts_every_reason() {
    let specs = [
        Spec::new(1),
        Spec {
            level: 0.01,
            ..Spec::new(2)
        },
        Spec {
            first: 36800,
            ..Spec::new(3)
        },
        Spec {
            zwarning: 4,
            ..Spec::new(4)
        },
        Spec {
            level: 0.7,
            ..Spec::new(5)
        },
        Spec::new(6),
    ];
    let folder = survey(&specs);
    let z = [3.0, 3.0, 3.0, 3.0, 3.0, f64::NAN];
    let rows: Vec<(i64, f64)> = specs.iter().map(|s| s.fiber).zip(z).collect();
    catalog(&folder.path().join("catalog.fits"), &rows, &[]);
    let set = [
        "select.z_min=2.75",
        "select.z_max=3.25",
        "select.snr_min=15",
    ];
    let c = config(folder.path(), "sdss", &set);
    let report = run(&c).unwrap();
    let flags: Vec<i32> = read(&c).0.objects().iter().map(|o| o.flag).collect();
    let weak = flag::SNR | flag::LEVEL;
    let expected = [
        0,
        weak,
        flag::COVERAGE,
        flag::ZWARNING,
        flag::SNR,
        flag::REDSHIFT,
    ];
    assert_eq!(flags, expected, "{report}");
    assert_eq!((report.used, report.rejected["SNR"]), (1, 2));
}

#[test]
fn duplicates_strays_and_rows_without_file_are_reported() {
    let folder = survey(&[Spec::new(1), Spec::new(2)]);
    Spec {
        gzip: true,
        ..Spec::new(2)
    }
    .write(
        &folder
            .path()
            .join("spectra")
            .join("spec-3655-55240-0002.fits.gz"),
    );
    catalog(
        &folder.path().join("catalog.fits"),
        &[(1, 3.0), (1, 3.0), (8, 3.0)],
        &[],
    );
    let report = run(&config(folder.path(), "sdss", &[])).unwrap();
    assert_eq!(report.duplicate_names, ["000000.01+000000.0"]);
    assert_eq!(report.details.rows_without_file, 1);
    assert_eq!(report.details.files_without_row.len(), 1);
    assert_eq!(report.details.twin_files.len(), 1);
    let text = report.to_string();
    assert!(text.contains("names occur more than once"), "{text}");
}

#[test]
fn other_column_names_are_mapped_and_a_missing_column_is_named_with_those_there_are() {
    let folder = survey(&[Spec::new(1)]);
    let path = folder.path().join("catalog.fits");
    catalog(&path, &[(1, 3.0)], &[("Z", "Z_PCA"), ("PLATE", "plate")]);
    let e = fails(&config(folder.path(), "sdss", &[]));
    assert!(
        e.contains("catalog.fits") && e.contains("column Z") && e.contains("Z_PCA"),
        "{e}"
    );
    let c = config(folder.path(), "sdss", &["survey.source.columns.z=Z_PCA"]);
    assert_eq!(run(&c).unwrap().used, 1);
}

#[test]
fn an_unusable_catalog_or_folder_is_one_line_and_no_output() {
    let folder = survey(&[Spec::new(1)]);
    let path = folder.path().join("catalog.fits");
    let c = config(folder.path(), "sdss", &[]);
    let whole = fs::read(&path).unwrap();
    for (content, words) in [
        (&whole[..whole.len() - 2880], "catalog.fits"), // the table's data cut off
        (&whole[..3000], "catalog.fits"),
        (b"PLATE,MJD,FIBERID" as &[u8], "column Z"),
        (b"\0PLATE,MJD,FIBERID,Z", "not a table that selfsi reads"),
    ] {
        fs::write(&path, content).unwrap();
        let e = fails(&c);
        assert!(e.contains(words), "{e}");
    }
    fs::remove_file(&path).unwrap();
    assert!(fails(&c).contains("No such file"));
    catalog(&path, &[], &[]);
    assert!(fails(&c).contains("no rows"));

    let c = config(
        folder.path(),
        "sdss",
        &["survey.source.spectra=/nonexistent/spectra"],
    );
    catalog(&path, &[(1, 3.0)], &[]);
    let e = fails(&c);
    assert!(
        e.contains("/nonexistent/spectra") && e.contains("survey.source.spectra"),
        "{e}"
    );
    let empty = tempfile::tempdir().unwrap();
    let set = format!("survey.source.spectra={}", empty.path().display());
    assert!(fails(&config(folder.path(), "sdss", &[&set])).contains("no spec file"));
}

#[test]
fn an_empty_selection_is_an_error_that_counts_the_reasons() {
    let folder = survey(&[Spec::new(1), Spec::new(2)]);
    let e = fails(&config(folder.path(), "sdss", &["select.z_min=5"]));
    assert!(
        e.contains("none of 2 spectra") && e.contains("REDSHIFT 2"),
        "{e}"
    );
}

#[test]
fn an_unknown_mask_bit_is_refused_by_name() {
    let folder = survey(&[Spec::new(1)]);
    let e = fails(&config(
        folder.path(),
        "sdss",
        &["survey.mask.bits=['BRIGTSKY']"],
    ));
    assert!(
        e.contains("survey.mask.bits") && e.contains("BRIGHTSKY"),
        "{e}"
    );
}

#[test]
fn an_hdf5_catalog_on_the_common_grid_is_taken_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.h5");
    let set = ["normalise.kind=column", "grid.pixels=64"];
    let c = config(folder.path(), "hdf5", &set);
    let grid = selfsi::data::LogGrid::new(&c.grid);
    hdf5_catalog(&path, 600, &grid.loglam(), &[]);
    let report = run(&c).unwrap();
    assert_eq!((report.rows, report.used), (600, 600));
    let (set, block) = read(&c);
    assert!(set.noise_rho().iter().all(|r| *r == 0.0));
    assert_eq!(set.flux_unit(), "Jy");
    for i in [0usize, 255, 256, 599] {
        assert_eq!(set.objects()[i].name, format!("Q{i}"));
        assert!((set.objects()[i].norm - (1.0 + i as f64)).abs() < 1e-9);
        // The file's flux is level × (1 + pixel / 100), and pixel 5 is masked.
        assert!((block.flux[[i, 20]] - 1.2).abs() < 1e-5);
        assert_eq!((block.flux[[i, 5]], block.ivar[[i, 5]]), (0.0, 0.0));
        assert!((block.lsf[[i, 20]] - 0.8).abs() < 1e-6);
    }
}

#[test]
fn faults_of_an_hdf5_catalog_name_the_dataset_and_what_was_expected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.h5");
    let c = config(
        folder.path(),
        "hdf5",
        &["normalise.kind=none", "grid.pixels=64"],
    );
    let loglam = selfsi::data::LogGrid::new(&c.grid).loglam();
    for (fault, words) in [
        ("no flux", "dataset flux"),
        ("no ivar", "dataset ivar"),
        ("no loglam", "dataset loglam"),
        ("flux 1-D", "two axes"),
        ("ivar shape", "expected shape [3, 64]"),
        ("loglam shape", "expected shape [64]"),
        ("loglam in Å", "not log10"),
        ("air", "the file says `air`"),
    ] {
        hdf5_catalog(&path, 3, &loglam, &[fault]);
        let e = fails(&c);
        assert!(
            e.contains("catalog.h5") && e.contains(words),
            "{fault}: {e}"
        );
    }
    hdf5_catalog(&path, 3, &loglam, &[]);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(fails(&c).contains("HDF5"));
    fs::write(&path, "not HDF5").unwrap();
    assert!(fails(&c).contains("not a readable HDF5 file"));
    hdf5_catalog(&path, 3, &loglam, &[]);
    let set = ["survey.source.datasets.lsf=widths", "grid.pixels=64"];
    assert!(fails(&config(folder.path(), "hdf5", &set)).contains("widths"));
}

#[test]
fn air_wavelengths_are_moved_to_vacuum() {
    let folder = tempfile::tempdir().unwrap();
    let wave: Vec<f64> = (0..3200).map(|i| 3800.0 + f64::from(i)).collect();
    survey_files::line_in_air(&folder.path().join("catalog.h5"), &wave, 5006.843);
    let set = [
        "normalise.kind=none",
        "survey.source.wavelength=air",
        "survey.source.datasets.wave=wave",
    ];
    let c = config(folder.path(), "hdf5", &set);
    run(&c).unwrap();
    let (set, block) = read(&c);
    let wave = set.grid().wavelength();
    let sum: f32 = block.flux.row(0).sum();
    let mean: f64 = wave
        .iter()
        .zip(block.flux.row(0))
        .map(|(w, f)| w * f64::from(*f / sum))
        .sum();
    assert!(
        (mean - 5008.24).abs() < 0.05,
        "[O III] is at 5008.24 Å in vacuum: {mean}"
    );
}

#[test]
fn another_source_can_be_prepared_by_the_same_rules() {
    let (one, two) = (
        survey(&[Spec::new(1)]),
        survey(&[Spec::new(2), Spec::new(3)]),
    );
    let c = config(one.path(), "sdss", &[]);
    let source = SurveySource::Sdss {
        spectra: vec![two.path().join("spectra")],
        catalog: None,
        columns: selfsi::config::Columns::default(),
    };
    let out = two.path().join("other.h5");
    let report = prepare_from(&c, &source, &out, &mut |_, _| ()).unwrap();
    assert_eq!((report.used, Prepared::open(&out).unwrap().len()), (2, 2));
}

#[test]
fn inspect_tells_what_each_file_is() {
    let folder = survey(&[Spec {
        wdisp: false,
        ..Spec::new(1)
    }]);
    let c = config(folder.path(), "sdss", &["normalise.kind=none"]);
    run(&c).unwrap();
    let loglam: Vec<f64> = (0..64).map(|i| 3.6 + 0.001 * f64::from(i)).collect();
    hdf5_catalog(&folder.path().join("catalog.h5"), 3, &loglam, &[]);
    for (file, kind) in [
        ("spectra/spec-3655-55240-0001.fits", "SDSS spectrum"),
        ("catalog.fits", "catalog table"),
        ("set.h5", "prepared set"),
        ("catalog.h5", "HDF5 catalog"),
    ] {
        let i = inspect(&folder.path().join(file)).unwrap();
        assert_eq!(i.kind, kind);
        assert!(!i.facts.is_empty());
        assert_eq!(
            i.problems.iter().any(|p| p.contains("wdisp")),
            kind == "SDSS spectrum"
        );
    }
    assert_eq!(inspect(folder.path()).unwrap().kind, "folder of spectra");
    let e = inspect(&folder.path().join("nowhere"))
        .unwrap_err()
        .to_string();
    assert!(!e.contains('\n'), "{e}");
}

#[test]
fn a_spectrum_without_its_blue_camera_is_rejected_or_used_where_it_has_data() {
    let half = Spec {
        red_only: true,
        ..Spec::new(1)
    };
    let folder = survey(&[half, Spec::new(2)]);
    let c = config(folder.path(), "sdss", &[]);
    assert_eq!(run(&c).unwrap().rejected["COVERAGE"], 1);
    let c = config(folder.path(), "sdss", &["select.coverage_min=0.1"]);
    assert_eq!(run(&c).unwrap().used, 2);
    let (set, block) = read(&c);
    for (wave, v) in set.grid().wavelength().iter().zip(block.ivar.row(0)) {
        assert_eq!(*v > 0.0, *wave > 6000.0, "{wave}");
    }
    let i = inspect(&folder.path().join("spectra").join(half.file_name())).unwrap();
    assert!(i.problems.iter().any(|p| p.contains("camera")));
}

#[test]
fn sdss_v_spectra_are_named_by_field_and_catalog_id() {
    let spec = Spec {
        version: "v6_1_3",
        ..Spec::new(4_544_940_698)
    };
    let folder = survey(&[spec]);
    for source in ["folder", "sdss"] {
        let c = config(folder.path(), source, &[]);
        assert_eq!(run(&c).unwrap().used, 1, "{source}");
        let (set, _) = read(&c);
        let o = &set.objects()[0];
        assert_eq!((o.plate, o.mjd, o.fiberid), (3655, 55240, 4_544_940_698));
    }
}

#[test]
fn repeated_observations_of_one_object_are_rows_of_their_own() {
    let again = Spec {
        mjd: 55300,
        level: 3.0,
        ..Spec::new(1)
    };
    let folder = survey(&[Spec::new(1), again]);
    let c = config(folder.path(), "folder", &[]);
    let report = run(&c).unwrap();
    assert_eq!((report.used, report.details.twin_files.len()), (2, 0));
    let (set, _) = read(&c);
    let mjds: Vec<i64> = set.objects().iter().map(|o| o.mjd).collect();
    assert_eq!(mjds, [55240, 55300]);
    assert_ne!(set.objects()[0].name, set.objects()[1].name);
}

#[test]
fn a_column_of_the_wrong_shape_and_a_link_to_nowhere_are_flagged_rows() {
    let wide = Spec {
        doubled: true,
        ..Spec::new(1)
    };
    let folder = survey(&[wide, Spec::new(2), Spec::new(3)]);
    let at = folder.path().join("spectra").join(Spec::new(2).file_name());
    fs::remove_file(&at).unwrap();
    std::os::unix::fs::symlink("/nonexistent/spec.fits", &at).unwrap();
    let c = config(folder.path(), "sdss", &[]);
    assert_eq!(run(&c).unwrap().used, 1);
    let (set, _) = read(&c);
    for (o, words) in set.objects().iter().zip(["as in loglam", "No such file"]) {
        assert_eq!(o.flag, flag::UNREADABLE);
        assert!(o.reason.contains(words), "{}", o.reason);
    }
}

#[test]
fn a_table_that_claims_more_rows_than_its_file_can_hold_takes_no_memory_for_them() {
    let folder = survey(&[Spec::new(1), Spec::new(2)]);
    let at = folder.path().join("spectra").join(Spec::new(1).file_name());
    let mut bytes = fs::read(&at).unwrap();
    let coadd = bytes.windows(8).position(|w| w == b"XTENSION").unwrap();
    let rows = bytes[coadd..].windows(10).position(|w| w == b"NAXIS2  = ");
    let value = coadd + rows.unwrap() + 10;
    bytes[value..value + 20].copy_from_slice(b"            10000000");
    fs::write(&at, bytes).unwrap();
    let c = config(folder.path(), "sdss", &[]);
    assert_eq!(run(&c).unwrap().used, 1);
    let (set, _) = read(&c);
    let reason = &set.objects()[0].reason;
    assert!(reason.contains("more than the file can hold"), "{reason}");
}

#[test]
fn a_folder_that_cannot_be_walked_is_one_line_and_no_output() {
    let folder = survey(&[Spec::new(1)]);
    std::os::unix::fs::symlink(".", folder.path().join("spectra/loop")).unwrap();
    let e = fails(&config(folder.path(), "sdss", &[]));
    assert!(
        e.contains("loop") && e.contains("survey.source.spectra"),
        "{e}"
    );
}

#[test]
fn a_fits_file_of_another_kind_is_no_spectrum_and_no_catalog() {
    let folder = survey(&[Spec::new(1), Spec::new(2)]);
    let spectra = folder.path().join("spectra");
    let image = folder.path().join("image.fits");
    survey_files::image(&image);
    fs::copy(&image, spectra.join(Spec::new(1).file_name())).unwrap();
    let c = config(folder.path(), "sdss", &[]);
    assert_eq!(run(&c).unwrap().used, 1);
    let (set, _) = read(&c);
    let reason = &set.objects()[0].reason;
    assert!(reason.contains("not a table"), "{reason}");
    fs::remove_file(&c.survey.prepared).unwrap();
    fs::remove_file(rejected_path(&c.survey.prepared)).unwrap();
    fs::copy(&image, folder.path().join("catalog.fits")).unwrap();
    let e = fails(&c);
    assert!(e.contains("no table") && e.contains("column PLATE"), "{e}");
}

#[test]
fn none_of_the_catalogs_spectra_in_the_folder_points_at_the_folder() {
    let folder = survey(&[Spec::new(1)]);
    catalog(
        &folder.path().join("catalog.fits"),
        &[(8, 3.0), (9, 3.0)],
        &[],
    );
    let e = fails(&config(folder.path(), "sdss", &[]));
    assert!(
        e.contains("UNREADABLE 2")
            && e.contains("spec-3655-55240-0008")
            && e.contains("survey.source.spectra"),
        "{e}"
    );
}

#[test]
fn the_program_says_every_fault_in_one_line_and_fails() {
    let folder = survey(&[Spec::new(1)]);
    let at = |name: &str| folder.path().join(name);
    let spec = fs::read(at("spectra").join(Spec::new(1).file_name())).unwrap();
    fs::write(at("empty"), "").unwrap();
    fs::write(at("text"), "SIMPLY not FITS").unwrap();
    fs::write(at("short.fits"), &spec[..4000]).unwrap();
    fs::write(at("short.h5"), b"\x89HDF\r\n\x1a\n").unwrap();
    for name in ["empty", "text", "short.fits", "short.h5", "absent"] {
        let out = assert_cmd::cargo::cargo_bin_cmd!("selfsi")
            .arg("inspect")
            .arg(at(name))
            .output()
            .unwrap();
        let said = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(1), "{name}: {said}");
        assert_eq!(said.lines().count(), 1, "{name}: {said}");
        assert!(
            said.contains(name) && said.contains("expected"),
            "{name}: {said}"
        );
    }
}
