//! One mock spectrum as a genuine spec-PLATE-MJD-FIBER.fits in SDSS's lite form: PRIMARY with the
//! reduction's keys, COADD, SPECOBJ; and the DR16Q-style table that names them all.

use super::fine::NATIVE;
use super::instrument::Observed;
use super::truth::FLUX_UNIT;
use crate::data::Object;
use crate::files::fits::sheet::create_fits;
use fitsio::FitsFile;
use fitsio::errors::Result;
use fitsio::tables::{ColumnDataType as T, ColumnDescription, ConcreteColumnDescription};
use std::path::Path;

/// The reduction whose form the files have: the last of eBOSS.
const RUN2D: &str = "v5_13_2";
/// Redshift errors as the pipeline would state them.
const Z_ERROR: f64 = 3e-4;

/// `PLATE/spec-PLATE-MJD-FIBER.fits`, below the folder of spectra.
#[must_use]
pub fn spec_path(o: &Object) -> String {
    let (plate, mjd, fiber) = (o.plate, o.mjd, o.fiberid);
    format!("{plate:04}/spec-{plate:04}-{mjd:05}-{fiber:04}.fits")
}

fn column(name: &str, kind: T) -> Result<ConcreteColumnDescription> {
    ColumnDescription::new(name).with_type(kind).create()
}

fn text(name: &str, width: usize) -> Result<ConcreteColumnDescription> {
    ColumnDescription::new(name)
        .with_type(T::String)
        .that_repeats(width)
        .create()
}

/// Writes `observed` to `path`, with or without the ivar column (a damaged file has none).
pub fn write_spec(path: &Path, o: &Object, observed: &Observed, ivar: bool) -> Result<()> {
    let mut f = create_fits(path)?;
    let primary = f.primary_hdu()?;
    primary.write_key(&mut f, "TELESCOP", "SDSS 2.5-M")?;
    primary.write_key(&mut f, "FLAVOR", "science")?;
    primary.write_key(&mut f, "VERS2D", RUN2D)?;
    primary.write_key(&mut f, "VERSCOMB", RUN2D)?;
    primary.write_key(&mut f, "RUN2D", RUN2D)?;
    primary.write_key(&mut f, "PLATEID", o.plate)?;
    primary.write_key(&mut f, "MJD", o.mjd)?;
    primary.write_key(&mut f, "FIBERID", o.fiberid)?;
    primary.write_key(&mut f, "PLUG_RA", o.ra)?;
    primary.write_key(&mut f, "PLUG_DEC", o.dec)?;
    primary.write_key(&mut f, "RADECSYS", "ICRS")?;
    primary.write_key(&mut f, "NWORDER", 2i64)?;
    primary.write_key(&mut f, "COEFF0", observed.first as f64 * NATIVE)?;
    primary.write_key(&mut f, "COEFF1", NATIVE)?;
    primary.write_key(&mut f, "BUNIT", FLUX_UNIT)?;
    logical(&mut f, "VACUUM")?;
    primary.write_key(
        &mut f,
        "ORIGIN",
        concat!("selfsi mock ", env!("CARGO_PKG_VERSION")),
    )?;
    coadd(&mut f, observed, ivar)?;
    specobj(&mut f, o)
}

fn coadd(f: &mut FitsFile, o: &Observed, ivar: bool) -> Result<()> {
    let mut columns = vec![column("flux", T::Float)?, column("loglam", T::Float)?];
    if ivar {
        columns.push(column("ivar", T::Float)?);
    }
    for (name, kind) in [
        ("and_mask", T::Int),
        ("or_mask", T::Int),
        ("wdisp", T::Float),
        ("sky", T::Float),
        ("model", T::Float),
    ] {
        columns.push(column(name, kind)?);
    }
    let h = f.create_table("COADD", &columns)?;
    let loglam: Vec<f32> = (0..o.flux.len())
        .map(|j| ((o.first + j as i64) as f64 * NATIVE) as f32)
        .collect();
    h.write_col(f, "flux", &o.flux)?;
    h.write_col(f, "loglam", &loglam)?;
    if ivar {
        h.write_col(f, "ivar", &o.ivar)?;
    }
    h.write_col(f, "and_mask", &o.and_mask)?;
    h.write_col(f, "or_mask", &o.or_mask)?;
    h.write_col(f, "wdisp", &o.wdisp)?;
    h.write_col(f, "sky", &o.sky)?;
    h.write_col(f, "model", &o.model)?;
    Ok(())
}

fn specobj(f: &mut FitsFile, o: &Object) -> Result<()> {
    let columns = [
        text("SURVEY", 6)?,
        column("PLATE", T::Int)?,
        column("MJD", T::Int)?,
        column("FIBERID", T::Int)?,
        text("RUN2D", 7)?,
        column("PLUG_RA", T::Double)?,
        column("PLUG_DEC", T::Double)?,
        text("CLASS", 6)?,
        text("SUBCLASS", 21)?,
        column("Z", T::Float)?,
        column("Z_ERR", T::Float)?,
        column("ZWARNING", T::Int)?,
        column("THING_ID", T::Int)?,
    ];
    let h = f.create_table("SPECOBJ", &columns)?;
    let one = |t: &str| vec![t.to_owned()];
    h.write_col(f, "SURVEY", &one("eboss"))?;
    h.write_col(f, "PLATE", &[o.plate as i32])?;
    h.write_col(f, "MJD", &[o.mjd as i32])?;
    h.write_col(f, "FIBERID", &[o.fiberid as i32])?;
    h.write_col(f, "RUN2D", &one(RUN2D))?;
    h.write_col(f, "PLUG_RA", &[o.ra])?;
    h.write_col(f, "PLUG_DEC", &[o.dec])?;
    h.write_col(f, "CLASS", &one("QSO"))?;
    h.write_col(f, "SUBCLASS", &one("BROADLINE"))?;
    h.write_col(f, "Z", &[o.z as f32])?;
    h.write_col(f, "Z_ERR", &[Z_ERROR as f32])?;
    h.write_col(f, "ZWARNING", &[0i32])?;
    h.write_col(f, "THING_ID", &[o.thing_id as i32])?;
    Ok(())
}

/// Writes the catalog of `objects`: the columns of DR16Q that describe identity, position, redshift.
pub fn write_catalog(path: &Path, objects: &[Object]) -> Result<()> {
    let mut f = create_fits(path)?;
    let width = objects.iter().map(|o| o.name.len()).max().unwrap_or(18);
    let columns = [
        text("SDSS_NAME", width)?,
        column("RA", T::Double)?,
        column("DEC", T::Double)?,
        column("PLATE", T::Int)?,
        column("MJD", T::Int)?,
        column("FIBERID", T::Int)?,
        column("THING_ID", T::LongLong)?,
        text("SOURCE_Z", 12)?,
        column("Z", T::Double)?,
        column("Z_PIPE", T::Double)?,
        column("ZWARNING", T::Int)?,
        column("IS_QSO_FINAL", T::Int)?,
    ];
    let h = f.create_table("CATALOG", &columns)?;
    let doubles = |get: fn(&Object) -> f64| objects.iter().map(get).collect::<Vec<f64>>();
    let ints =
        |get: fn(&Object) -> i64| objects.iter().map(|o| get(o) as i32).collect::<Vec<i32>>();
    let names: Vec<String> = objects.iter().map(|o| o.name.clone()).collect();
    let things: Vec<i64> = objects.iter().map(|o| o.thing_id).collect();
    h.write_col(&mut f, "SDSS_NAME", &names)?;
    h.write_col(&mut f, "RA", &doubles(|o| o.ra))?;
    h.write_col(&mut f, "DEC", &doubles(|o| o.dec))?;
    h.write_col(&mut f, "PLATE", &ints(|o| o.plate))?;
    h.write_col(&mut f, "MJD", &ints(|o| o.mjd))?;
    h.write_col(&mut f, "FIBERID", &ints(|o| o.fiberid))?;
    h.write_col(&mut f, "THING_ID", &things)?;
    h.write_col(&mut f, "SOURCE_Z", &vec!["PIPE".to_owned(); objects.len()])?;
    h.write_col(&mut f, "Z", &doubles(|o| o.z))?;
    h.write_col(&mut f, "Z_PIPE", &doubles(|o| o.z))?;
    h.write_col(&mut f, "ZWARNING", &vec![0i32; objects.len()])?;
    h.write_col(&mut f, "IS_QSO_FINAL", &vec![1i32; objects.len()])?;
    Ok(())
}

/// fitsio has no logical keys: VACUUM = T through cfitsio itself.
fn logical(f: &mut FitsFile, key: &str) -> Result<()> {
    let name = std::ffi::CString::new(key)?;
    let mut status = 0;
    // SAFETY: the pointer belongs to an open file, the name ends in NUL, no comment is given.
    unsafe {
        fitsio_sys::ffpkyl(f.as_raw(), name.as_ptr(), 1, std::ptr::null(), &mut status);
    }
    fitsio::errors::check_status(status)
}
