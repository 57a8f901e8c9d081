//! Restored images: one FITS or HDF5 file with images [N, C, H, W] ([N, H, W] for one channel) in
//! the units of the observations, and a table.
//!
//! Written in blocks: memory does not grow with the number of images, except for the table. FITS holds
//! the images as HDUs and the table as CATALOG; HDF5 the same under lower-case names.

mod fits;
mod foreign;
mod hdf5;
pub(crate) mod header;
pub(crate) mod merge;
mod table;

pub use header::RestoredImagesHeader;
pub use table::ImageTable;

use super::catalog::RestoredBlock;
use super::shard::Shard;
use crate::data::{ImageLayout, Method, Object};
use crate::files::format::{Format, format};
use crate::{Error, Result};
use foreign::foreign;
use ndarray::Array2;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Writes restored images as a stream; the file appears only when it is complete.
pub struct RestoredImagesWriter {
    target: PathBuf,
    rows: usize,
    written: usize,
    sink: Sink,
}

enum Sink {
    Fits(fits::Writer),
    Hdf5(hdf5::Writer),
}

impl RestoredImagesWriter {
    /// Lays out the images of `rows` objects; FITS or HDF5 by the extension of `path`.
    ///
    /// # Errors
    /// [`Error::Output`] for another extension, or if the file cannot be written.
    pub fn create(
        path: impl AsRef<Path>,
        header: &RestoredImagesHeader,
        rows: usize,
    ) -> Result<Self> {
        let target = path.as_ref().to_path_buf();
        let sink = match format(&target) {
            Some(Format::Fits) => Sink::Fits(fits::Writer::create(&target, header, rows)?),
            Some(Format::Hdf5) => Sink::Hdf5(hdf5::Writer::create(&target, header, rows)?),
            None => return Err(unknown(&target)),
        };
        Ok(Self {
            target,
            rows,
            written: 0,
            sink,
        })
    }

    /// Notes in the file that this is a part of a restoration.
    ///
    /// # Errors
    /// [`Error::Output`] if the file cannot be written.
    pub fn as_shard(mut self, shard: &Shard) -> Result<Self> {
        match &mut self.sink {
            Sink::Fits(w) => w.keys(&shard.keys())?,
            Sink::Hdf5(w) => w.keys(&shard.keys())?,
        }
        Ok(self)
    }

    /// Writes the next rows, [n, D] each and in the units of the file; NaN where there is nothing.
    ///
    /// # Errors
    /// [`Error::Output`] if the disk is full, or the block lacks an image of the header or has more
    /// rows than were announced.
    pub fn write(&mut self, block: &RestoredBlock) -> Result<()> {
        let (start, n) = (self.written, block.restored.nrows());
        if start + n > self.rows {
            return Err(self.miscounted(start + n));
        }
        match &mut self.sink {
            Sink::Fits(w) => w.write(start, block)?,
            Sink::Hdf5(w) => w.write(start, block)?,
        }
        self.written += n;
        Ok(())
    }

    /// Writes the table and moves the file to its place.
    ///
    /// # Errors
    /// [`Error::Output`] if rows are missing or the disk is full.
    pub fn finish(self, table: &ImageTable) -> Result<()> {
        if self.written != self.rows || table.objects.len() != self.rows {
            return Err(self.miscounted(self.written.min(table.objects.len())));
        }
        match self.sink {
            Sink::Fits(w) => w.finish(table),
            Sink::Hdf5(w) => w.finish(table),
        }
    }

    fn miscounted(&self, n: usize) -> Error {
        let problem = format!("{n} rows where {} were announced", self.rows);
        Error::output(&self.target, problem, "write every row once")
    }
}

fn unknown(path: &Path) -> Error {
    Error::output(
        path,
        "the extension is neither .fits nor .h5",
        "name it e.g. restored.fits or restored.h5",
    )
}

/// Restored images, read back: header and table in memory, images when asked for.
#[derive(Debug)]
pub struct RestoredImages {
    path: PathBuf,
    header: RestoredImagesHeader,
    table: ImageTable,
}

impl RestoredImages {
    /// Reads header and table.
    ///
    /// # Errors
    /// [`Error::Input`] if the file is not one of restored images.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let (header, table) = match format(&path) {
            Some(Format::Fits) => fits::open(&path)?,
            Some(Format::Hdf5) => hdf5::open(&path)?,
            None => {
                return Err(foreign(
                    &path,
                    "",
                    "the extension is neither .fits nor .h5".to_owned(),
                ));
            }
        };
        Ok(Self {
            path,
            header,
            table,
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says of itself.
    #[must_use]
    pub fn header(&self) -> &RestoredImagesHeader {
        &self.header
    }

    /// Shape and scale of the images.
    #[must_use]
    pub fn layout(&self) -> &ImageLayout {
        &self.header.layout
    }

    /// As [`Provenance::method`](crate::data::Provenance::method).
    #[must_use]
    pub fn method(&self) -> Method {
        self.header.made.method
    }

    /// As of [`super::catalog::Restored::single`].
    #[must_use]
    pub fn single(&self) -> &'static str {
        self.method().single()
    }

    /// SDE draws per object; 1 for the ODE.
    #[must_use]
    pub fn draws(&self) -> usize {
        self.header.made.draws
    }

    /// The table beside the images.
    #[must_use]
    pub fn table(&self) -> &ImageTable {
        &self.table
    }

    /// The rows, in the order of the images.
    #[must_use]
    pub fn objects(&self) -> &[Object] {
        &self.table.objects
    }

    /// Whether each row was kept out of training.
    #[must_use]
    pub fn heldout(&self) -> &[bool] {
        &self.table.heldout
    }

    /// Class of each object; −1 where unknown.
    #[must_use]
    pub fn labels(&self) -> &[i64] {
        &self.table.labels
    }

    /// All images `name` (`RESTORED`, `SIGMA`, `DRAW`, `Q16`, `OBSERVED`, `IVAR`), [N, D].
    ///
    /// # Errors
    /// [`Error::Input`] if the file has no such images.
    pub fn image(&self, name: &str) -> Result<Array2<f32>> {
        self.read(name, 0..self.objects().len())
    }

    /// The images `name` of `rows`, [n, D].
    ///
    /// # Errors
    /// [`Error::Input`] if the file has no such images or rows.
    pub fn read(&self, name: &str, rows: Range<usize>) -> Result<Array2<f32>> {
        let names = self.header.images();
        if !names.iter().any(|n| n == name) {
            let problem = format!("there is none; the file has {}", names.join(", "));
            return Err(foreign(&self.path, name, problem));
        }
        if rows.start > rows.end || rows.end > self.objects().len() {
            let problem = format!("rows {rows:?} of {}", self.objects().len());
            return Err(foreign(&self.path, name, problem));
        }
        let shape = self.header.shape(self.objects().len());
        match format(&self.path) {
            Some(Format::Hdf5) => hdf5::read(&self.path, name, &shape, rows),
            _ => fits::read(&self.path, name, &shape, rows),
        }
    }
}
