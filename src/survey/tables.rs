//! Catalog tables that name the spectra: DR14Q, DR16Q, spAll of SDSS-V, clustering catalogs, and others
//! through a column mapping.

use super::catalog::{Catalog, Scheme};
use super::sdss;
use crate::config::{Columns, DesiColumns};
use crate::data::Object;
use crate::files::fits::read::Fits;
use crate::{Error, Result};
use std::path::Path;

/// The pipeline's warning about its redshift, which is the catalog's; in quasar catalogs that about
/// Z_PIPE, and the column that says where Z is from.
const ZWARNING: &str = "ZWARNING";
const ZWARN_PIPE: &str = "ZWARN_PIPE";
const SOURCE_Z: &str = "SOURCE_Z";

/// The columns that identify SDSS spectra: those of SDSS-V, and those of before.
pub(crate) const OF_SPECTRA: [[&str; 3]; 2] = [sdss::SDSS_V, ["PLATE", "MJD", "FIBERID"]];
/// The column that identifies targets of DESI, and their redshift.
pub(crate) const OF_TARGETS: [&str; 2] = ["TARGETID", "Z"];

/// One row of a catalog.
#[derive(Debug, Clone)]
pub struct CatalogRow {
    /// Identifiers, position, redshift.
    pub object: Object,
    /// Warnings of the pipeline's redshift; `None`: there is no such column.
    pub zwarning: Option<i64>,
    /// The `level` column, where one is asked for.
    pub level: Option<f64>,
}

/// The rows of a catalog, and what of it was left out, in words.
#[derive(Debug)]
pub struct CatalogRows {
    /// The rows in their order.
    pub rows: Vec<CatalogRow>,
    /// What was left out.
    pub notes: Vec<String>,
}

/// Reads the first table that has the plate, MJD, fibre and redshift columns; or, unless the config names
/// others, FIELD, MJD and CATALOGID, by which SDSS-V identifies its spectra.
///
/// # Errors
/// [`crate::Error::Input`] for an unreadable file, a missing column (naming those there are), or
/// an empty table.
pub fn read_catalog(path: &Path, columns: &Columns) -> Result<CatalogRows> {
    let (mut table, ids) = find_catalog(path, columns)?;
    let rows = table.rows();
    if rows == 0 {
        let (place, fix) = (table.place(), "give a catalog with rows");
        return Err(Error::input(path, place, "no rows", "a catalog", fix));
    }
    let plate = table.ids_by(ids[0], &sdss::field)?;
    let mjd = table.ids(ids[1])?;
    let fiberid = table.ids(ids[2])?;
    let z = table.numbers(&columns.z)?;
    let ra = table.optional(&columns.ra, &["RA", "RACAT", "FIBER_RA"], Catalog::numbers)?;
    let dec = table.optional(
        &columns.dec,
        &["DEC", "DECCAT", "FIBER_DEC"],
        Catalog::numbers,
    )?;
    let thing_id = table.optional(&columns.thing_id, &["THING_ID"], Catalog::ids)?;
    let names = table.optional(&columns.name, &["SDSS_NAME"], Catalog::texts)?;
    let level = table.asked(columns.level.as_deref())?;
    let z_err = table.asked(columns.z_err.as_deref())?;
    let zwarning = warnings(&mut table, &columns.z)?;
    let row = |i: usize| {
        let named = names
            .as_ref()
            .map(|n| n[i].clone())
            .filter(|n| !n.is_empty());
        CatalogRow {
            object: Object {
                name: named.unwrap_or_else(|| sdss::name(plate[i], mjd[i], fiberid[i])),
                plate: plate[i],
                mjd: mjd[i],
                fiberid: fiberid[i],
                thing_id: thing_id.as_ref().map_or(-1, |t| t[i]),
                ra: ra.as_ref().map_or(f64::NAN, |r| r[i]),
                dec: dec.as_ref().map_or(f64::NAN, |d| d[i]),
                z: z[i],
                z_err: known_error(z_err.as_ref(), i),
                ..Object::default()
            },
            zwarning: zwarning.as_ref().and_then(|w| w[i]),
            level: level.as_ref().map(|l| l[i]),
        }
    };
    Ok(CatalogRows {
        rows: (0..rows).map(row).collect(),
        notes: table.into_notes(),
    })
}

/// The standard deviation of a redshift; catalogs write −1 or 0 where they have none.
pub(super) fn known_error(all: Option<&Vec<f64>>, row: usize) -> f64 {
    let positive = all.map(|e| e[row]).filter(|e| *e > 0.0 && e.is_finite());
    positive.unwrap_or(f64::NAN)
}

/// The warning of each row about the redshift of column `z`, 0 where all is well; `None` where the catalog
/// does not know. ZWARN_PIPE warns of Z_PIPE: a redshift that SOURCE_Z says is from elsewhere, as from
/// visual inspection, has no warning; −1 means that the pipeline gave none.
fn warnings(table: &mut Catalog, z: &str) -> Result<Option<Vec<Option<i64>>>> {
    if let Some(all) = table.optional(ZWARNING, &[ZWARNING], Catalog::ids)? {
        return Ok(Some(all.into_iter().map(Some).collect()));
    }
    let Some(all) = table.optional(ZWARN_PIPE, &[ZWARN_PIPE], Catalog::ids)? else {
        return Ok(None);
    };
    let usual = z.eq_ignore_ascii_case(&Columns::default().z);
    let source = match usual {
        true => table.optional(SOURCE_Z, &[SOURCE_Z], Catalog::texts)?,
        false => None,
    };
    let is_pipes = |i: usize| match &source {
        Some(source) => source[i].eq_ignore_ascii_case("PIPE"),
        None => usual || z.eq_ignore_ascii_case("Z_PIPE"),
    };
    let one = |(i, w): (usize, &i64)| match *w {
        _ if !is_pipes(i) => Some(0),
        w => (w >= 0).then_some(w),
    };
    Ok(Some(all.iter().enumerate().map(one).collect()))
}

/// The table that [`read_catalog`] reads, and its columns of plate (or field), MJD and fibre (or catalog
/// id).
///
/// # Errors
/// As [`read_catalog`].
pub(crate) fn find_catalog<'a>(
    path: &Path,
    columns: &'a Columns,
) -> Result<(Catalog, [&'a str; 3])> {
    let usual = Columns::default();
    let named = [&*columns.plate, &columns.mjd, &columns.fiberid];
    let mut ids = vec![named];
    if named == [&*usual.plate, &usual.mjd, &usual.fiberid] {
        ids.insert(0, sdss::SDSS_V);
    }
    let scheme = |ids: &[&'a str; 3]| ids.iter().copied().chain([&*columns.z]).collect();
    let schemes: Vec<Scheme> = ids.iter().map(scheme).collect();
    let (table, scheme) = Catalog::find(path, &schemes)?;
    Ok((table, ids[scheme]))
}

/// Reads the targets of a catalog: those of the first table of a file with TARGETID and redshift, each
/// called by its TARGETID.
///
/// # Errors
/// As [`read_catalog`].
pub(crate) fn read_targets(path: &Path, columns: &DesiColumns) -> Result<CatalogRows> {
    targets(find_targets(path, columns)?, columns, true)
}

/// The table that [`read_targets`] reads.
///
/// # Errors
/// As [`read_catalog`].
pub(crate) fn find_targets(path: &Path, columns: &DesiColumns) -> Result<Catalog> {
    let scheme = vec![&*columns.targetid, &*columns.z];
    Ok(Catalog::find(path, &[scheme])?.0)
}

/// Reads the targets of a table; their redshifts too if `redshifts` (else NaN).
///
/// # Errors
/// As [`read_catalog`].
pub(crate) fn targets(
    mut table: Catalog,
    columns: &DesiColumns,
    redshifts: bool,
) -> Result<CatalogRows> {
    let rows = table.rows();
    let targetid = table.ids(&columns.targetid)?;
    let z = match redshifts {
        true => table.numbers(&columns.z)?,
        false => vec![f64::NAN; rows],
    };
    let ra = table.optional(&columns.ra, &["TARGET_RA"], Catalog::numbers)?;
    let dec = table.optional(&columns.dec, &["TARGET_DEC"], Catalog::numbers)?;
    let zwarn = table.optional(&columns.zwarn, &[&columns.zwarn], Catalog::ids)?;
    let level = table.asked(columns.level.as_deref())?;
    let z_err = match redshifts {
        true => table.asked(columns.z_err.as_deref())?,
        false => None,
    };
    let row = |i: usize| CatalogRow {
        object: Object {
            name: targetid[i].to_string(),
            ra: ra.as_ref().map_or(f64::NAN, |r| r[i]),
            dec: dec.as_ref().map_or(f64::NAN, |d| d[i]),
            z: z[i],
            z_err: known_error(z_err.as_ref(), i),
            ..Object::default()
        },
        zwarning: zwarn.as_ref().map(|w| w[i]),
        level: level.as_ref().map(|l| l[i]),
    };
    Ok(CatalogRows {
        rows: (0..rows).map(row).collect(),
        notes: table.into_notes(),
    })
}

/// Reads the fibres of the first table with a FIBERID column, a plug map or the pipeline's results:
/// position, and redshift (else NaN) and ZWARNING where there are any.
///
/// # Errors
/// As [`read_catalog`].
pub(crate) fn read_fibres(fits: Fits) -> Result<Vec<CatalogRow>> {
    let (mut table, _) = Catalog::find_in(fits, &[vec!["FIBERID"]])?;
    let rows = table.rows();
    let fiberid = table.ids("FIBERID")?;
    let mut found = |names: &[&str]| table.optional(names[0], names, Catalog::numbers);
    let ra = found(&["PLUG_RA", "RA"])?;
    let dec = found(&["PLUG_DEC", "DEC"])?;
    let z = found(&["Z"])?;
    let zwarning = found(&["ZWARNING"])?;
    let at = |column: &Option<Vec<f64>>, i: usize| column.as_ref().map_or(f64::NAN, |c| c[i]);
    let row = |i: usize| CatalogRow {
        object: Object {
            fiberid: fiberid[i],
            ra: at(&ra, i),
            dec: at(&dec, i),
            z: at(&z, i),
            ..Object::default()
        },
        zwarning: zwarning.as_ref().map(|w| w[i] as i64),
        level: None,
    };
    Ok((0..rows).map(row).collect())
}
