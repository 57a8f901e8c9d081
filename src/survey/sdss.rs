//! SDSS, BOSS and SDSS-V spec files: spec-PLATE-MJD-FIBER.fits[.gz], full and lite, v5 and v6; of SDSS-V
//! spec-FIELD-MJD-CATALOGID and, of all epochs together, spec-allepoch-MJD-CATALOGID.
//!
//! Data model: <https://data.sdss.org/datamodel/files/BOSS_SPECTRO_REDUX/RUN2D/spectra/PLATE4/spec.html>.
//! HDU 1 (COADD) holds the spectrum, HDU 2 (SPALL or SPECOBJ, sometimes without a name) one row of
//! what the pipeline found. Columns come in any order and case; files without EXTNAME exist.

use super::flux_unit::{check_flux, check_ivar, check_loglam};
use super::pixel_mask::PixelMask;
use crate::Result;
use crate::data::Object;
use crate::data::spectrum::SDSS_STEP;
use crate::data::{Centres, Extras, Masked, NativeGrid, Spectrum};
use crate::files::cells;
use crate::files::fits::read::{Fits, Hdu};
use std::path::Path;

/// The columns by which a catalog of SDSS-V (spAll) identifies its spectra.
pub(crate) const SDSS_V: [&str; 3] = ["FIELD", "MJD", "CATALOGID"];
/// What stands for the field in the names of co-adds of all epochs.
const ALL_EPOCHS: &str = "allepoch";
/// How far, in pixels, a centre may lie from the SDSS lattice: `loglam` is a 32-bit float.
const LATTICE: f64 = 0.02;
/// Pixels of the longest spectrum that is placed on the lattice.
const LONGEST: f64 = 1e6;

/// One spec file.
#[derive(Debug, Clone)]
pub struct SpecFile {
    /// Flux, ivar, line-spread function on native pixels.
    pub spectrum: Spectrum,
    /// How many of its pixels are masked, and why.
    pub masked: Masked,
    /// What the file itself says: identifiers, position, the pipeline's redshift.
    pub object: Object,
    /// Warnings of the pipeline's redshift; `None`: the file does not say.
    pub zwarning: Option<i64>,
    /// VERS2D or RUN2D; empty if absent.
    pub version: String,
    /// Whether there is a wdisp column, and the mask column that was asked for.
    pub has_lsf: bool,
    /// Whether there is the mask column that was asked for.
    pub has_mask: bool,
}

/// Reads one spec file; bad pixels are masked by `mask`. What HDU 2 says is read only if
/// `pipeline` (the redshift may come from a catalog).
///
/// # Errors
/// [`crate::Error::Input`] for a file that is missing, truncated, no FITS, without a co-added
/// spectrum, or in another flux unit.
pub fn read_spec(path: &Path, mask: &PixelMask, pipeline: bool) -> Result<SpecFile> {
    let mut fits = Fits::open(path)?;
    refuse_sp_spec(&mut fits)?;
    let version = version(&mut fits)?;
    let ids = Ids::of(&mut fits, &version)?;
    check_flux(&mut fits, "BUNIT")?;
    let air = in_air(&mut fits);
    let (plate, fiber) = (ids.plate.header(&mut fits), ids.fiber.header(&mut fits));
    let mut object = Object {
        plate: plate.known(),
        mjd: header_id(&mut fits, &["MJD"]).unwrap_or(-1),
        fiberid: fiber.known(),
        ra: fits.number_key("PLUG_RA").unwrap_or(f64::NAN),
        dec: fits.number_key("PLUG_DEC").unwrap_or(f64::NAN),
        source: path.display().to_string(),
        ..Object::default()
    };
    let (spectrum, masked, has_lsf, has_mask) = coadd(&mut fits, mask, air)?;
    let mut zwarning = None;
    let named = plate.better.is_some() && fiber.better.is_some();
    if (pipeline || !named) && fits.seek(2).unwrap_or(false) {
        object.plate = ids.plate.column(&mut fits).or(plate).known();
        object.fiberid = ids.fiber.column(&mut fits).or(fiber).known();
        if pipeline {
            zwarning = results(&mut fits, &mut object);
        }
    }
    object.name = name(object.plate, object.mjd, object.fiberid);
    Ok(SpecFile {
        spectrum,
        masked,
        object,
        zwarning,
        version,
        has_lsf,
        has_mask,
    })
}

/// Keys and columns that identify a spectrum. SDSS-V names its files by field and catalog id, though a
/// plate and a fibre may be given too.
struct Ids {
    plate: Names,
    fiber: Names,
}

/// Names of what identifies, and of what may stand for it where that is absent.
struct Names {
    better: &'static [&'static str],
    other: &'static [&'static str],
}

/// What is known by either.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Known {
    better: Option<i64>,
    other: Option<i64>,
}

impl Known {
    /// By the better name, if it is known; −1 where nothing is.
    fn known(self) -> i64 {
        self.better.or(self.other).unwrap_or(-1)
    }

    fn or(self, else_: Self) -> Self {
        Self {
            better: self.better.or(else_.better),
            other: self.other.or(else_.other),
        }
    }
}

impl Names {
    /// What the current header says.
    fn header(&self, fits: &mut Fits) -> Known {
        Known {
            better: header_id(fits, self.better),
            other: header_id(fits, self.other),
        }
    }

    /// What the first row of the current table says.
    fn column(&self, fits: &mut Fits) -> Known {
        Known {
            better: column_id(fits, self.better),
            other: column_id(fits, self.other),
        }
    }
}

impl Ids {
    const SDSS_V: Self = Self {
        plate: Names {
            better: &["FIELD"],
            other: &["PLATEID", "PLATE"],
        },
        fiber: Names {
            better: &["CATALOGID"],
            other: &["FIBERID"],
        },
    };
    const BEFORE: Self = Self {
        plate: Names {
            better: &["PLATEID", "PLATE"],
            other: &["FIELD"],
        },
        fiber: Names {
            better: &["FIBERID"],
            other: &["CATALOGID"],
        },
    };

    /// Those of a file of this version: of SDSS-V from v6 on, and whatever has a CATALOGID (`master`, as
    /// daily reductions are called, tells no age). The primary HDU is the current one afterwards.
    fn of(fits: &mut Fits, version: &str) -> Result<Self> {
        let number = version.strip_prefix('v').unwrap_or(version);
        let digits = number.find(|c: char| !c.is_ascii_digit());
        let major: Option<u32> = number[..digits.unwrap_or(number.len())].parse().ok();
        // The versions before v4 are numbers, 26 and 103 among them.
        let sdss_v = match major {
            Some(major) if version.starts_with('v') => major >= 6,
            Some(_) => false,
            None => false,
        };
        let has_id = |fits: &mut Fits| -> Result<bool> {
            Ok(fits.text_key("CATALOGID").is_some()
                || (fits.hdus()? > 2 && fits.seek(2)? && fits.column("CATALOGID").is_some()))
        };
        let sdss_v = sdss_v || has_id(fits)?;
        fits.seek(0)?;
        Ok(if sdss_v { Self::SDSS_V } else { Self::BEFORE })
    }
}

/// Plate (or field), MJD and fibre (or catalog id) by the primary header; `None` if it lacks one.
pub(crate) fn key(path: &Path) -> Option<(i64, i64, i64)> {
    let mut fits = Fits::open(path).ok()?;
    let version = version(&mut fits).ok()?;
    let ids = Ids::of(&mut fits, &version).ok()?;
    let mjd = header_id(&mut fits, &["MJD"])?;
    let (plate, fiber) = (ids.plate.header(&mut fits), ids.fiber.header(&mut fits));
    let key = (plate.known(), mjd, fiber.known());
    (key.0 >= 0 && key.2 >= 0).then_some(key)
}

/// The number of a plate, or of a field of SDSS-V; 0 of co-adds of all epochs.
pub(crate) fn field(text: &str) -> Option<i64> {
    all_epochs(text.trim()).or_else(|| cells::whole(text))
}

/// 0 if `text` is what stands for the field of co-adds of all epochs: allepoch, or allepoch_apo and
/// allepoch_lco for one observatory's.
pub(crate) fn all_epochs(text: &str) -> Option<i64> {
    let start = text.get(..ALL_EPOCHS.len())?;
    start.eq_ignore_ascii_case(ALL_EPOCHS).then_some(0)
}

/// Whether HDU 1 holds a spectrum as spec files do.
pub(crate) fn is_spec(fits: &mut Fits) -> Result<bool> {
    let table = fits.hdus()? > 1 && fits.seek(1)?;
    Ok(table && ["flux", "loglam"].iter().all(|n| fits.column(n).is_some()))
}

/// Whether this is a spectrum in the form of SDSS-I and II: an image of flux and more in the primary HDU.
pub(crate) fn is_sp_spec(fits: &mut Fits) -> Result<bool> {
    let Hdu::Image(axes) = fits.go(0)? else {
        return Ok(false);
    };
    let keys = ["PLATEID", "FIBERID", "COEFF0"];
    Ok(axes.len() == 2 && keys.iter().all(|k| fits.text_key(k).is_some()))
}

/// Refuses such a spectrum.
///
/// # Errors
/// [`Error::Input`] that names the file of the same spectrum in a later form.
pub(crate) fn refuse_sp_spec(fits: &mut Fits) -> Result<()> {
    if !is_sp_spec(fits)? {
        return Ok(());
    }
    let mut id = |key| header_id(fits, &[key]).unwrap_or(0);
    let (plate, mjd, fibre) = (id("PLATEID"), id("MJD"), id("FIBERID"));
    Err(fits.error(
        "",
        "a spectrum in the form of DR7 and before (spSpec), which is not read",
        "the form of DR8 and later",
        &format!(
            "give spec-{plate:04}-{mjd}-{fibre:04}.fits of a later release: the same spectrum"
        ),
    ))
}

/// Whether the current header says that the wavelengths are those in air.
pub(crate) fn in_air(fits: &mut Fits) -> bool {
    let said = fits.text_key("AIRORVAC").unwrap_or_default();
    fits.text_key("VACUUM").is_some_and(|v| v == "F") || said.to_lowercase().starts_with("air")
}

/// VERS2D or RUN2D; empty if absent. The primary HDU is the current one afterwards.
pub(crate) fn version(fits: &mut Fits) -> Result<String> {
    fits.seek(0)?;
    let version = fits.text_key("VERS2D").or_else(|| fits.text_key("RUN2D"));
    Ok(version.unwrap_or_default())
}

/// The name of a spectrum that has no other.
pub(crate) fn name(plate: i64, mjd: i64, fiberid: i64) -> String {
    format!("{plate}-{mjd}-{fiberid:04}")
}

fn header_id(fits: &mut Fits, keys: &[&str]) -> Option<i64> {
    let id = |k: &&str| field(&fits.text_key(k)?);
    keys.iter().find_map(id).filter(|v| *v >= 0)
}

/// Of the first row of the current table.
fn column_id(fits: &mut Fits, names: &[&str]) -> Option<i64> {
    let column = names.iter().find_map(|n| fits.column(n))?;
    let id = match column.text {
        true => field(fits.texts(&column, 1).ok()?.first()?),
        false => fits.integers(&column, 1).ok()?.first().copied(),
    };
    id.filter(|v| *v >= 0)
}

/// The spectrum, what of it is masked, and whether there are a line-spread function and a mask.
fn coadd(fits: &mut Fits, mask: &PixelMask, air: bool) -> Result<(Spectrum, Masked, bool, bool)> {
    if !fits.seek(1)? {
        return Err(fits.error(
            "HDU 1",
            "not a table",
            "the COADD table of an SDSS spec file",
            "give spec-PLATE-MJD-FIBER.fits files",
        ));
    }
    units(fits)?;
    let air = air || in_air(fits);
    let rows = fits.rows()?;
    let loglam = required(fits, "loglam", rows, None)?;
    let n = loglam.len();
    if n < 2 {
        let place = fits.place();
        return Err(fits.error(&place, "no pixels", "a spectrum", "download the file again"));
    }
    let flux = required(fits, "flux", rows, Some(n))?;
    let ivar = required(fits, "ivar", rows, Some(n))?;
    let mut lsf = Vec::new();
    if let Some(column) = fits.column("wdisp").filter(|c| rows * c.repeat == n) {
        lsf = fits.singles(&column, rows)?;
    }
    let mut sky = Vec::new();
    if let Some(column) = fits.column("sky").filter(|c| rows * c.repeat == n) {
        sky = fits.singles(&column, rows)?;
    }
    let mut bits = Vec::new();
    if let Some(column) = mask.column().and_then(|m| fits.column(m)) {
        bits = fits.integers(&column, rows)?;
    }
    let (has_lsf, has_mask) = (!lsf.is_empty(), !bits.is_empty());
    let single = |v: Vec<f64>| v.iter().map(|x| *x as f32).collect::<Vec<f32>>();
    let mut spectrum = Spectrum {
        grid: NativeGrid::Sdss { first: 0 },
        flux: single(flux),
        ivar: single(ivar),
        lsf,
        extras: Extras {
            sky,
            ..Extras::default()
        },
    };
    let masked = mask.apply(&mut spectrum, &bits);
    place_on_grid(fits, &mut spectrum, &loglam, air)?;
    Ok((spectrum, masked, has_lsf, has_mask))
}

/// Whether the units that the table's header says are those of SDSS.
fn units(fits: &mut Fits) -> Result<()> {
    check_flux(fits, "BUNIT")?;
    let mut of = |name: &str, check: fn(&mut Fits, &str) -> Result<()>| match fits.column(name) {
        Some(column) => check(fits, &column.unit_key()),
        None => Ok(()),
    };
    of("flux", check_flux)?;
    of("ivar", check_ivar)?;
    of("loglam", check_loglam)
}

fn required(fits: &mut Fits, name: &str, rows: usize, n: Option<usize>) -> Result<Vec<f64>> {
    let Some(column) = fits.column(name) else {
        let place = format!("{} column {name}", fits.place());
        let names: Vec<String> = fits.columns()?.into_iter().map(|c| c.name).collect();
        let problem = format!("missing (the table has: {})", names.join(", "));
        return Err(fits.error(
            &place,
            &problem,
            "flux, loglam and ivar",
            "give an SDSS spec file",
        ));
    };
    let values = fits.floats(&column, rows)?;
    if n.is_some_and(|n| n != values.len()) {
        let place = format!("{} column {name}", fits.place());
        return Err(fits.error(
            &place,
            &format!("{} values", values.len()),
            &format!("{} as in loglam", n.unwrap_or_default()),
            "download the file again",
        ));
    }
    Ok(values)
}

/// Recognises the SDSS lattice, filling gaps with masked pixels; any other monotonic grid is
/// taken as it is.
pub(crate) fn place_on_grid(
    fits: &mut Fits,
    s: &mut Spectrum,
    loglam: &[f64],
    air: bool,
) -> Result<()> {
    let index: Vec<f64> = loglam.iter().map(|l| l / SDSS_STEP).collect();
    let on_lattice = index.iter().all(|k| (k - k.round()).abs() < LATTICE)
        && index.windows(2).all(|w| w[1].round() > w[0].round());
    let first = index[0].round() as i64;
    let span = index[index.len() - 1].round() - index[0].round() + 1.0;
    if !air && on_lattice && span < LONGEST {
        s.grid = NativeGrid::Sdss { first };
        let span = span as usize;
        if span != index.len() {
            let place = |old: &[f32], absent: f32| {
                let mut new = vec![absent; if old.is_empty() { 0 } else { span }];
                for (k, v) in index.iter().zip(old) {
                    new[(k.round() as i64 - first) as usize] = *v;
                }
                new
            };
            (s.flux, s.ivar) = (place(&s.flux, 0.0), place(&s.ivar, 0.0));
            s.lsf = place(&s.lsf, 0.0);
            s.extras.sky = place(&s.extras.sky, f32::NAN);
        }
        return Ok(());
    }
    match NativeGrid::from_centres(loglam, Centres::Log10, air) {
        Some(grid) => s.grid = grid,
        None => {
            let place = format!("{} column loglam", fits.place());
            return Err(fits.error(
                &place,
                "not finite and increasing",
                "log10 of the wavelength in Å",
                "download the file again",
            ));
        }
    }
    Ok(())
}

/// Reads the pipeline's row into `object`; gives ZWARNING.
fn results(fits: &mut Fits, object: &mut Object) -> Option<i64> {
    let mut number = |names: &[&str]| -> Option<f64> {
        let column = names.iter().find_map(|n| fits.column(n))?;
        fits.floats(&column, 1).ok()?.first().copied()
    };
    let finite = |v: Option<f64>, old: f64| v.filter(|v| v.is_finite()).unwrap_or(old);
    object.z = finite(number(&["Z"]), object.z);
    object.ra = finite(number(&["PLUG_RA", "RACAT", "FIBER_RA"]), object.ra);
    object.dec = finite(number(&["PLUG_DEC", "DECCAT", "FIBER_DEC"]), object.dec);
    let zwarning = number(&["ZWARNING"]).map(|v| v as i64);
    object.mjd = column_id(fits, &["MJD"]).unwrap_or(object.mjd);
    object.thing_id = column_id(fits, &["THING_ID"]).unwrap_or(object.thing_id);
    zwarning
}
