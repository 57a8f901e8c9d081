//! The flux unit that SDSS and DESI share, wherever a file says it: 1e-17 erg/s/cm²/Å.

use crate::Result;
use crate::files::fits::read::Fits;
use crate::files::quantity::{Quantity, agree};

/// Unit of every SDSS and DESI spectrum, as the FITS standard writes it.
pub const FLUX_UNIT: &str = "10**-17 erg s-1 cm-2 Angstrom-1";

/// Whether what `key` of the current HDU says is the flux unit; a key that is absent says nothing.
///
/// # Errors
/// [`crate::Error::Input`] for another unit, or one that is not understood.
pub(crate) fn check_flux(fits: &mut Fits, key: &str) -> Result<()> {
    let said = fits.text_key(key);
    let Some(unit) = said.filter(|u| agree(u, FLUX_UNIT) != Some(true)) else {
        return Ok(());
    };
    let place = format!("{} key {key}", fits.place());
    Err(fits.error(
        &place,
        &format!("flux unit `{unit}`"),
        "1E-17 erg/cm^2/s/Ang",
        "convert the flux, or put the spectra into an HDF5 catalog with its flux_unit",
    ))
}

/// As [`check_flux`] for an inverse variance. Files call its unit by many names, also by the flux's: what
/// is no inverse square of a flux density says nothing.
///
/// # Errors
/// [`crate::Error::Input`] for the inverse square of another flux unit.
pub(crate) fn check_ivar(fits: &mut Fits, key: &str) -> Result<()> {
    let ours = Quantity::read(FLUX_UNIT).map(|u| u.power(-2));
    let said = fits.text_key(key);
    let read = said.as_deref().and_then(Quantity::read);
    if let (Some(ours), Some(its), Some(unit)) = (ours, read, said)
        && its.measures_as(ours)
        && !its.is(ours)
    {
        let place = format!("{} key {key}", fits.place());
        return Err(fits.error(
            &place,
            &format!("unit `{unit}` of the inverse variance"),
            "the unit of the flux, 1E-17 erg/cm^2/s/Ang, to the power -2",
            "convert the inverse variance, or correct the key if it is wrong",
        ));
    }
    Ok(())
}

/// Whether the unit of log wavelengths that `key` of the current HDU says suits log10(λ/Å), if it
/// says a length at all.
///
/// # Errors
/// [`crate::Error::Input`] for another length.
pub(crate) fn check_loglam(fits: &mut Fits, key: &str) -> Result<()> {
    let said = fits.text_key(key);
    let read = said.as_deref().and_then(Quantity::of_wavelength);
    let Some(unit) = said.filter(|_| read.is_some_and(|angstroms| angstroms != 1.0)) else {
        return Ok(());
    };
    let place = format!("{} key {key}", fits.place());
    Err(fits.error(
        &place,
        &format!("wavelengths in `{unit}`"),
        "log10 of the wavelength in Å",
        "convert them, or put the spectra into an HDF5 catalog",
    ))
}
