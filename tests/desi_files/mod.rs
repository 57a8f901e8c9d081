//! DESI coadd files and tables of redshifts for the tests.

#![allow(dead_code)]

use fitsio::FitsFile;
use fitsio::images::{ImageDescription, ImageType};
use fitsio::tables::{ColumnDataType, ColumnDescription};
use std::path::Path;

/// First pixel on the lattice 3600 + 0.8 i Å, and pixels: overlaps of 50 and 125 pixels.
pub const ARMS: [(&str, usize, usize); 3] = [("B", 0, 2751), ("R", 2700, 2326), ("Z", 4900, 2881)];
pub const DIAGONALS: usize = 11;
pub const UNIT: &str = "10**-17 erg/(s cm2 Angstrom)";
/// σ of the line-spread function, pixels.
pub const SIGMA: f64 = 1.5;

/// Flat spectra of 1 + row, without noise, of the given targets; ivar 4 in each arm. In the first
/// row the B arm is masked about 4800 Å, in the second NaN.
pub fn coadd(path: &Path, targets: &[i64], arms: &[&str], fiberstatus: &[i32], unit: &str) {
    let mut file = FitsFile::create(path).open().unwrap();
    let n = targets.len();
    table(
        &mut file,
        "FIBERMAP",
        targets,
        |file, hdu| {
            hdu.write_col(file, "COADD_FIBERSTATUS", fiberstatus)
                .unwrap();
        },
        "COADD_FIBERSTATUS",
        ColumnDataType::Int,
    );
    for (arm, start, pixels) in ARMS.iter().filter(|a| arms.contains(&a.0)) {
        let centres: Vec<f64> = (0..*pixels)
            .map(|i| 3600.0 + 0.8 * (start + i) as f64)
            .collect();
        let spot = (1500 - start.min(&1500), 1520 - start.min(&1520));
        let mut flux = Vec::new();
        let mut mask = vec![0i32; n * pixels];
        for row in 0..n {
            flux.extend(std::iter::repeat_n(1.0 + row as f32, *pixels));
            if *arm == "B" {
                let part = row * pixels + spot.0..row * pixels + spot.1;
                match row {
                    0 => mask[part].fill(4),
                    1 => flux[part].fill(f32::NAN),
                    _ => {}
                }
            }
        }
        let profile = |d: usize| (-0.5 * ((5.0 - d as f64) / SIGMA).powi(2)).exp() as f32;
        let resolution: Vec<f32> = (0..n * DIAGONALS * pixels)
            .map(|k| profile(k / pixels % DIAGONALS))
            .collect();
        image(
            &mut file,
            &format!("{arm}_WAVELENGTH"),
            ImageType::Double,
            &[*pixels],
            &centres,
            "Angstrom",
        );
        image(
            &mut file,
            &format!("{arm}_FLUX"),
            ImageType::Float,
            &[n, *pixels],
            &flux,
            unit,
        );
        image(
            &mut file,
            &format!("{arm}_IVAR"),
            ImageType::Float,
            &[n, *pixels],
            &vec![4.0f32; n * pixels],
            "",
        );
        image(
            &mut file,
            &format!("{arm}_MASK"),
            ImageType::Long,
            &[n, *pixels],
            &mask,
            "",
        );
        image(
            &mut file,
            &format!("{arm}_RESOLUTION"),
            ImageType::Float,
            &[n, DIAGONALS, *pixels],
            &resolution,
            "",
        );
    }
}

pub fn image<T: fitsio::images::WriteImage>(
    file: &mut FitsFile,
    name: &str,
    kind: ImageType,
    shape: &[usize],
    data: &[T],
    unit: &str,
) {
    let description = ImageDescription {
        data_type: kind,
        dimensions: shape,
    };
    let hdu = file.create_image(name, &description).unwrap();
    hdu.write_image(file, data).unwrap();
    if !unit.is_empty() {
        hdu.write_key(file, "BUNIT", unit).unwrap();
    }
}

pub fn table(
    file: &mut FitsFile,
    name: &str,
    targets: &[i64],
    fill: impl Fn(&mut FitsFile, &fitsio::hdu::FitsHdu),
    column: &str,
    kind: ColumnDataType,
) {
    let columns = [
        ColumnDescription::new("TARGETID")
            .with_type(ColumnDataType::LongLong)
            .create()
            .unwrap(),
        ColumnDescription::new(column)
            .with_type(kind)
            .create()
            .unwrap(),
    ];
    let hdu = file.create_table(name, &columns).unwrap();
    hdu.write_col(file, "TARGETID", targets).unwrap();
    fill(file, &hdu);
}

/// A table with TARGETID and Z.
pub fn redshifts(path: &Path, name: &str, targets: &[i64], z: &[f64]) {
    let mut file = FitsFile::create(path).open().unwrap();
    let fill = |file: &mut FitsFile, hdu: &fitsio::hdu::FitsHdu| {
        hdu.write_col(file, "Z", z).unwrap();
    };
    table(&mut file, name, targets, fill, "Z", ColumnDataType::Double);
}
