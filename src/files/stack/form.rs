//! What FITS and HDF5 each do in their own way.

use super::plan::Column;
use crate::data::provenance::Key;
use crate::{Error, Result};
use ndarray::{Array2, Array3, ArrayView3};
use std::ops::Range;
use std::path::Path;

/// A file under construction.
pub(super) trait Sink {
    fn keys(&mut self, more: &[Key]) -> Result<()>;

    /// Rows from number `start` on of every image, [n, D] each, and of the image of all draws, [draws, n, D],
    /// where there is one.
    fn write(
        &mut self,
        start: usize,
        images: &[&Array2<f32>],
        draws: Option<ArrayView3<f32>>,
    ) -> Result<()>;

    fn finish(self: Box<Self>, table: &[Column<'_>]) -> Result<()>;
}

/// An open file. What it should hold and does not is an [`Error::Input`].
pub(crate) trait Reader {
    /// Where its keys are, for messages.
    fn place_of_keys(&self) -> &'static str;

    /// A key as text; `None` if there is none.
    fn key(&mut self, name: &str) -> Option<String>;

    /// What was done, line by line.
    fn history(&mut self) -> Result<Vec<String>>;

    /// Compares all of it with its length and checksums, where they are not compared on reading.
    fn check_whole(&mut self) -> Result<()>;

    /// Axes of an image, slowest first.
    fn shape(&mut self, image: &str) -> Result<Vec<usize>>;

    /// A column of texts [N].
    fn texts(&mut self, column: &str) -> Result<Vec<String>>;

    /// Whether the table has this column.
    fn has(&mut self, column: &str) -> bool;

    /// A column of numbers [N].
    fn real(&mut self, column: &str) -> Result<Vec<f64>>;

    /// A column of integers [N].
    fn whole(&mut self, column: &str) -> Result<Vec<i64>>;

    /// A column of `width` numbers each, [N, `width`].
    fn several(&mut self, column: &str, width: usize) -> Result<Array2<f32>>;

    /// log10 of the wavelengths [D]; empty where there are none.
    fn loglam(&mut self) -> Result<Vec<f64>>;

    /// The rows `rows` of an image of axes `shape`, [n, D].
    fn rows(&mut self, image: &str, shape: &[usize], rows: Range<usize>) -> Result<Array2<f32>>;

    /// The rows `rows` of an image of axes `shape`, of which the first is that of the draws, [draws, n, D].
    fn draws(&mut self, image: &str, shape: &[usize], rows: Range<usize>) -> Result<Array3<f32>>;
}

/// What a file should be, in the words of messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// e.g. `restored images of selfsi`.
    pub expected: &'static str,
    pub fix: &'static str,
}

impl Kind {
    /// That `path` is something else.
    pub fn foreign(self, path: &Path, place: &str, problem: impl std::fmt::Display) -> Error {
        Error::input(path, place, problem, self.expected, self.fix)
    }
}
