//! Writing: rows as a stream, then the table.

use super::form::Sink;
use super::plan::{Column, Plan};
use super::{fits, hdf5};
use crate::data::provenance::Key;
use crate::files::format::{Format, format};
use crate::{Error, Result};
use ndarray::{Array2, ArrayView3, Axis};
use std::path::{Path, PathBuf};

/// A file under construction; it appears only when it is complete.
pub(crate) struct StackWriter {
    target: PathBuf,
    rows: usize,
    /// Of each object, where all are written.
    draws: Option<usize>,
    written: usize,
    sink: Box<dyn Sink>,
}

/// Whether `path` names a format that can be written: to be asked before long work. `example` is the stem
/// of a good name.
///
/// # Errors
/// [`Error::Output`] if not.
pub(crate) fn check_extension(path: &Path, example: &str) -> Result<()> {
    let known = format(path).map(|_| ());
    known.ok_or_else(|| {
        Error::output(
            path,
            "the extension is neither .fits nor .h5",
            format!("name it e.g. {example}.fits or {example}.h5"),
        )
    })
}

impl StackWriter {
    /// Lays out the file: HDF5 where the extension of `path` says so, else FITS.
    ///
    /// # Errors
    /// [`Error::Output`] if the file cannot be written.
    pub fn create(path: &Path, plan: &Plan<'_>) -> Result<Self> {
        let sink: Box<dyn Sink> = match format(path) {
            Some(Format::Hdf5) => Box::new(hdf5::Writer::create(path, plan)?),
            _ => Box::new(fits::Writer::create(path, plan)?),
        };
        Ok(Self {
            target: path.to_path_buf(),
            rows: plan.shape[0],
            draws: plan.draws.as_ref().map(|(_, count)| *count),
            written: 0,
            sink,
        })
    }

    /// More keys of the file.
    ///
    /// # Errors
    /// [`Error::Output`] if the file cannot be written.
    pub fn keys(&mut self, more: &[Key]) -> Result<()> {
        self.sink.keys(more)
    }

    /// Writes the next rows of every image, in their order, [n, D] each, and all draws of them, [draws, n, D],
    /// where they were announced.
    ///
    /// # Errors
    /// [`Error::Output`] if the disk is full, more rows come than were announced, or other draws.
    pub fn write(&mut self, images: &[&Array2<f32>], draws: Option<ArrayView3<f32>>) -> Result<()> {
        let n = images.first().map_or(0, |rows| rows.nrows());
        if self.written + n > self.rows {
            return Err(self.miscounted(self.written + n));
        }
        let given = draws.map(|d| [d.len_of(Axis(0)), d.len_of(Axis(1))]);
        if given != self.draws.map(|count| [count, n]) {
            let problem = format!(
                "draws and rows {given:?} where {:?} draws were announced",
                self.draws
            );
            let fix = "write every draw of every row, if any";
            return Err(Error::output(&self.target, problem, fix));
        }
        self.sink.write(self.written, images, draws)?;
        self.written += n;
        Ok(())
    }

    /// Writes the table, which has `rows` rows, and moves the file to its place.
    ///
    /// # Errors
    /// [`Error::Output`] if rows are missing or the disk is full.
    pub fn finish(self, rows: usize, table: &[Column<'_>]) -> Result<()> {
        if self.written != self.rows || rows != self.rows {
            return Err(self.miscounted(self.written.min(rows)));
        }
        self.sink.finish(table)
    }

    fn miscounted(&self, n: usize) -> Error {
        let problem = format!("{n} rows where {} were announced", self.rows);
        Error::output(&self.target, problem, "write every row once")
    }
}
