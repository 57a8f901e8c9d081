//! The targets of a DESI coadd file, and the redshifts that stand beside it.

use super::catalog::Catalog;
use super::desi_file::{DesiFile, fibres};
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
    let (hdu, exposures) = fibres(&mut fits)?;
    let columns = DesiColumns {
        zwarn: status(exposures).into(),
        ..DesiColumns::default()
    };
    let rows = targets(Catalog::at(Fits::open(path)?, hdu)?, &columns, false)?.rows;
    if exposures {
        refuse_several(path, &rows)?;
    }
    Ok((DesiFile::of(&mut fits)?, rows))
}

/// The column that tells what is wrong with a fibre.
pub(super) fn status(exposures: bool) -> &'static str {
    match exposures {
        true => "FIBERSTATUS",
        false => "COADD_FIBERSTATUS",
    }
}

/// Refuses single exposures of which a target has several, or which are co-added in the file beside them:
/// co-adding, with the cosmic rays of each, is DESI's pipeline's work. Mocks have one exposure of each
/// target: there is nothing to co-add.
///
/// # Errors
/// [`Error::Input`].
fn refuse_several(path: &Path, rows: &[CatalogRow]) -> Result<()> {
    let targets: BTreeSet<&str> = rows.iter().map(|r| &*r.object.name).collect();
    let name = path.file_name().and_then(|n| n.to_str());
    let coadd = name.and_then(|n| Some(format!("coadd-{}", n.strip_prefix("spectra-")?)));
    let beside = coadd.filter(|n| path.with_file_name(n).is_file());
    if targets.len() == rows.len() && beside.is_none() {
        return Ok(());
    }
    let coadd = beside.unwrap_or("the coadd-*.fits file beside it".into());
    Err(Error::input(
        path,
        "HDU FIBERMAP",
        format!(
            "single exposures (EXPID), {} of {} targets",
            rows.len(),
            targets.len()
        ),
        "a DESI coadd file, or one exposure of each target and no co-add beside it",
        format!("give {coadd}, or co-add with desispec (desi_coadd_spectra)"),
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
