//! Small surveys for the tests of the readers: SDSS spec files in every form, catalogs, HDF5.

use fitsio::FitsFile;
use fitsio::hdu::FitsHdu;
use fitsio::tables::{ColumnDataType, ColumnDescription, ConcreteColumnDescription};
use hdf5::types::VarLenUnicode;
use ndarray::{Array1, Array2};
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;
use std::path::Path;

/// Last pixel + 1 of every spectrum on the SDSS lattice (log10 λ = 3.95).
const END: i64 = 39500;
/// Where [`Spec::gap`], [`Spec::flagged`] and [`Spec::not_finite`] act: 20 pixels about 5000 Å.
const SPOT: std::ops::Range<i64> = 36989..37009;

/// A flat spectrum of plate 3655, MJD 55240, with noise of σ = 0.1 per native pixel.
#[derive(Clone, Copy)]
pub struct Spec {
    pub fiber: i64,
    pub level: f32,
    /// First pixel: log10 λ = 1e-4 × first.
    pub first: i64,
    pub zwarning: i64,
    /// Column names in upper case.
    pub upper: bool,
    /// Columns in another order.
    pub shuffled: bool,
    /// With an exposure's HDU, as full files have.
    pub full: bool,
    pub gzip: bool,
    /// HDUs have names.
    pub named: bool,
    pub gap: bool,
    pub flagged: bool,
    pub not_finite: bool,
    pub wdisp: bool,
    pub and_mask: bool,
    /// Without the blue camera: ivar = 0 below 6000 Å.
    pub red_only: bool,
    /// The ivar column holds two values per row.
    pub doubled: bool,
    pub mjd: i64,
    /// A column to leave out.
    pub without: &'static str,
    pub unit: &'static str,
    pub version: &'static str,
}

impl Spec {
    pub fn new(fiber: i64) -> Self {
        Self {
            fiber,
            level: 2.0,
            first: 35600,
            zwarning: 0,
            upper: false,
            shuffled: false,
            full: false,
            gzip: false,
            named: true,
            gap: false,
            flagged: false,
            not_finite: false,
            wdisp: true,
            and_mask: true,
            red_only: false,
            doubled: false,
            mjd: 55240,
            without: "",
            unit: "1E-17 erg/cm^2/s/Ang",
            version: "v5_13_0",
        }
    }

    pub fn file_name(&self) -> String {
        let end = if self.gzip { ".gz" } else { "" };
        if self.is_sdss_v() {
            format!("spec-003655-{}-{:011}.fits{end}", self.mjd, self.fiber)
        } else {
            format!("spec-3655-{}-{:04}.fits{end}", self.mjd, self.fiber)
        }
    }

    /// SDSS-V: identified by field and catalog id (`fiber`), with a fibre of another number.
    fn is_sdss_v(&self) -> bool {
        self.version.starts_with("v6")
    }

    pub fn write(&self, path: &Path) {
        let _ = std::fs::remove_file(path);
        let mut f = FitsFile::create(path).open().unwrap();
        let h = f.primary_hdu().unwrap();
        h.write_key(&mut f, "MJD", self.mjd).unwrap();
        if self.is_sdss_v() {
            h.write_key(&mut f, "FIBERID", 17i64).unwrap();
        } else {
            h.write_key(&mut f, "PLATEID", 3655i64).unwrap();
            h.write_key(&mut f, "FIBERID", self.fiber).unwrap();
        }
        h.write_key(&mut f, "VERS2D", self.version).unwrap();
        h.write_key(&mut f, "BUNIT", self.unit).unwrap();
        let extname = |name: &str| {
            if self.named {
                name.to_owned()
            } else {
                String::new()
            }
        };
        self.coadd(&mut f, &extname("COADD"));
        let mut spall = vec![
            ("Z", ColumnDataType::Float),
            ("ZWARNING", ColumnDataType::Int),
        ];
        if self.is_sdss_v() {
            spall.push(("FIELD", ColumnDataType::Long));
            spall.push(("CATALOGID", ColumnDataType::LongLong));
        }
        let h = table(&mut f, &extname("SPALL"), &spall);
        h.write_col(&mut f, "Z", &[2.9f32]).unwrap();
        h.write_col(&mut f, "ZWARNING", &[self.zwarning as i32])
            .unwrap();
        if self.is_sdss_v() {
            h.write_col(&mut f, "FIELD", &[3655i64]).unwrap();
            h.write_col(&mut f, "CATALOGID", &[self.fiber]).unwrap();
        }
        if self.full {
            let h = table(&mut f, "B1-00115982", &[("flux", ColumnDataType::Float)]);
            h.write_col(&mut f, "flux", &[1.0f32; 100]).unwrap();
        }
    }

    fn coadd(&self, f: &mut FitsFile, extname: &str) {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let all: Vec<i64> = (self.first..END).collect();
        let noise: Vec<f32> = all.iter().map(|_| rng.sample(StandardNormal)).collect();
        let kept: Vec<usize> = (0..all.len())
            .filter(|i| !(self.gap && SPOT.contains(&all[*i])))
            .collect();
        let column =
            |value: &dyn Fn(usize) -> f32| -> Vec<f32> { kept.iter().map(|i| value(*i)).collect() };
        let spot = |i: usize| SPOT.contains(&all[i]);
        let odd = |i: usize, value: f32, odd: f32| {
            if self.not_finite && spot(i) {
                odd
            } else {
                value
            }
        };
        let half = |i: usize| all[i] < (SPOT.start + SPOT.end) / 2;
        let flux = column(&|i| {
            odd(
                i,
                self.level + 0.1 * noise[i],
                if half(i) { f32::NAN } else { 1.0 },
            )
        });
        let blue = |i: usize| self.red_only && all[i] < 37782;
        let mut ivar = column(&|i| {
            let good = if blue(i) { 0.0 } else { 100.0 };
            odd(i, good, if half(i) { 100.0 } else { f32::INFINITY })
        });
        if self.doubled {
            ivar.extend_from_within(..);
        }
        let loglam = column(&|i| 1e-4 * all[i] as f32);
        let wdisp = column(&|_| 1.2);
        let bits: Vec<i32> = kept
            .iter()
            .map(|i| if self.flagged && spot(*i) { 1 << 23 } else { 0 })
            .collect();
        let float = ColumnDataType::Float;
        let mut columns = vec![("flux", float), ("loglam", float), ("ivar", float)];
        if self.and_mask {
            columns.push(("and_mask", ColumnDataType::Int));
        }
        if self.wdisp {
            columns.push(("wdisp", float));
        }
        columns.retain(|c| c.0 != self.without);
        if self.shuffled {
            columns.reverse();
        }
        let case = |name: &str| {
            if self.upper {
                name.to_uppercase()
            } else {
                name.to_owned()
            }
        };
        let names: Vec<(String, ColumnDataType)> =
            columns.iter().map(|c| (case(c.0), c.1)).collect();
        let borrowed: Vec<(&str, ColumnDataType)> =
            names.iter().map(|c| (c.0.as_str(), c.1)).collect();
        let widths =
            |name: &str| 1 + usize::from(self.doubled && name.eq_ignore_ascii_case("ivar"));
        let described: Vec<_> = borrowed
            .iter()
            .map(|(name, kind)| {
                let mut column = ColumnDescription::new(*name);
                column.with_type(*kind).that_repeats(widths(name));
                column.create().unwrap()
            })
            .collect();
        let h = f.create_table(extname, &described).unwrap();
        for (name, _) in columns {
            let values = match name {
                "flux" => &flux,
                "loglam" => &loglam,
                "ivar" => &ivar,
                "wdisp" => &wdisp,
                _ => {
                    h.write_col(f, case(name), &bits).unwrap();
                    continue;
                }
            };
            h.write_col(f, case(name), values).unwrap();
        }
    }
}

fn describe(name: &str, kind: ColumnDataType) -> ConcreteColumnDescription {
    let mut column = ColumnDescription::new(name);
    column.with_type(kind);
    if matches!(kind, ColumnDataType::String) {
        column.that_repeats(18);
    }
    column.create().unwrap()
}

fn table(f: &mut FitsFile, extname: &str, columns: &[(&str, ColumnDataType)]) -> FitsHdu {
    let columns: Vec<_> = columns.iter().map(|(n, k)| describe(n, *k)).collect();
    f.create_table(extname, &columns).unwrap()
}

/// A DR16Q-style catalog of (fibre, redshift) rows, some columns under other names.
pub fn catalog(path: &Path, rows: &[(i64, f64)], renamed: &[(&str, &str)]) {
    let _ = std::fs::remove_file(path);
    let mut f = FitsFile::create(path).open().unwrap();
    let called = |name: &str| -> String {
        let new = renamed.iter().find(|(old, _)| *old == name);
        new.map_or(name, |(_, new)| new).to_owned()
    };
    let int = ColumnDataType::Long;
    let double = ColumnDataType::Double;
    let columns: Vec<(String, ColumnDataType)> = [
        ("SDSS_NAME", ColumnDataType::String),
        ("RA", double),
        ("DEC", double),
        ("THING_ID", int),
        ("PLATE", int),
        ("MJD", int),
        ("FIBERID", ColumnDataType::LongLong),
        ("Z", double),
    ]
    .map(|(n, k)| (called(n), k))
    .to_vec();
    let borrowed: Vec<(&str, ColumnDataType)> =
        columns.iter().map(|c| (c.0.as_str(), c.1)).collect();
    let h = table(&mut f, "CATALOG", &borrowed);
    if rows.is_empty() {
        return;
    }
    let name = |fiber: i64| format!("000000.{:02}+000000.0", fiber % 100);
    let names: Vec<String> = rows.iter().map(|r| name(r.0)).collect();
    h.write_col(&mut f, called("SDSS_NAME"), &names).unwrap();
    for c in ["RA", "DEC"] {
        h.write_col(&mut f, called(c), &vec![10.0; rows.len()])
            .unwrap();
    }
    for (c, value) in [("PLATE", 3655i64), ("MJD", 55240), ("THING_ID", 42)] {
        h.write_col(&mut f, called(c), &vec![value; rows.len()])
            .unwrap();
    }
    let fibers: Vec<i64> = rows.iter().map(|r| r.0).collect();
    h.write_col(&mut f, called("FIBERID"), &fibers).unwrap();
    let z: Vec<f64> = rows.iter().map(|r| r.1).collect();
    h.write_col(&mut f, called("Z"), &z).unwrap();
}

/// An HDF5 catalog of `n` spectra: flux = level × (1 + pixel / 100) with level = 1 + row, pixel 5
/// masked; `faults` name what is wrong with it.
pub fn hdf5_catalog(path: &Path, n: usize, loglam: &[f64], faults: &[&str]) {
    let d = loglam.len();
    let has = |fault: &str| faults.contains(&fault);
    let f = hdf5::File::create(path).unwrap();
    let medium: VarLenUnicode = if has("air") { "air" } else { "vacuum" }.parse().unwrap();
    f.new_attr::<VarLenUnicode>()
        .create("wavelength")
        .unwrap()
        .write_scalar(&medium)
        .unwrap();
    let flux = Array2::from_shape_fn((n, d), |(i, j)| (1 + i) as f32 * (1.0 + j as f32 / 100.0));
    let put2 = |name: &str, a: &Array2<f32>| {
        f.new_dataset_builder().with_data(a).create(name).unwrap();
    };
    let put1 = |name: &str, a: Vec<f64>| {
        f.new_dataset_builder()
            .with_data(&Array1::from(a))
            .create(name)
            .unwrap();
    };
    if has("flux 1-D") {
        put1("flux", vec![1.0; n]);
    } else if !has("no flux") {
        put2("flux", &flux);
    }
    if !has("no ivar") {
        let width = if has("ivar shape") { d - 1 } else { d };
        put2(
            "ivar",
            &Array2::from_shape_fn((n, width), |(_, j)| if j == 5 { 0.0 } else { 4.0 }),
        );
    }
    if !has("no loglam") {
        let mut l = loglam.to_vec();
        if has("loglam shape") {
            l.pop();
        }
        if has("loglam in Å") {
            l.iter_mut().for_each(|v| *v = 10f64.powf(*v));
        }
        put1("loglam", l);
    }
    put1("z", vec![3.0; n]);
    put1("level", (0..n).map(|i| 1.0 + i as f64).collect());
    put1("lsf", vec![0.8; d]);
    let ids: Vec<VarLenUnicode> = (0..n).map(|i| format!("Q{i}").parse().unwrap()).collect();
    f.new_dataset_builder()
        .with_data(&Array1::from(ids))
        .create("id")
        .unwrap();
}

/// One spectrum with a narrow line at `line` Å on the linear grid `wave`.
pub fn line_in_air(path: &Path, wave: &[f64], line: f64) {
    let f = hdf5::File::create(path).unwrap();
    let profile = |w: &f64| (-0.5 * ((w - line) / 3.0).powi(2)).exp() as f32;
    let flux = Array2::from_shape_fn((1, wave.len()), |(_, j)| profile(&wave[j]));
    f.new_dataset_builder()
        .with_data(&flux)
        .create("flux")
        .unwrap();
    f.new_dataset_builder()
        .with_data(&Array2::from_elem((1, wave.len()), 1.0f32))
        .create("ivar")
        .unwrap();
    f.new_dataset_builder()
        .with_data(&Array1::from(wave.to_vec()))
        .create("wave")
        .unwrap();
}

/// A FITS file that holds an image alone.
pub fn image(path: &Path) {
    let description = fitsio::images::ImageDescription {
        data_type: fitsio::images::ImageType::Float,
        dimensions: &[4, 5],
    };
    let mut f = FitsFile::create(path).open().unwrap();
    f.create_image("PICTURE", &description).unwrap();
}
