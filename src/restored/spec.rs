//! One restored object as spec-PLATE-MJD-FIBER.fits, in the SDSS spec-lite form that specutils'
//! `SDSS-III/IV spec` loader, and selfsi itself, recognise.
//!
//! `flux` is the restored spectrum. `ivar` is 1/σ² with σ the standard deviation of the SDE draws,
//! pixel by pixel; it is 0 (SDSS's word for "no error known") where none was estimated: for the ODE
//! everywhere. `and_mask` and `or_mask` have the bit NODATA where the observation had no good
//! pixel: there the flux is the model's inference alone. `obs_flux` and `obs_ivar` are the
//! observation on the same grid; `draw`, for the SDE, is the first single draw, which is as sharp
//! as a true spectrum where the mean of the draws is smoother.

use super::block::RestoredBlock;
use super::catalog::RestoredHeader;
use super::writer::provenance;
use crate::data::Object;
use crate::files::fits::sheet::Sheet;
use crate::files::fits::tables::Column;
use crate::files::units::inverse_square;
use crate::files::version;
use crate::survey::SPPIXMASK;
use crate::{Error, Result};
use fitsio::tables::ColumnDataType as T;
use ndarray::ArrayView1;
use std::path::{Path, PathBuf};

/// `FOLDER/PLATE/spec-PLATE-MJD-FIBER.fits`, SDSS's own layout.
///
/// # Errors
/// [`Error::Output`] for an object without plate, MJD and fibre (of an HDF5 catalog): the form
/// has no place for another identifier.
pub fn restored_spec_path(folder: &Path, o: &Object) -> Result<PathBuf> {
    let (plate, mjd, fiber) = (o.plate, o.mjd, o.fiberid);
    if plate < 0 || mjd < 0 || fiber <= 0 {
        return Err(Error::output(
            folder,
            format!(
                "object {} has neither the plate, MJD and fibre that name an SDSS spec file nor a DESI coadd file",
                o.name
            ),
            "restore without --spectra: the restored catalog holds every object",
        ));
    }
    let file = format!("spec-{plate:04}-{mjd:05}-{fiber:04}.fits");
    Ok(folder.join(format!("{plate:04}")).join(file))
}

/// Writes row `row` of `block`, the restoration of `object`, to `path`.
///
/// # Errors
/// [`Error::Output`] if the file cannot be written; then it does not exist.
pub fn write_restored_spec(
    path: &Path,
    header: &RestoredHeader,
    object: &Object,
    block: &RestoredBlock,
    row: usize,
) -> Result<()> {
    let mut sheet = Sheet::create(path)?;
    // An observer's file: where the pixels were observed.
    let moved = (1.0 + object.z_grid).log10();
    primary(&mut sheet, header, object, moved)?;
    coadd(&mut sheet, header, moved, block, row)?;
    specobj(&mut sheet, object)?;
    sheet.finish()
}

fn primary(sheet: &mut Sheet, h: &RestoredHeader, o: &Object, moved: f64) -> Result<()> {
    let hdu = sheet.primary()?;
    sheet.text(&hdu, "TELESCOP", "SDSS 2.5-M", "")?;
    // What readers know the form by; no version of the SDSS reduction is claimed.
    let form = concat!("v5 form, by selfsi ", env!("CARGO_PKG_VERSION"));
    sheet.text(&hdu, "VERS2D", form, "form of this file")?;
    sheet.text(&hdu, "NAME", &o.name, "name in the restored catalog")?;
    sheet.key(&hdu, "PLATEID", (o.plate, ""))?;
    sheet.key(&hdu, "MJD", (o.mjd, ""))?;
    sheet.key(&hdu, "FIBERID", (o.fiberid, ""))?;
    for (key, value) in [("PLUG_RA", o.ra), ("PLUG_DEC", o.dec)] {
        if value.is_finite() {
            sheet.key(&hdu, key, (value, "deg"))?;
        }
    }
    sheet.text(&hdu, "BUNIT", &h.flux_unit, "unit of flux and obs_flux")?;
    sheet.truth("VACUUM", "wavelengths are in vacuum")?;
    if let Some(frame) = &h.specsys {
        sheet.text(&hdu, "SPECSYS", frame, "frame of the wavelengths")?;
    }
    sheet.text(&hdu, "WFITTYPE", "LOG-LINEAR", "")?;
    let first = h.grid.loglam0 + moved;
    sheet.key(&hdu, "COEFF0", (first, "log10 of the first pixel"))?;
    sheet.key(&hdu, "COEFF1", (h.grid.dloglam, "log10 step"))?;
    let ivar = if h.made.uncertain() {
        "ivar: 1/variance of the SDE draws; pixels are correlated"
    } else {
        "ivar is 0: no uncertainty was estimated"
    };
    let mask = "and_mask NODATA: no good observation there, the flux is inferred";
    sheet.keys(&version::RESTORED_SPEC.keys())?;
    provenance(sheet, &h.made)?;
    sheet.history(&[
        format!("observation: {}", o.source),
        ivar.to_owned(),
        mask.to_owned(),
    ])
}

fn coadd(
    sheet: &mut Sheet,
    h: &RestoredHeader,
    moved: f64,
    b: &RestoredBlock,
    row: usize,
) -> Result<()> {
    let unit = &h.flux_unit;
    let inverse = inverse_square(unit).unwrap_or_default();
    let mut columns = vec![
        Column::new("flux", T::Float).unit(unit),
        Column::new("loglam", T::Double),
        Column::new("ivar", T::Float).unit(&inverse),
        Column::new("and_mask", T::Int),
        Column::new("or_mask", T::Int),
        Column::new("obs_flux", T::Float).unit(unit),
        Column::new("obs_ivar", T::Float).unit(&inverse),
    ];
    if b.draw.is_some() {
        columns.push(Column::new("draw", T::Float).unit(unit));
    }
    let observed_ivar = b.ivar.row(row);
    let bit = SPPIXMASK
        .iter()
        .find(|(name, _)| *name == "NODATA")
        .map_or(0, |(_, bit)| 1i32 << bit);
    let mask: Vec<i32> = observed_ivar
        .iter()
        .map(|v| if *v > 0.0 { 0 } else { bit })
        .collect();
    let ivar: Vec<f32> = match &b.sigma {
        Some(sigma) => sigma
            .row(row)
            .iter()
            .map(|s| inverse_variance(*s))
            .collect(),
        None => vec![0.0; mask.len()],
    };
    let hdu = sheet.table("COADD", &columns)?;
    sheet.column(&hdu, "flux", &plain(b.restored.row(row)))?;
    let loglam: Vec<f64> = h.grid.loglam().iter().map(|l| l + moved).collect();
    sheet.column(&hdu, "loglam", &loglam)?;
    sheet.column(&hdu, "ivar", &ivar)?;
    sheet.column(&hdu, "and_mask", &mask)?;
    sheet.column(&hdu, "or_mask", &mask)?;
    sheet.column(&hdu, "obs_flux", &plain(b.observed.row(row)))?;
    sheet.column(&hdu, "obs_ivar", &plain(observed_ivar))?;
    match &b.draw {
        Some(draw) => sheet.column(&hdu, "draw", &plain(draw.row(row))),
        None => Ok(()),
    }
}

fn specobj(sheet: &mut Sheet, o: &Object) -> Result<()> {
    let whole = [
        ("PLATE", o.plate),
        ("MJD", o.mjd),
        ("FIBERID", o.fiberid),
        ("THING_ID", o.thing_id),
    ];
    let real = [
        ("PLUG_RA", "deg", o.ra),
        ("PLUG_DEC", "deg", o.dec),
        ("Z", "", o.z),
    ];
    let mut columns: Vec<Column> = whole
        .iter()
        .map(|(name, _)| Column {
            nullable: *name == "THING_ID",
            ..Column::new(name, T::LongLong)
        })
        .collect();
    columns.extend(real.map(|(name, unit, _)| Column::new(name, T::Double).unit(unit)));
    let hdu = sheet.table("SPECOBJ", &columns)?;
    for (name, value) in whole {
        sheet.column(&hdu, name, &[value])?;
    }
    for (name, _, value) in real {
        sheet.column(&hdu, name, &[value])?;
    }
    Ok(())
}

/// 1/σ²; 0, "not known", where σ is not a positive number.
pub(crate) fn inverse_variance(sigma: f32) -> f32 {
    let ivar = (sigma * sigma).recip();
    if sigma > 0.0 && ivar.is_finite() {
        ivar
    } else {
        0.0
    }
}

fn plain(values: ArrayView1<f32>) -> Vec<f32> {
    values.to_vec()
}
