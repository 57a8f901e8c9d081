//! What a DESI file of spectra holds, HDU by HDU.
//!
//! Data model: <https://desidatamodel.readthedocs.io>, `coadd-SURVEY-PROGRAM-PIXNUM.fits`: for each arm
//! X of B, R, Z (or fewer, or BRZ for all joined) images X_WAVELENGTH [n], X_FLUX, X_IVAR, X_MASK [N, n]
//! and X_RESOLUTION [N, diagonals, n]; FIBERMAP tells the targets.

use super::desi_lattice::Lattice;
use super::flux_unit::{check_flux, check_ivar};
use super::sdss::in_air;
use crate::files::fits::read::{Fits, Hdu};
use crate::files::quantity::Quantity;
use crate::{Error, Result};
use std::collections::BTreeMap;

/// What the table of fibres is called: co-adds have either.
const FIBERMAPS: [&str; 2] = ["FIBERMAP", "COADD_FIBERMAP"];

/// The layout of a file, its units and its wavelengths checked.
#[derive(Debug)]
pub(crate) struct DesiFile {
    hdus: BTreeMap<String, usize>,
    /// Whether its rows are single exposures.
    pub exposures: bool,
    /// The arms by name.
    pub arms: Vec<Arm>,
    pub lattice: Lattice,
}

/// One arm.
#[derive(Debug)]
pub(crate) struct Arm {
    pub name: String,
    /// Its first pixel on the lattice, and how many it has.
    pub start: usize,
    pub pixels: usize,
}

/// Whether a file holds spectra of DESI: arms, and the fibres of their rows.
///
/// # Errors
/// [`Error::Input`] if it cannot be read.
pub(crate) fn is_desi(fits: &mut Fits) -> Result<bool> {
    let hdus = by_name(fits)?;
    Ok(!arms(&hdus).is_empty() && fibermap(&hdus).is_some())
}

/// The HDU of the table of fibres, and whether its rows are single exposures.
///
/// # Errors
/// [`Error::Input`] if there is none.
pub(crate) fn fibres(fits: &mut Fits) -> Result<(usize, bool)> {
    let hdus = by_name(fits)?;
    let Some(hdu) = fibermap(&hdus) else {
        return Err(absent(fits, FIBERMAPS[0]));
    };
    let Hdu::Table { columns, .. } = fits.go(hdu)? else {
        return Err(absent(fits, &format!("{} that is a table", FIBERMAPS[0])));
    };
    let has = |name: &str| columns.iter().any(|c| c.name.eq_ignore_ascii_case(name));
    Ok((hdu, has("EXPID") && !has("COADD_FIBERSTATUS")))
}

impl DesiFile {
    /// The layout of the file that is open.
    ///
    /// # Errors
    /// [`Error::Input`] if it is none of DESI, in another unit, or its arms share no lattice.
    pub fn of(fits: &mut Fits) -> Result<Self> {
        let hdus = by_name(fits)?;
        check_units(fits, &hdus)?;
        let (_, exposures) = fibres(fits)?;
        let names = arms(&hdus);
        if names.is_empty() {
            return Err(absent(fits, "B_WAVELENGTH, R_WAVELENGTH, Z_WAVELENGTH"));
        }
        let mut centres: Vec<Vec<f64>> = Vec::with_capacity(names.len());
        for name in &names {
            let n = match fits.go(hdus[&wavelength(name)])? {
                Hdu::Image(axes) if axes.len() == 1 => axes[0],
                _ => 0,
            };
            let angstroms = angstroms(fits)?;
            centres.push(fits.pixels(n)?.iter().map(|c| c * angstroms).collect());
        }
        let lattice = Lattice::of(&centres);
        let start = |centres: &[f64]| lattice.and_then(|l| l.place(centres));
        let arms: Option<Vec<Arm>> = names
            .iter()
            .zip(&centres)
            .map(|(name, centres)| {
                Some(Arm {
                    name: name.clone(),
                    start: start(centres)?,
                    pixels: centres.len(),
                })
            })
            .collect();
        let (Some(lattice), Some(arms)) = (lattice, arms) else {
            return Err(fits.error(
                &format!("HDU {}", names.iter().map(|n| wavelength(n)).collect::<Vec<_>>().join(", ")),
                "not on one lattice",
                "wavelengths 3600 + 0.8 i Å, or other even steps in Å or log10 that all arms share",
                "co-add with desispec (desi_coadd_spectra --coadd-cameras), or give other spectra as HDF5 (kind = \"hdf5\")",
            ));
        };
        Ok(Self {
            hdus,
            exposures,
            arms,
            lattice,
        })
    }

    /// The HDU of what belongs to an arm: `FLUX`, `IVAR`, `MASK` or `RESOLUTION`.
    pub fn hdu(&self, arm: &Arm, what: &str) -> Option<usize> {
        self.hdus.get(&format!("{}_{what}", arm.name)).copied()
    }
}

/// HDU numbers by name.
fn by_name(fits: &mut Fits) -> Result<BTreeMap<String, usize>> {
    let mut hdus = BTreeMap::new();
    for hdu in 1..fits.hdus()? {
        fits.seek(hdu)?;
        hdus.insert(fits.extname().to_uppercase(), hdu);
    }
    Ok(hdus)
}

fn wavelength(arm: &str) -> String {
    format!("{arm}_WAVELENGTH")
}

fn arms(hdus: &BTreeMap<String, usize>) -> Vec<String> {
    let arms = hdus.keys().filter_map(|n| n.strip_suffix("_WAVELENGTH"));
    let with_flux = arms.filter(|a| hdus.contains_key(&format!("{a}_FLUX")));
    with_flux.map(str::to_owned).collect()
}

fn fibermap(hdus: &BTreeMap<String, usize>) -> Option<usize> {
    FIBERMAPS.iter().find_map(|name| hdus.get(*name).copied())
}

/// An HDU that a file of DESI must have.
pub(super) fn absent(fits: &Fits, name: &str) -> Error {
    fits.error(
        &format!("HDU {name}"),
        "no HDU of this name",
        "a DESI coadd file",
        "check the file with selfsi inspect",
    )
}

/// Å of the unit of the wavelengths in the current HDU, which are those in vacuum; Å where it says none.
fn angstroms(fits: &mut Fits) -> Result<f64> {
    let refused = |fits: &mut Fits, problem: String| {
        let place = fits.place();
        Err(fits.error(
            &place,
            &problem,
            "wavelengths in vacuum, in Å, nm, µm or m",
            "give such a file, or the spectra as HDF5 (kind = \"hdf5\")",
        ))
    };
    if in_air(fits) {
        return refused(fits, "wavelengths in air".to_owned());
    }
    let Some(unit) = fits.text_key("BUNIT") else {
        return Ok(1.0);
    };
    match Quantity::of_wavelength(&unit) {
        Some(angstroms) => Ok(angstroms),
        None => refused(fits, format!("BUNIT `{unit}`")),
    }
}

/// Whether every image says DESI's one flux unit.
fn check_units(fits: &mut Fits, hdus: &BTreeMap<String, usize>) -> Result<()> {
    for (name, hdu) in hdus {
        fits.seek(*hdu)?;
        if name.ends_with("_FLUX") {
            check_flux(fits, "BUNIT")?;
        } else if name.ends_with("_IVAR") {
            check_ivar(fits, "BUNIT")?;
        }
    }
    Ok(())
}
