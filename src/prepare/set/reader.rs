//! A prepared set open for reading: the spectra or images of one survey, normalised, in HDF5.
//!
//! Rows are in the order of the input and include the rejected ones (`flag` ≠ 0, all zero), so that
//! every object can be answered for. Written and read in blocks: memory does not grow with the pixels.

use super::columns;
use super::header::SetHeader;
use super::opened::Opened;
use crate::data::{Layout, Object, RowBlock};
use crate::files::hdf5::chosen::by_chunk;
use crate::{Error, Result};
use std::ops::Range;
use std::path::Path;

/// A prepared set open for reading. Objects are in memory, rows are read when asked for.
#[derive(Debug)]
pub struct PreparedSet<H> {
    rows: PreparedRows<H>,
    objects: Vec<Object>,
}

/// The rows of a prepared set without its objects: what a separate thread reads.
#[derive(Debug, Clone)]
pub struct PreparedRows<H> {
    file: Opened,
    header: H,
    len: usize,
}

impl<H: SetHeader> PreparedSet<H> {
    /// Opens a set and checks that it is one.
    ///
    /// # Errors
    /// [`Error::Input`] if the file is missing, not HDF5, not a prepared set of this kind and a known
    /// version, or lacks a dataset or has one of the wrong shape.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let file = Opened::new(path.as_ref(), H::FORMAT, H::WHAT, H::VERSION)?;
        let header = H::read(&file)?;
        let objects = columns::read(&file, H::COLUMNS)?;
        for (name, part) in H::Block::PARTS.iter().zip(header.masked(0).parts()) {
            // A part of no numbers is missing from sets of older versions.
            if part.ncols() > 0 || file.has(name) {
                file.shaped(name, &[objects.len(), part.ncols()])?;
            }
        }
        let len = objects.len();
        let rows = PreparedRows { file, header, len };
        Ok(Self { rows, objects })
    }

    /// Number of rows, rejected ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// One for each row.
    #[must_use]
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.rows.file.path
    }

    /// What the set says of itself.
    #[must_use]
    pub fn header(&self) -> &H {
        &self.rows.header
    }

    /// The TOML text of the job that made the set.
    #[must_use]
    pub fn config(&self) -> &str {
        self.header().config()
    }

    /// What the D numbers of a row are.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.header().layout()
    }

    /// The rows alone.
    #[must_use]
    pub fn rows(&self) -> PreparedRows<H> {
        self.rows.clone()
    }

    /// As [`PreparedRows::read`].
    ///
    /// # Errors
    /// As [`PreparedRows::read`].
    pub fn read(&self, rows: Range<usize>) -> Result<H::Block> {
        self.rows.read(rows)
    }

    /// Reads the rows numbered `rows`, in that order.
    ///
    /// # Errors
    /// As [`PreparedRows::read`].
    pub fn read_rows(&self, rows: &[usize]) -> Result<H::Block> {
        let mut block = self.header().masked(rows.len());
        let mut done = 0;
        for (range, within) in by_chunk(rows, H::CHUNK_ROWS) {
            block.put(done, &self.read(range)?.select(&within));
            done += within.len();
        }
        Ok(block)
    }
}

impl<H: SetHeader> PreparedRows<H> {
    /// Reads the rows `rows`.
    ///
    /// # Errors
    /// [`Error::Input`] if they do not exist or cannot be read.
    pub fn read(&self, rows: Range<usize>) -> Result<H::Block> {
        if rows.end > self.len || rows.start > rows.end {
            return Err(Error::input(
                &self.file.path,
                format!("rows {}..{}", rows.start, rows.end),
                "no such rows",
                format!("rows within 0..{}", self.len),
                "ask for fewer",
            ));
        }
        let mut block = self.header.masked(rows.len());
        for (name, part) in H::Block::PARTS.iter().zip(block.parts_mut()) {
            if part.ncols() > 0 {
                *part = self.file.rows(name, rows.clone())?;
            }
        }
        for (name, column) in H::Block::COLUMNS.iter().zip(block.columns_mut()) {
            if self.file.has(name) {
                *column = self.file.numbers(name, rows.clone())?;
            }
        }
        Ok(block)
    }
}
