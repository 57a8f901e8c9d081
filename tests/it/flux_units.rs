//! A unit counts wherever a file says it, in whichever spelling; what disagrees is refused, never read as
//! something else.

use crate::fixtures::desi_files::{UNIT, coadd};
use crate::fixtures::small::{prepared, spectra};
use crate::fixtures::survey_files::{Spec, hdf5_catalog};
use fitsio::FitsFile;
use hdf5::types::VarLenUnicode;
use std::path::Path;

/// A spec file with a key of its HDU 1 set.
fn spec(path: &Path, key: &str, unit: &str) {
    Spec::new(1).write(path);
    let mut file = FitsFile::edit(path).unwrap();
    let hdu = file.hdu(1).unwrap();
    hdu.write_key(&mut file, key, unit).unwrap();
}

#[test]
fn of_the_flux_column_and_the_table_of_an_sdss_spectrum() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spec-3655-55240-0001.fits");
    let source = format!("kind = 'sdss'\nspectra = '{}'", path.display());
    // The columns are flux, loglam, ivar.
    for (key, unit) in [
        ("TUNIT1", "10^-17 ergs/s/cm^2/Angs"),
        ("TUNIT1", "1e-17 erg / (Angstrom s cm2)"),
        ("BUNIT", "1E-17 erg/cm^2/s/Ang"),
        ("TUNIT2", "log10(Angstrom)"),
        ("TUNIT3", "10**34 erg-2 s2 cm4 Angstrom2"),
        // Known to be wrong, and of no consequence.
        ("TUNIT3", "10^-17 ergs/s/cm^2/Angs"),
    ] {
        spec(&path, key, unit);
        assert_eq!(
            spectra(folder.path(), &source, "").unwrap().used,
            1,
            "{unit}"
        );
    }
    for (key, unit) in [
        ("TUNIT1", "1E-20 erg/s/cm^2/Angstrom"),
        ("TUNIT1", "erg/s/cm^2/Angstrom"),
        ("TUNIT1", "nanomaggies"),
        ("TUNIT1", "furlongs"),
        ("BUNIT", "1E-20 erg/cm^2/s/Ang"),
        ("TUNIT2", "log10(nm)"),
        ("TUNIT3", "10**40 erg-2 s2 cm4 Angstrom2"),
    ] {
        spec(&path, key, unit);
        let said = spectra(folder.path(), &source, "").unwrap_err().to_string();
        assert!(said.contains(unit) && said.contains(key), "{said}");
    }
}

#[test]
fn of_each_flux_of_a_desi_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("coadd-main-dark-1.fits");
    let source = format!("kind = 'desi'\ncoadds = '{}'", path.display());
    for (unit, fine) in [
        (UNIT, true),
        ("1e-17 erg / (Angstrom s cm2)", true),
        ("10**-20 erg/(s cm2 Angstrom)", false),
    ] {
        let _ = std::fs::remove_file(&path);
        coadd(&path, &[7], &["B", "R", "Z"], &[0], unit);
        match spectra(folder.path(), &source, "") {
            Ok(report) => assert!(fine && report.used == 1, "{unit}"),
            Err(e) => assert!(!fine && e.to_string().contains(unit), "{e}"),
        }
    }
}

fn attribute(path: &Path, dataset: &str, name: &str, text: &str) {
    let file = hdf5::File::open_rw(path).unwrap();
    let text: VarLenUnicode = text.parse().unwrap();
    let data = file.dataset(dataset).unwrap();
    let attribute = data.new_attr::<VarLenUnicode>().create(name).unwrap();
    attribute.write_scalar(&text).unwrap();
}

#[test]
fn of_the_flux_of_an_hdf5_catalog() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.h5");
    let loglam: Vec<f64> = (35500..38500).map(|k| f64::from(k) * 1e-4).collect();
    let config = "10**-17 erg s-1 cm-2 Angstrom-1";
    let source = format!(
        "kind = 'hdf5'\nfile = '{}'\nwavelength = 'vacuum'\nflux_unit = '{config}'",
        path.display()
    );
    for (dataset, name, unit, fine) in [
        ("flux", "units", "1e-17 erg / (Angstrom s cm2)", true),
        ("flux", "unit", "", true),
        ("flux", "units", "1E-20 erg/s/cm^2/Angstrom", false),
        ("flux", "UNIT", "Jy", false),
        ("ivar", "units", "10**40 erg-2 s2 cm4 Angstrom2", false),
        ("loglam", "units", "log10(Angstrom)", true),
        // Nothing says that they disagree: the config counts, and the report tells.
        ("flux", "units", "flam of Smith et al.", true),
    ] {
        hdf5_catalog(&path, 2, &loglam, &[]);
        attribute(&path, dataset, name, unit);
        match spectra(folder.path(), &source, "") {
            Ok(report) => {
                assert!(fine && report.used == 2, "{unit}");
                let told = report.to_string().contains("is not compared with");
                assert_eq!(told, unit.starts_with("flam"), "{report}");
            }
            Err(e) => {
                let said = e.to_string();
                assert!(
                    !fine && said.contains(unit) && said.contains(config),
                    "{said}"
                );
            }
        }
    }
}

/// The same spectra with wavelengths in `unit`, of `angstroms` Å each.
fn in_unit(path: &Path, angstroms: f64, unit: &str) {
    let loglam: Vec<f64> = (35500..38500).map(|k| f64::from(k) * 1e-4).collect();
    hdf5_catalog(path, 2, &loglam, &[]);
    let file = hdf5::File::open_rw(path).unwrap();
    let wave: Vec<f64> = loglam.iter().map(|l| 10f64.powf(*l) / angstroms).collect();
    let wave = ndarray::Array1::from(wave);
    file.new_dataset_builder()
        .with_data(&wave)
        .create("wave")
        .unwrap();
    drop(file);
    if !unit.is_empty() {
        attribute(path, "wave", "units", unit);
    }
}

#[test]
fn of_the_wavelengths_of_an_hdf5_catalog() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.h5");
    let source = |more: &str| {
        format!(
            "kind = 'hdf5'\nfile = '{}'\nwavelength = 'vacuum'\nflux_unit = 'Jy'\n[survey.source.datasets]\nwave = 'wave'\n{more}",
            path.display()
        )
    };
    in_unit(&path, 1.0, "");
    spectra(folder.path(), &source(""), "").unwrap();
    let expected = prepared(folder.path()).1;
    for (angstroms, unit, more) in [
        (10.0, "nm", ""),
        (1e4, "micron", ""),
        (1e10, "m", ""),
        (1.0, "Angstrom", ""),
        (10.0, "", "wave_unit = 'nm'"),
        (10.0, "nanometer", "wave_unit = 'nm'"),
        (1e4, "my unit", "wave_unit = 'µm'"),
    ] {
        in_unit(&path, angstroms, unit);
        spectra(folder.path(), &source(more), "").unwrap();
        let found = prepared(folder.path()).1;
        for (a, b) in found.flux.iter().zip(&expected.flux) {
            assert!((a - b).abs() < 1e-4 * b.abs(), "{unit}: {a} {b}");
        }
        assert!(
            found
                .ivar
                .iter()
                .zip(&expected.ivar)
                .all(|(a, b)| (*a > 0.0) == (*b > 0.0))
        );
    }
    for (angstroms, unit, more, words) in [
        (
            10.0,
            "",
            "",
            "wavelengths of 354.8-707.9 Å; expected some in [grid], 4000-6500 Å; if they are in nm",
        ),
        (
            10.0,
            "nm",
            "wave_unit = 'um'",
            "the file says `nm`, the config `um`",
        ),
        (10.0, "furlong", "", "unit `furlong` is not understood"),
        (
            10.0,
            "",
            "wave_unit = 'furlong'",
            "unit `furlong` of the config is not understood",
        ),
    ] {
        in_unit(&path, angstroms, unit);
        let said = spectra(folder.path(), &source(more), "")
            .unwrap_err()
            .to_string();
        assert!(said.contains(words), "{said}");
    }
}
