//! A table of a file, FITS or text: its columns as numbers, identifiers or names.

use super::cells::number;
use super::fits::column::Column;
use super::fits::read::Fits;
use super::text_table::TextTable;
use crate::{Error, Result};
use std::fmt::Debug;

/// A table, whatever the format of its file. Names of columns are compared without regard to case.
///
/// # Errors
/// Of all: [`Error::Input`] if a column is missing or cannot be read as what is asked for.
pub(crate) trait Table: Debug {
    fn rows(&self) -> usize;

    fn names(&mut self) -> Result<Vec<String>>;

    /// A column of numbers, also as digits; NaN where there is none.
    fn numbers(&mut self, name: &str) -> Result<Vec<f64>>;

    /// A column of whole numbers; −1 where there is none. Those that are text are told by `read`.
    fn ids(&mut self, name: &str, read: &dyn Fn(&str) -> Option<i64>) -> Result<Vec<i64>>;

    fn texts(&mut self, name: &str) -> Result<Vec<String>>;

    /// Where the table is in its file; empty for all of it.
    fn place(&mut self) -> String;

    /// That something is wrong with a column.
    fn error(&mut self, column: &str, problem: &str, expected: &str) -> Error;
}

const FIX: &str = "map the name in [survey.source.columns]";

/// That `table` has no column of this name.
pub(crate) fn missing(table: &mut dyn Table, name: &str) -> Error {
    let names = table.names().unwrap_or_default().join(", ");
    let problem = format!("missing (the table has: {names})");
    table.error(name, &problem, "the columns of [survey.source.columns]")
}

/// A table of a FITS file.
#[derive(Debug)]
pub(crate) struct FitsTable {
    /// At the table's HDU.
    fits: Fits,
    rows: usize,
}

impl FitsTable {
    /// The table in HDU number `hdu`.
    ///
    /// # Errors
    /// [`Error::Input`] if it cannot be read.
    pub fn at(mut fits: Fits, hdu: usize) -> Result<Self> {
        fits.seek(hdu)?;
        let rows = fits.rows()?;
        Ok(Self { fits, rows })
    }

    fn column(&mut self, name: &str) -> Result<Column> {
        let Some(column) = self.fits.column(name) else {
            return Err(missing(self, name));
        };
        if !column.text && column.repeat != 1 {
            let problem = format!("{} values per row", column.repeat);
            return Err(self.error(name, &problem, "one value per row"));
        }
        Ok(column)
    }

    /// The texts of a column, each as `read` takes it.
    fn cells<T>(
        &mut self,
        column: &Column,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>> {
        let texts = self.fits.texts(column, self.rows)?;
        let mut values = Vec::with_capacity(texts.len());
        for (row, cell) in texts.iter().enumerate() {
            let Some(value) = read(cell) else {
                let problem = format!("`{cell}` in row {row}");
                return Err(self.error(&column.name, &problem, expected));
            };
            values.push(value);
        }
        Ok(values)
    }
}

impl Table for FitsTable {
    fn rows(&self) -> usize {
        self.rows
    }

    fn names(&mut self) -> Result<Vec<String>> {
        Ok(self.fits.columns()?.into_iter().map(|c| c.name).collect())
    }

    fn numbers(&mut self, name: &str) -> Result<Vec<f64>> {
        let column = self.column(name)?;
        match column.text {
            true => self.cells(&column, "numbers", number),
            false => self.fits.floats(&column, self.rows),
        }
    }

    fn ids(&mut self, name: &str, read: &dyn Fn(&str) -> Option<i64>) -> Result<Vec<i64>> {
        let column = self.column(name)?;
        match column.text {
            true => self.cells(&column, "whole numbers", read),
            false => self.fits.integers(&column, self.rows),
        }
    }

    fn texts(&mut self, name: &str) -> Result<Vec<String>> {
        let column = self.column(name)?;
        self.fits.texts(&column, self.rows)
    }

    fn place(&mut self) -> String {
        self.fits.place()
    }

    fn error(&mut self, column: &str, problem: &str, expected: &str) -> Error {
        let place = format!("{} column {column}", self.fits.place());
        self.fits.error(&place, problem, expected, FIX)
    }
}

impl Table for TextTable {
    fn rows(&self) -> usize {
        self.count()
    }

    fn names(&mut self) -> Result<Vec<String>> {
        Ok(self.header().to_vec())
    }

    fn numbers(&mut self, name: &str) -> Result<Vec<f64>> {
        self.column(name, "numbers", number)
    }

    fn ids(&mut self, name: &str, read: &dyn Fn(&str) -> Option<i64>) -> Result<Vec<i64>> {
        self.column(name, "whole numbers", read)
    }

    fn texts(&mut self, name: &str) -> Result<Vec<String>> {
        self.column(name, "text", |cell| Some(cell.to_owned()))
    }

    fn place(&mut self) -> String {
        String::new()
    }

    fn error(&mut self, column: &str, problem: &str, expected: &str) -> Error {
        Error::input(
            self.path(),
            format!("column {column}"),
            problem,
            expected,
            FIX,
        )
    }
}
