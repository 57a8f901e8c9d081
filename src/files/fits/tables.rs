//! The tables of a FITS file being written.

use super::sheet::{Sheet, c_text, problem};
use crate::Result;
use fitsio::hdu::FitsHdu;
use fitsio::tables::{ColumnDataType, ColumnDescription, WritesCol};
use std::ffi::{CString, c_int};

/// A column of a table to be made.
pub(crate) struct Column {
    pub name: String,
    pub kind: ColumnDataType,
    /// Characters of a text column, else 1.
    pub width: usize,
    pub unit: String,
    /// IVOA's word for what it holds (TUCD), which TOPCAT and other tools go by; may be empty.
    pub ucd: &'static str,
    /// Whether −1 stands for an unknown value (TNULL).
    pub nullable: bool,
    /// What it holds, beside its name in the header; may be empty.
    pub comment: &'static str,
}

impl Column {
    pub fn new(name: &str, kind: ColumnDataType) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            width: 1,
            unit: String::new(),
            ucd: "",
            nullable: false,
            comment: "",
        }
    }

    /// A column of texts, wide enough for each of `values`.
    pub fn texts(name: &str, values: &[String]) -> Self {
        let width = values.iter().map(String::len).max().unwrap_or(0).max(1);
        Self {
            width,
            ..Self::new(name, ColumnDataType::String)
        }
    }

    pub fn unit(self, unit: &str) -> Self {
        Self {
            unit: unit.to_owned(),
            ..self
        }
    }

    pub fn ucd(self, ucd: &'static str) -> Self {
        Self { ucd, ..self }
    }

    pub fn comment(self, comment: &'static str) -> Self {
        Self { comment, ..self }
    }
}

/// A number as cfitsio knows it.
pub(crate) trait Number {
    const TYPE: c_int;
}

impl Number for f64 {
    const TYPE: c_int = fitsio_sys::TDOUBLE as c_int;
}

impl Number for f32 {
    const TYPE: c_int = fitsio_sys::TFLOAT as c_int;
}

impl Number for i64 {
    const TYPE: c_int = fitsio_sys::TLONGLONG as c_int;
}

impl Number for i16 {
    const TYPE: c_int = fitsio_sys::TSHORT as c_int;
}

impl Sheet {
    /// An empty table, which becomes the current HDU.
    ///
    /// # Errors
    /// [`crate::Error::Output`] if cfitsio refuses it, as all that follow.
    pub fn table(&mut self, name: &str, columns: &[Column]) -> Result<FitsHdu> {
        let described: std::result::Result<Vec<_>, _> = columns
            .iter()
            .map(|c| {
                let mut d = ColumnDescription::new(&c.name);
                d.with_type(c.kind);
                if c.width > 1 || matches!(c.kind, ColumnDataType::String) {
                    d.that_repeats(c.width);
                }
                d.create()
            })
            .collect();
        let described = described.map_err(|e| self.failed(&problem(&e)))?;
        let hdu = self
            .file
            .create_table(name, &described)
            .map_err(|e| self.failed(&problem(&e)))?;
        for (i, c) in columns.iter().enumerate() {
            let key = |stem: &str| format!("{stem}{}", i + 1);
            if !c.unit.is_empty() {
                self.text(&hdu, &key("TUNIT"), &c.unit, "")?;
            }
            if !c.ucd.is_empty() {
                self.text(&hdu, &key("TUCD"), c.ucd, "")?;
            }
            if c.nullable {
                self.key(&hdu, &key("TNULL"), (-1i64, "unknown"))?;
            }
            if !c.comment.is_empty() {
                self.key_comment(&key("TTYPE"), c.comment)?;
            }
        }
        Ok(hdu)
    }

    /// Changes the comment of a key of the current HDU.
    fn key_comment(&mut self, name: &str, comment: &str) -> Result<()> {
        let (name, comment) = (c_text(name), c_text(comment));
        let mut status = 0;
        // SAFETY: the handle is open, both texts end in NUL.
        unsafe {
            let f = self.file.as_raw();
            fitsio_sys::ffmcom(f, name.as_ptr(), comment.as_ptr(), &mut status);
        }
        self.checked(status)
    }

    /// Writes a whole column, one value for each row, or as many as its width for each.
    pub fn column<T: WritesCol>(&mut self, hdu: &FitsHdu, name: &str, values: &[T]) -> Result<()> {
        if values.is_empty() {
            return Ok(());
        }
        hdu.write_col(&mut self.file, name, values)
            .map_err(|e| self.failed(&problem(&e)))
            .map(|_| ())
    }

    /// Writes `values` into a column of the current table, from row `start` (from 0) on. fitsio would look
    /// at every column of the table to write one.
    pub fn rows<T: Number>(&mut self, name: &str, start: usize, values: &[T]) -> Result<()> {
        let number = self.column_number(name)?;
        let (first, count) = (start as i64 + 1, values.len() as i64);
        let (cells, mut status) = (values.as_ptr().cast_mut().cast(), 0);
        // SAFETY: the handle is open; `cells` are `count` numbers of this type, which are only read.
        unsafe {
            let f = self.file.as_raw();
            fitsio_sys::ffpcl(f, T::TYPE, number, first, 1, count, cells, &mut status);
        }
        self.checked(status)
    }

    /// As [`Sheet::rows`], for a column of text.
    pub fn texts(&mut self, name: &str, start: usize, values: &[String]) -> Result<()> {
        let number = self.column_number(name)?;
        let cells: Vec<CString> = values.iter().map(|v| c_text(v)).collect();
        let mut cells: Vec<_> = cells.iter().map(|c| c.as_ptr().cast_mut()).collect();
        let (first, count) = (start as i64 + 1, cells.len() as i64);
        let mut status = 0;
        // SAFETY: the handle is open; each cell ends in NUL and outlives the call, which only reads them.
        unsafe {
            let f = self.file.as_raw();
            fitsio_sys::ffpcls(f, number, first, 1, count, cells.as_mut_ptr(), &mut status);
        }
        self.checked(status)
    }

    /// The number, from 1, of a column of the current table.
    fn column_number(&mut self, name: &str) -> Result<c_int> {
        let name = c_text(name);
        let (mut number, mut status) = (0, 0);
        // SAFETY: the handle is open, the name ends in NUL and is only read.
        unsafe {
            let (f, exact) = (self.file.as_raw(), 1);
            fitsio_sys::ffgcno(f, exact, name.as_ptr().cast_mut(), &mut number, &mut status);
        }
        self.checked(status)?;
        Ok(number)
    }
}
