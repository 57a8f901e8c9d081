//! SDSS and BOSS plate files: spPlate-PLATE-MJD.fits[.gz], all spectra of a plate in one file.
//!
//! Data model: <https://data.sdss.org/datamodel/files/BOSS_SPECTRO_REDUX/RUN2D/PLATE4/spPlate.html>:
//! images [fibres, pixels] of flux (HDU 0), ivar (1), and_mask (2), or_mask (3) and wdisp (4); the plug
//! map (5) tells the fibres. λ = 10^(COEFF0 + COEFF1·i) Å, vacuum. The redshifts are in the
//! spZbest-PLATE-MJD.fits beside it.

use super::flux_unit::{check_flux, check_ivar};
use super::pixel_mask::PixelMask;
use super::sdss;
use super::sdss::SpecFile;
use super::tables::{CatalogRow, read_fibres};
use crate::config::MaskKind;
use crate::data::Object;
use crate::data::{Extras, NativeGrid, Spectrum};
use crate::files::fits::read::{Fits, Hdu};
use crate::{Error, Result};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Plate (or field), MJD and fibre (or catalog id).
pub(crate) type Key = (i64, i64, i64);

const IVAR: usize = 1;
const WDISP: usize = 4;
/// And of the sky that was subtracted.
const SKY: usize = 6;

/// Whether a file is called spPlate-*.fits[.gz].
pub(crate) fn is_plate(name: &str) -> bool {
    let stem = name.strip_suffix(".gz").unwrap_or(name);
    stem.starts_with("spPlate-") && stem.ends_with(".fits")
}

/// Whether a file has spectra on one grid in its primary HDU, and the plate that they are of.
pub(crate) fn is_plate_file(fits: &mut Fits) -> Result<bool> {
    let flat = matches!(fits.go(0)?, Hdu::Image(axes) if axes.len() == 2);
    Ok(flat && fits.text_key("COEFF0").is_some() && fits.text_key("PLATEID").is_some())
}

/// What the plug map says of a spectrum, and the spZbest file beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fibre {
    pub key: Key,
    /// Degrees; NaN where unknown.
    pub ra: f64,
    pub dec: f64,
    /// NaN where unknown.
    pub z: f64,
    pub zwarning: Option<i64>,
}

/// The spectra of a plate file, in the order of its rows; with the redshifts of the spZbest file beside
/// it, where there is one, if `redshifts`.
///
/// # Errors
/// [`crate::Error::Input`] for a file that is truncated or none of the kind.
pub(crate) fn fibres(path: &Path, redshifts: bool) -> Result<Vec<Fibre>> {
    let mut fits = Fits::open(path)?;
    fits.check_complete()?;
    let (rows, _) = shape(&mut fits)?;
    let plate = number(&mut fits, "PLATEID")? as i64;
    let mjd = number(&mut fits, "MJD")? as i64;
    let fibres = read_fibres(fits)?;
    if fibres.len() != rows {
        return Err(Error::input(
            path,
            "plug map",
            format!("{} fibres for {rows} spectra", fibres.len()),
            "a fibre for each spectrum",
            "download the file again",
        ));
    }
    let found = match beside(path).filter(|_| redshifts) {
        Some(results) => read_fibres(Fits::open(&results)?)?,
        None => Vec::new(),
    };
    let found: HashMap<i64, &CatalogRow> = found.iter().map(|f| (f.object.fiberid, f)).collect();
    let fibre = |f: CatalogRow| {
        let result = found.get(&f.object.fiberid);
        Fibre {
            key: (plate, mjd, f.object.fiberid),
            ra: f.object.ra,
            dec: f.object.dec,
            z: result.map_or(f64::NAN, |r| r.object.z),
            zwarning: result.and_then(|r| r.zwarning),
        }
    };
    Ok(fibres.into_iter().map(fibre).collect())
}

/// Spectrum number `row` of the plate file `fits`, which fibre `fibre` took.
///
/// # Errors
/// As [`sdss::read_spec`].
pub(crate) fn read_row(
    fits: &mut Fits,
    (row, fibre): (usize, Fibre),
    mask: &PixelMask,
) -> Result<SpecFile> {
    let (_, n) = shape(fits)?;
    check_flux(fits, "BUNIT")?;
    let (first, step) = (number(fits, "COEFF0")?, number(fits, "COEFF1")?);
    let air = sdss::in_air(fits);
    let (plate, mjd, fiberid) = fibre.key;
    let version = sdss::version(fits)?;
    let flux = fits.section(row * n, n)?;
    if fits.hdus()? > IVAR {
        fits.seek(IVAR)?;
        check_ivar(fits, "BUNIT")?;
    }
    let mut image = |hdu: usize| -> Result<Option<Vec<f64>>> {
        match fits.go(hdu) {
            Ok(Hdu::Image(axes)) if axes.last() == Some(&n) && row < axes[0] => {
                fits.pixels_from(row * n, n).map(Some)
            }
            _ => Ok(None),
        }
    };
    let single = |v: Vec<f64>| v.iter().map(|x| *x as f32).collect::<Vec<f32>>();
    let ivar = image(IVAR)?;
    let lsf = image(WDISP)?.map(single).unwrap_or_default();
    let sky = image(SKY)?.map(single).unwrap_or_default();
    let bits = match mask.kind {
        MaskKind::And => image(2)?,
        MaskKind::Or => image(3)?,
        MaskKind::None => None,
    };
    let Some(ivar) = ivar else {
        return Err(fits.error(
            "HDU 1",
            "no image of the size of the flux",
            "the inverse variances of a spPlate file",
            "check the file with selfsi inspect",
        ));
    };
    let bits: Vec<i64> = bits.iter().flatten().map(|b| *b as i64).collect();
    let (has_lsf, has_mask) = (!lsf.is_empty(), !bits.is_empty());
    let mut spectrum = Spectrum {
        grid: NativeGrid::Sdss { first: 0 },
        flux,
        ivar: single(ivar),
        lsf,
        extras: Extras {
            sky,
            ..Extras::default()
        },
    };
    let masked = mask.apply(&mut spectrum, &bits);
    let loglam: Vec<f64> = (0..n).map(|i| first + step * i as f64).collect();
    sdss::place_on_grid(fits, &mut spectrum, &loglam, air)?;
    let object = Object {
        name: sdss::name(plate, mjd, fiberid),
        plate,
        mjd,
        fiberid,
        ra: fibre.ra,
        dec: fibre.dec,
        z: fibre.z,
        source: format!("{} row {row}", fits.path().display()),
        ..Object::default()
    };
    Ok(SpecFile {
        spectrum,
        masked,
        object,
        zwarning: fibre.zwarning,
        version,
        has_lsf,
        has_mask,
    })
}

/// Fibres and pixels of the flux; the primary HDU is the current one afterwards.
fn shape(fits: &mut Fits) -> Result<(usize, usize)> {
    match fits.go(0)? {
        Hdu::Image(axes) if axes.len() == 2 && axes[1] > 1 => Ok((axes[0], axes[1])),
        other => Err(fits.error(
            "HDU 0",
            &format!("{other:?}"),
            "the fluxes of a spPlate file, [fibres, pixels]",
            "give spPlate-PLATE-MJD.fits files",
        )),
    }
}

fn number(fits: &mut Fits, key: &str) -> Result<f64> {
    fits.number_key(key).ok_or_else(|| {
        let place = format!("HDU 0 key {key}");
        let fix = "give spPlate-PLATE-MJD.fits files";
        fits.error(&place, "missing", "the header of a spPlate file", fix)
    })
}

/// spZbest-*.fits beside spPlate-*.fits, or in a folder below (as the survey lays them out).
pub(crate) fn beside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?.strip_prefix("spPlate-")?;
    let plain = format!("spZbest-{}", name.strip_suffix(".gz").unwrap_or(name));
    let gzipped = format!("{plain}.gz");
    let folder = path.parent()?;
    let below = std::fs::read_dir(folder).ok()?;
    let below = below.filter_map(|e| Some(e.ok()?.path()).filter(|p| p.is_dir()));
    std::iter::once(folder.to_path_buf())
        .chain(below)
        .flat_map(|f| [f.join(&plain), f.join(&gzipped)])
        .find(|p| p.is_file())
}
