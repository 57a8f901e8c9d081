//! Catalog tables that name the spectra: DR14Q, DR16Q, clustering catalogs, and others through a
//! column mapping.

use super::sdss;
use crate::Result;
use crate::config::{Columns, DesiColumns};
use crate::data::Object;
use crate::files::fits::column::Column;
use crate::files::fits::read::Fits;
use std::path::Path;

/// The pipeline's warning about its redshift, which is the catalog's; in quasar catalogs that about
/// Z_PIPE, and the column that says where Z is from.
const ZWARNING: &str = "ZWARNING";
const ZWARN_PIPE: &str = "ZWARN_PIPE";
const SOURCE_Z: &str = "SOURCE_Z";

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

/// Reads the first table that has the plate, MJD and fibre columns.
///
/// # Errors
/// [`crate::Error::Input`] for an unreadable file, a missing column (naming those there are), or
/// an empty table.
pub fn read_catalog(path: &Path, columns: &Columns) -> Result<Vec<CatalogRow>> {
    let mut reader = Reader::at(Fits::open(path)?, &columns.plate)?;
    let rows = reader.rows;
    if rows == 0 {
        let place = reader.fits.place();
        let fix = "give a catalog with rows";
        return Err(reader.fits.error(&place, "no rows", "a catalog", fix));
    }
    let plate = reader.ids(&columns.plate)?;
    let mjd = reader.ids(&columns.mjd)?;
    let fiberid = reader.ids(&columns.fiberid)?;
    let z = reader.numbers(&columns.z)?;
    let defaults = Columns::default();
    let ra = reader.optional(&columns.ra, &defaults.ra, Reader::numbers)?;
    let dec = reader.optional(&columns.dec, &defaults.dec, Reader::numbers)?;
    let thing_id = reader.optional(&columns.thing_id, &defaults.thing_id, Reader::ids)?;
    let names = reader.optional(&columns.name, &defaults.name, Reader::texts)?;
    let level = reader.asked(columns.level.as_deref())?;
    let zwarning = warnings(&mut reader, &columns.z)?;
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
                ..Object::default()
            },
            zwarning: zwarning.as_ref().and_then(|w| w[i]),
            level: level.as_ref().map(|l| l[i]),
        }
    };
    Ok((0..rows).map(row).collect())
}

/// The warning of each row about the redshift of column `z`, 0 where all is well; `None` where the catalog
/// does not know. ZWARN_PIPE warns of Z_PIPE: a redshift that SOURCE_Z says is from elsewhere, as from
/// visual inspection, has no warning; −1 means that the pipeline gave none.
fn warnings(reader: &mut Reader, z: &str) -> Result<Option<Vec<Option<i64>>>> {
    if reader.fits.column(ZWARNING).is_some() {
        let all = reader.ids(ZWARNING)?;
        return Ok(Some(all.into_iter().map(Some).collect()));
    }
    if reader.fits.column(ZWARN_PIPE).is_none() {
        return Ok(None);
    }
    let all = reader.ids(ZWARN_PIPE)?;
    let usual = z.eq_ignore_ascii_case(&Columns::default().z);
    let source = match reader.fits.column(SOURCE_Z) {
        Some(_) if usual => Some(reader.texts(SOURCE_Z)?),
        _ => None,
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

/// Reads the targets of the first table of a file with a TARGETID column, each called by its
/// TARGETID; their redshifts too if `redshifts` (else NaN).
///
/// # Errors
/// As [`read_catalog`].
pub(crate) fn read_targets(
    fits: Fits,
    columns: &DesiColumns,
    redshifts: bool,
) -> Result<Vec<CatalogRow>> {
    let mut reader = Reader::at(fits, &columns.targetid)?;
    let rows = reader.rows;
    let usual = DesiColumns::default();
    let targetid = reader.ids(&columns.targetid)?;
    let z = match redshifts {
        true => reader.numbers(&columns.z)?,
        false => vec![f64::NAN; rows],
    };
    let ra = reader.optional(&columns.ra, &usual.ra, Reader::numbers)?;
    let dec = reader.optional(&columns.dec, &usual.dec, Reader::numbers)?;
    let zwarn = reader.optional(&columns.zwarn, &columns.zwarn, Reader::ids)?;
    let level = reader.asked(columns.level.as_deref())?;
    let row = |i: usize| CatalogRow {
        object: Object {
            name: targetid[i].to_string(),
            ra: ra.as_ref().map_or(f64::NAN, |r| r[i]),
            dec: dec.as_ref().map_or(f64::NAN, |d| d[i]),
            z: z[i],
            ..Object::default()
        },
        zwarning: zwarn.as_ref().map(|w| w[i]),
        level: level.as_ref().map(|l| l[i]),
    };
    Ok((0..rows).map(row).collect())
}

/// Reads the fibres of the first table with a FIBERID column, a plug map or the pipeline's results:
/// position, and redshift (else NaN) and ZWARNING where there are any.
///
/// # Errors
/// As [`read_catalog`].
pub(crate) fn read_fibres(fits: Fits) -> Result<Vec<CatalogRow>> {
    let mut reader = Reader::at(fits, "FIBERID")?;
    let rows = reader.rows;
    let fiberid = reader.ids("FIBERID")?;
    let mut found = |names: [&str; 2]| -> Result<Option<Vec<f64>>> {
        let name = names.into_iter().find(|n| reader.fits.column(n).is_some());
        reader.asked(name)
    };
    let ra = found(["PLUG_RA", "RA"])?;
    let dec = found(["PLUG_DEC", "DEC"])?;
    let z = found(["Z", "Z"])?;
    let zwarning = found(["ZWARNING", "ZWARNING"])?;
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

/// The first table HDU with this column; else an error that names what the first table has.
fn table_with(fits: &mut Fits, column: &str) -> Result<usize> {
    let mut seen = Vec::new();
    for hdu in 1..fits.hdus()? {
        if fits.seek(hdu)? {
            if fits.column(column).is_some() {
                return Ok(hdu);
            }
            seen.extend(fits.columns()?.into_iter().map(|c| c.name));
        }
    }
    let problem = if seen.is_empty() {
        "no table in this file".to_owned()
    } else {
        format!("missing (the file has: {})", seen.join(", "))
    };
    Err(fits.error(
        &format!("column {column}"),
        &problem,
        "a catalog that identifies the spectra and gives redshifts",
        "map the names in [survey.source.columns]",
    ))
}

struct Reader {
    fits: Fits,
    rows: usize,
}

impl Reader {
    /// At the first table with `column`.
    fn at(mut fits: Fits, column: &str) -> Result<Self> {
        let hdu = table_with(&mut fits, column)?;
        fits.seek(hdu)?;
        let rows = fits.rows()?;
        Ok(Self { fits, rows })
    }

    fn column(&mut self, name: &str) -> Result<Column> {
        let Some(column) = self.fits.column(name) else {
            let place = format!("{} column {name}", self.fits.place());
            let names: Vec<String> = self.fits.columns()?.into_iter().map(|c| c.name).collect();
            return Err(self.fits.error(
                &place,
                &format!("missing (the table has: {})", names.join(", ")),
                "the columns of [survey.source.columns]",
                "map the name in [survey.source.columns]",
            ));
        };
        if !column.text && column.repeat != 1 {
            let place = format!("{} column {name}", self.fits.place());
            let problem = format!("{} values per row", column.repeat);
            return Err(self.fits.error(
                &place,
                &problem,
                "one value per row",
                "map another column in [survey.source.columns]",
            ));
        }
        Ok(column)
    }

    fn numbers(&mut self, name: &str) -> Result<Vec<f64>> {
        let column = self.column(name)?;
        self.fits.floats(&column, self.rows)
    }

    fn ids(&mut self, name: &str) -> Result<Vec<i64>> {
        let column = self.column(name)?;
        self.fits.integers(&column, self.rows)
    }

    fn texts(&mut self, name: &str) -> Result<Vec<String>> {
        let column = self.column(name)?;
        self.fits.texts(&column, self.rows)
    }

    /// A column that is read only where the user named one.
    fn asked(&mut self, name: Option<&str>) -> Result<Option<Vec<f64>>> {
        name.map(|n| self.numbers(n)).transpose()
    }

    /// A column that may be absent under its usual name; one that the user named must exist.
    fn optional<T>(
        &mut self,
        name: &str,
        usual: &str,
        read: fn(&mut Self, &str) -> Result<Vec<T>>,
    ) -> Result<Option<Vec<T>>> {
        if name.eq_ignore_ascii_case(usual) && self.fits.column(name).is_none() {
            return Ok(None);
        }
        read(self, name).map(Some)
    }
}
