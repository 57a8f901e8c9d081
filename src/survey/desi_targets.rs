//! The targets of a DESI coadd file, and the redshifts that stand beside it.

use super::catalog::Catalog;
use super::desi_file::DesiFile;
use super::tables::{CatalogRow, read_targets, targets};
use crate::config::DesiColumns;
use crate::files::fits::read::Fits;
use crate::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The layout of a file, and its targets in the order of its spectra; what is wrong with the fibre stands
/// for their warning.
pub(crate) fn fibermap(path: &Path) -> Result<(DesiFile, Vec<CatalogRow>)> {
    let mut fits = Fits::open(path)?;
    fits.check_complete()?;
    let file = DesiFile::of(&mut fits)?;
    let columns = DesiColumns {
        zwarn: file.status().into(),
        ..DesiColumns::default()
    };
    let rows = targets(Catalog::at(fits, file.fibermap)?, &columns, false)?.rows;
    if file.exposures {
        refuse_several(path, &rows)?;
    }
    Ok((file, rows))
}

/// Refuses single exposures of which a target has several: co-adding them, with the cosmic rays of each,
/// is DESI's pipeline's work. Where each has one, as in mocks, there is nothing to co-add.
///
/// # Errors
/// [`Error::Input`].
fn refuse_several(path: &Path, rows: &[CatalogRow]) -> Result<()> {
    let targets: BTreeSet<&str> = rows.iter().map(|r| &*r.object.name).collect();
    if targets.len() == rows.len() {
        return Ok(());
    }
    Err(Error::input(
        path,
        "HDU FIBERMAP",
        format!(
            "single exposures (EXPID), {} of {} targets",
            rows.len(),
            targets.len()
        ),
        "a DESI coadd file, or one exposure of each target",
        "give the coadd-*.fits file beside it, or co-add with desispec (desi_coadd_spectra)",
    ))
}

/// Redshift and ZWARN by TARGETID, from the redrock file beside a coadd file; none without one.
pub(super) fn redshifts(coadd: &Path) -> Result<BTreeMap<String, (f64, Option<i64>)>> {
    let Some(redrock) = beside(coadd) else {
        return Ok(BTreeMap::new());
    };
    let fits = read_targets(&redrock, &DesiColumns::default())?.rows;
    let fit = |r: CatalogRow| (r.object.name, (r.object.z, r.zwarning));
    Ok(fits.into_iter().map(fit).collect())
}

/// redrock-*.fits, or zbest-*.fits as it was called before, beside coadd-*.fits or spectra-*.fits.
pub(crate) fn beside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let name = name
        .strip_prefix("coadd-")
        .or(name.strip_prefix("spectra-"))?;
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    let folder = path.parent()?;
    let names =
        ["redrock", "zbest"].map(|kind| [format!("{kind}-{plain}"), format!("{kind}-{plain}.gz")]);
    let paths = names.into_iter().flatten().map(|n| folder.join(n));
    paths.into_iter().find(|p| p.is_file())
}
