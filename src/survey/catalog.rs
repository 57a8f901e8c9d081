//! The table of a catalog file: found by the columns that it must have, and read with a note of what could
//! not be.

use crate::files::cells::whole;
use crate::files::fits::read::Fits;
use crate::files::start::{Start, start};
use crate::files::table::{FitsTable, Table, missing};
use crate::files::text_table::{TextTable, to_be_converted};
use crate::{Error, Result};
use std::path::Path;

/// The columns that a table must have.
pub(crate) type Scheme<'a> = Vec<&'a str>;

/// A table of a catalog, and what of it was left out.
#[derive(Debug)]
pub(crate) struct Catalog {
    table: Box<dyn Table>,
    notes: Vec<String>,
}

impl Catalog {
    /// The first table of the file `path` that has every column of one of `schemes`, and the number of
    /// that scheme; where it has those of several, the first counts.
    ///
    /// # Errors
    /// [`Error::Input`] for a file that cannot be read, or has no such table: what the nearest one lacks,
    /// and has.
    pub fn find(path: &Path, schemes: &[Scheme]) -> Result<(Self, usize)> {
        let unreadable = |e| Error::input(path, "", e, "a catalog", "check the path");
        match start(path).map_err(unreadable)? {
            Start::Fits => Self::find_in(Fits::open(path)?, schemes),
            Start::Text => Self::text(TextTable::open(path)?, schemes),
            Start::VoTable => Err(to_be_converted(path, "a VOTable", "votable")),
            Start::Hdf5 => Err(to_be_converted(path, "an HDF5 file", "")),
            _ => Err(Error::input(
                path,
                "",
                "not a table that selfsi reads",
                "a FITS table, or one as text (CSV, ECSV)",
                "give the catalog's own file, convert it to FITS (astropy: Table.read, Table.write), or text to UTF-8 (iconv)",
            )),
        }
    }

    /// As [`Catalog::find`], in a FITS file that is open.
    ///
    /// # Errors
    /// As [`Catalog::find`].
    pub fn find_in(mut fits: Fits, schemes: &[Scheme]) -> Result<(Self, usize)> {
        match table_with(&mut fits, schemes)? {
            Ok((hdu, scheme)) => Ok((Self::at(fits, hdu)?, scheme)),
            Err(Lacking::Column(hdu, name)) => Err(missing(&mut FitsTable::at(fits, hdu)?, &name)),
            Err(Lacking::All(problem)) => {
                let name = schemes.last().and_then(|s| s.first()).unwrap_or(&"");
                Err(fits.error(
                    &format!("column {name}"),
                    &problem,
                    "a catalog that identifies the spectra and gives redshifts",
                    "map the names in [survey.source.columns]",
                ))
            }
        }
    }

    /// The table in this HDU of a FITS file.
    ///
    /// # Errors
    /// [`Error::Input`] if there is none.
    pub fn at(fits: Fits, hdu: usize) -> Result<Self> {
        Ok(Self::of(FitsTable::at(fits, hdu)?))
    }

    fn text(mut table: TextTable, schemes: &[Scheme]) -> Result<(Self, usize)> {
        let lacking = schemes.iter().map(|s| lacking(table.header(), s));
        let lacking: Vec<Vec<&str>> = lacking.collect();
        match lacking.iter().position(Vec::is_empty) {
            Some(scheme) => Ok((Self::of(table), scheme)),
            None => {
                let some = lacking.iter().zip(schemes).rev();
                let some = some.filter(|(l, s)| l.first() != s.first());
                let nearest = some.map(|(l, _)| l).min_by_key(|l| l.len());
                let name = nearest.or(lacking.last()).and_then(|l| l.first());
                let name = name.unwrap_or(&"");
                Err(missing(&mut table, name))
            }
        }
    }

    fn of(table: impl Table + 'static) -> Self {
        Self {
            table: Box::new(table),
            notes: Vec::new(),
        }
    }

    pub fn rows(&self) -> usize {
        self.table.rows()
    }

    pub fn names(&mut self) -> Result<Vec<String>> {
        self.table.names()
    }

    /// Where the table is in its file; empty for all of it.
    pub fn place(&mut self) -> String {
        self.table.place()
    }

    /// What was left out, in words.
    pub fn into_notes(self) -> Vec<String> {
        self.notes
    }

    /// Whether there is a column of this name, whatever its case.
    pub fn has(&mut self, name: &str) -> bool {
        let names = self.table.names().unwrap_or_default();
        lacking(&names, &vec![name]).is_empty()
    }

    pub fn numbers(&mut self, name: &str) -> Result<Vec<f64>> {
        self.table.numbers(name)
    }

    pub fn ids(&mut self, name: &str) -> Result<Vec<i64>> {
        self.table.ids(name, &whole)
    }

    pub fn ids_by(&mut self, name: &str, read: &dyn Fn(&str) -> Option<i64>) -> Result<Vec<i64>> {
        self.table.ids(name, read)
    }

    pub fn texts(&mut self, name: &str) -> Result<Vec<String>> {
        self.table.texts(name)
    }

    /// A column that is read only where the user named one.
    pub fn asked(&mut self, name: Option<&str>) -> Result<Option<Vec<f64>>> {
        name.map(|n| self.numbers(n)).transpose()
    }

    /// A column that may be absent, or unreadable, under the names that are `usual` for it; of the latter
    /// a note is made. One that is not called by the first of them was named by the user: it must be
    /// there.
    pub fn optional<T>(
        &mut self,
        name: &str,
        usual: &[&str],
        read: fn(&mut Self, &str) -> Result<Vec<T>>,
    ) -> Result<Option<Vec<T>>> {
        if usual.first().is_none_or(|u| !u.eq_ignore_ascii_case(name)) {
            return read(self, name).map(Some);
        }
        let Some(found) = usual.iter().find(|n| self.has(n)) else {
            return Ok(None);
        };
        let values = read(self, found);
        let left_out = |e: &Error| self.notes.push(format!("column {found} is left out: {e}"));
        Ok(values.inspect_err(left_out).ok())
    }
}

/// Why no table of a file has the columns that one must have.
pub(crate) enum Lacking {
    /// The nearest one, in this HDU, lacks this column.
    Column(usize, String),
    /// None has the first of them: what there is instead.
    All(String),
}

/// The first table of a FITS file that has every column of one of `schemes`, and which.
///
/// # Errors
/// [`Error::Input`] if the file cannot be read.
pub(crate) fn table_with(
    fits: &mut Fits,
    schemes: &[Scheme],
) -> Result<std::result::Result<(usize, usize), Lacking>> {
    let mut nearest: Option<(usize, usize, &str)> = None;
    let mut seen = Vec::new();
    for hdu in 1..fits.hdus()? {
        if !fits.seek(hdu)? {
            continue;
        }
        let names: Vec<String> = fits.columns()?.into_iter().map(|c| c.name).collect();
        for (i, scheme) in schemes.iter().enumerate() {
            let lacking = lacking(&names, scheme);
            let Some(name) = lacking.first() else {
                return Ok(Ok((hdu, i)));
            };
            // Of a table without the first of them there is nothing to say.
            let some = scheme.first() != Some(name);
            if some && nearest.is_none_or(|(least, ..)| lacking.len() < least) {
                nearest = Some((lacking.len(), hdu, name));
            }
        }
        seen.extend(names);
    }
    Ok(Err(match nearest {
        Some((_, hdu, name)) => Lacking::Column(hdu, name.to_owned()),
        None if seen.is_empty() => Lacking::All("no table in this file".to_owned()),
        None => Lacking::All(format!("missing (the file has: {})", seen.join(", "))),
    }))
}

/// The names of a scheme that are not among `names`.
fn lacking<'a>(names: &[String], scheme: &Scheme<'a>) -> Vec<&'a str> {
    let absent = |n: &&&str| !names.iter().any(|t| t.eq_ignore_ascii_case(n));
    scheme.iter().filter(absent).copied().collect()
}
