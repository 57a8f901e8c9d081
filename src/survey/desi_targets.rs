//! The targets of a DESI coadd file, and the redshifts that stand beside it.

use super::desi_coadd::{absent, by_name, check_units, is_of_exposures};
use super::tables::{CatalogRow, read_targets};
use crate::Result;
use crate::config::DesiColumns;
use crate::files::fits::read::Fits;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The targets of a coadd file, in the order of its spectra, COADD_FIBERSTATUS as their warning.
pub(super) fn fibermap(path: &Path) -> Result<Vec<CatalogRow>> {
    let mut fits = Fits::open(path)?;
    fits.check_complete()?;
    let hdus = by_name(&mut fits)?;
    check_units(&mut fits, &hdus)?;
    let Some(hdu) = hdus.get("FIBERMAP") else {
        return Err(absent(&fits, "FIBERMAP"));
    };
    if is_of_exposures(&fits.go(*hdu)?) {
        return Err(fits.error(
            "HDU FIBERMAP",
            "single exposures (EXPID), several to a target",
            "a DESI coadd file, one spectrum to a target",
            "give the coadd-*.fits file beside it, or co-add with desispec (desi_coadd_spectra)",
        ));
    }
    let columns = DesiColumns {
        zwarn: "COADD_FIBERSTATUS".into(),
        ..DesiColumns::default()
    };
    read_targets(fits, &columns, false)
}

/// Redshift and ZWARN by TARGETID, from the redrock file beside a coadd file; none without one.
pub(super) fn redshifts(coadd: &Path) -> Result<BTreeMap<String, (f64, Option<i64>)>> {
    let Some(redrock) = beside(coadd) else {
        return Ok(BTreeMap::new());
    };
    let fits = read_targets(Fits::open(&redrock)?, &DesiColumns::default(), true)?;
    let fit = |r: CatalogRow| (r.object.name, (r.object.z, r.zwarning));
    Ok(fits.into_iter().map(fit).collect())
}

/// redrock-*.fits beside coadd-*.fits.
fn beside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?.strip_prefix("coadd-")?;
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    let folder = path.parent()?;
    [plain.to_owned(), format!("{plain}.gz")]
        .iter()
        .map(|n| folder.join(format!("redrock-{n}")))
        .find(|p| p.is_file())
}
