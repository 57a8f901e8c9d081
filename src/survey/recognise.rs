//! What a FITS file of a survey is, by what it holds: the one answer for its readers and for `inspect`.

use super::catalog::table_with;
use super::desi_file::is_desi;
use super::sdss::{is_sp_spec, is_spec};
use super::sp_plate::is_plate_file;
use super::tables::{OF_SPECTRA, OF_TARGETS};
use crate::Result;
use crate::files::fits::read::Fits;

/// A kind of FITS file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FitsKind {
    /// An SDSS spec file.
    Spec,
    /// An SDSS spectrum in the form of DR7 and before.
    SpSpec,
    /// An SDSS plate file.
    Plate,
    /// Spectra of DESI: co-adds or single exposures.
    Desi,
    /// A table that identifies SDSS spectra.
    Catalog,
    /// A table that identifies targets of DESI.
    Targets,
    Other,
}

/// The kind of a file that is open.
///
/// # Errors
/// [`crate::Error::Input`] if it cannot be read.
pub(crate) fn recognise(fits: &mut Fits) -> Result<FitsKind> {
    Ok(if is_desi(fits)? {
        FitsKind::Desi
    } else if is_sp_spec(fits)? {
        FitsKind::SpSpec
    } else if is_plate_file(fits)? {
        FitsKind::Plate
    } else if is_spec(fits)? {
        FitsKind::Spec
    } else if table_with(fits, &OF_SPECTRA.map(Vec::from))?.is_ok() {
        FitsKind::Catalog
    } else if table_with(fits, &[OF_TARGETS.to_vec()])?.is_ok() {
        FitsKind::Targets
    } else {
        FitsKind::Other
    })
}
