//! SDSS plate files for the tests.

#![allow(dead_code)]

use super::survey_files::Spec;
use fitsio::FitsFile;
use fitsio::images::{ImageDescription, ImageType};
use fitsio::tables::{ColumnDataType, ColumnDescription};
use std::path::Path;

/// Flux, ivar, and_mask and wdisp of a spec file.
type Columns = (Vec<f32>, Vec<f32>, Vec<i32>, Vec<f32>);

/// The spec files of `folder` stacked as spPlate-3655-55240.fits, in the order of `specs`.
pub fn plate(folder: &Path, specs: &[Spec]) {
    let read = |s: &Spec| -> Columns {
        let mut f = FitsFile::open(folder.join(s.file_name())).unwrap();
        let h = f.hdu(1).unwrap();
        let mut floats = |name: &str| -> Vec<f32> { h.read_col(&mut f, name).unwrap() };
        let (flux, ivar, wdisp) = (floats("flux"), floats("ivar"), floats("wdisp"));
        let mask: Vec<i32> = h.read_col(&mut f, "and_mask").unwrap();
        (flux, ivar, mask, wdisp)
    };
    let all: Vec<_> = specs.iter().map(read).collect();
    let n = all[0].0.len();
    let shape = [specs.len(), n];
    let of = |data_type| ImageDescription {
        data_type,
        dimensions: &shape,
    };
    let stack = |part: fn(&Columns) -> &Vec<f32>| -> Vec<f32> {
        all.iter().flat_map(|a| part(a).clone()).collect()
    };
    let mut f = FitsFile::create(folder.join("spPlate-3655-55240.fits"))
        .with_custom_primary(&of(ImageType::Float))
        .open()
        .unwrap();
    let h = f.primary_hdu().unwrap();
    h.write_image(&mut f, &stack(|a| &a.0)).unwrap();
    h.write_key(&mut f, "PLATEID", 3655i64).unwrap();
    h.write_key(&mut f, "MJD", 55240i64).unwrap();
    h.write_key(&mut f, "COEFF0", 1e-4 * specs[0].first as f64)
        .unwrap();
    h.write_key(&mut f, "COEFF1", 1e-4).unwrap();
    h.write_key(&mut f, "BUNIT", "1E-17 erg/cm^2/s/Ang")
        .unwrap();
    let mask: Vec<i32> = all.iter().flat_map(|a| a.2.clone()).collect();
    let h = f.create_image("IVAR", &of(ImageType::Float)).unwrap();
    h.write_image(&mut f, &stack(|a| &a.1)).unwrap();
    for name in ["ANDMASK", "ORMASK"] {
        let h = f.create_image(name, &of(ImageType::Long)).unwrap();
        h.write_image(&mut f, &mask).unwrap();
    }
    let h = f.create_image("WAVEDISP", &of(ImageType::Float)).unwrap();
    h.write_image(&mut f, &stack(|a| &a.3)).unwrap();
    let fibres: Vec<i32> = specs.iter().map(|s| s.fiber as i32).collect();
    let columns = [("RA", 150.0), ("DEC", 2.0)];
    fibre_table(&mut f, "PLUGMAP", &fibres, &columns);
}

/// FIBERID and columns of one value.
pub fn fibre_table(f: &mut FitsFile, name: &str, fibres: &[i32], columns: &[(&str, f64)]) {
    let id = ("FIBERID", ColumnDataType::Int);
    let others = columns.iter().map(|c| (c.0, ColumnDataType::Double));
    let described: Vec<_> = std::iter::once(id)
        .chain(others)
        .map(|(n, t)| ColumnDescription::new(n).with_type(t).create().unwrap())
        .collect();
    let h = f.create_table(name, &described).unwrap();
    h.write_col(f, "FIBERID", fibres).unwrap();
    for (name, value) in columns {
        h.write_col(f, *name, &vec![*value; fibres.len()]).unwrap();
    }
}

pub fn results(path: &Path, fibres: &[i32], z: f64, zwarning: f64) {
    let mut f = FitsFile::create(path).open().unwrap();
    fibre_table(&mut f, "ZBEST", fibres, &[("Z", z), ("ZWARNING", zwarning)]);
}
