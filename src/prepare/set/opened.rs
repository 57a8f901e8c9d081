//! An HDF5 file that is open as a prepared set, and what is wrong with it in our words.

use crate::files::hdf5::read;
use crate::{Error, Result};
use hdf5::{Dataset, File, H5Type};
use ndarray::{Array2, s};
use std::fmt::Display;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The file of a prepared set.
#[derive(Debug, Clone)]
pub struct Opened {
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// What it should be, in words: "a prepared set".
    what: &'static str,
    /// The version of its form.
    pub(super) version: i64,
}

impl Opened {
    /// Opens a file that says that it is of `format`.
    ///
    /// # Errors
    /// [`Error::Input`] if it is missing, not HDF5, or something else.
    pub(super) fn new(path: &Path, format: &str, what: &'static str, newest: i64) -> Result<Self> {
        let mut opened = Self {
            version: 0,
            path: path.to_path_buf(),
            file: read::open(path)?,
            what,
        };
        let found = read::text_attribute(&opened.file, "format").unwrap_or_default();
        let version = opened
            .file
            .attr("version")
            .and_then(|a| a.read_scalar::<i64>());
        if let Ok(version) = version
            && found == format
            && (1..=newest).contains(&version)
        {
            opened.version = version;
            return Ok(opened);
        }
        let problem = format!("`{found}`, not {what} of version {newest}");
        let fix = "make one with `selfsi prepare CONFIG`";
        let place = "attribute format";
        Err(Error::input(
            path,
            place,
            problem,
            format!("`{format}`"),
            fix,
        ))
    }

    /// An error that says what is wrong at `place`.
    pub(super) fn wrong(
        &self,
        place: &str,
        problem: impl Display,
        expected: impl Display,
    ) -> Error {
        let fix = "make the set again with `selfsi prepare CONFIG`";
        Error::input(&self.path, place, problem, expected, fix)
    }

    /// Whether there is a dataset of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.file.dataset(name).is_ok()
    }

    /// The dataset `name`, of whatever shape.
    ///
    /// # Errors
    /// [`Error::Input`] if there is none.
    pub(super) fn dataset(&self, name: &str) -> Result<Dataset> {
        let expected = format!("a dataset of {}", self.what);
        read::dataset(&self.file, &self.path, name, &expected)
    }

    /// The dataset `name`, which must have the given shape.
    ///
    /// # Errors
    /// [`Error::Input`] if there is none, or it has another shape.
    pub(super) fn shaped(&self, name: &str, shape: &[usize]) -> Result<Dataset> {
        let data = self.dataset(name)?;
        if data.shape() == shape {
            return Ok(data);
        }
        let problem = format!("shape {:?}", data.shape());
        Err(self.wrong(
            &format!("dataset {name}"),
            problem,
            format!("shape {shape:?}"),
        ))
    }

    /// All the numbers of the dataset `name`, `n` of them if that is known.
    ///
    /// # Errors
    /// [`Error::Input`] if there are others, or they cannot be read.
    pub(super) fn column<T: H5Type>(&self, name: &str, n: Option<usize>) -> Result<Vec<T>> {
        let data = match n {
            Some(n) => self.shaped(name, &[n])?,
            None => self.dataset(name)?,
        };
        data.read_raw().map_err(|e| self.unreadable(name, &e))
    }

    /// The `n` texts of the dataset `name`.
    ///
    /// # Errors
    /// As [`Opened::column`].
    pub(super) fn texts(&self, name: &str, n: usize) -> Result<Vec<String>> {
        let data = self.shaped(name, &[n])?;
        read::names(&data).map_err(|e| self.unreadable(name, &e))
    }

    /// Rows of the dataset `name`, [n, D].
    ///
    /// # Errors
    /// [`Error::Input`] if they cannot be read.
    pub(super) fn rows(&self, name: &str, rows: Range<usize>) -> Result<Array2<f32>> {
        let read = |d: Dataset| d.read_slice_2d(s![rows, ..]);
        let read = self.file.dataset(name).and_then(read);
        read.map_err(|e| self.unreadable(name, &e))
    }

    /// Rows of the column `name`.
    ///
    /// # Errors
    /// As [`Opened::rows`].
    pub(super) fn numbers(&self, name: &str, rows: Range<usize>) -> Result<Vec<f64>> {
        let read = |d: Dataset| d.read_slice_1d(s![rows]);
        let read = self.file.dataset(name).and_then(read);
        Ok(read.map_err(|e| self.unreadable(name, &e))?.to_vec())
    }

    fn unreadable(&self, name: &str, e: &hdf5::Error) -> Error {
        read::bad(&self.path, &format!("dataset {name}"), e)
    }
}
