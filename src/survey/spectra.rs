//! What every survey of spectra gives, whatever its files.

use super::item::Item;
use super::pixel_mask::PixelMask;
use crate::config::SelectConfig;
use crate::{Error, Result};
use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A survey of spectra, open for reading, row by row in catalog order.
pub(crate) trait Survey: Debug + Send + Sync {
    /// Number of rows.
    fn len(&self) -> usize;

    /// Names that the catalog gives; a survey without a catalog may have none.
    fn names(&self) -> Vec<&str>;

    /// Unit of the flux, as the FITS standard writes it.
    fn flux_unit(&self) -> &str;

    /// Reference frame of the wavelengths as FITS names it; `None` where the files do not say.
    fn specsys(&self) -> Option<&'static str>;

    /// The pixels of the spectra.
    fn pixels(&self) -> Pixels;

    /// Reads each spectrum's sky and its resolution matrix from now on, where `wanted` says so; gives the
    /// diagonals of the matrices. `origin` is what an error names.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if the files hold none.
    fn carry(&mut self, wanted: [bool; 2], origin: &Path) -> Result<usize>;

    /// What the catalog and the files do not share.
    fn unmatched(&self) -> Unmatched {
        Unmatched::default()
    }

    /// What the files say of the pixels besides flux and inverse variance.
    fn beside(&self, _mask: &PixelMask) -> Beside {
        Beside::default()
    }

    /// Reads `rows`, in parallel where each has its own file. A spectrum that cannot be read is a
    /// flagged row.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if the file that holds all rows cannot be read.
    fn read(
        &self,
        rows: Range<usize>,
        mask: &PixelMask,
        select: &SelectConfig,
    ) -> Result<Vec<Item>>;
}

/// Where the pixels of a survey's spectra lie.
#[derive(Debug, Clone)]
pub(crate) enum Pixels {
    /// On the SDSS lattice, each spectrum from a pixel of its own on.
    Sdss,
    /// The same for every spectrum: the two edges of each in log10(λ/Å), vacuum, [n].
    Shared(Arc<[[f64; 2]]>),
    /// Of its own for each spectrum; these are the first one's.
    Own(Arc<[[f64; 2]]>),
}

/// What a catalog and its files do not share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unmatched {
    /// Rows that no file has a spectrum of.
    pub rows: usize,
    /// Files of one spectrum that no row names.
    pub files: Vec<PathBuf>,
    /// Targets of files of many spectra that no row names.
    pub targets: usize,
    /// Further files of a spectrum that is read from another.
    pub twins: Vec<PathBuf>,
    /// Files whose names are none of the survey's, which were not looked into.
    pub passed_over: Vec<PathBuf>,
    /// Spectra that several rows of the catalog name, with different redshifts.
    pub listed_twice: Vec<String>,
    /// What else was left out of the catalog, in words.
    pub notes: Vec<String>,
}

/// What files say of the pixels besides flux and inverse variance.
#[derive(Debug, Clone, Default)]
pub(crate) struct Beside {
    /// What masks pixels, in words.
    pub masked_by: Option<String>,
    /// What is not read.
    pub left_out: Vec<String>,
}

/// The names that occur more than once, each once, sorted.
pub(crate) fn duplicates<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_unstable();
    let runs = names.chunk_by(|a, b| a == b);
    let twice = runs.filter(|run| run.len() > 1);
    twice.map(|run| run[0].to_owned()).collect()
}

/// The spectra, by name, that several of `rows` name with different redshifts; sorted.
pub(crate) fn listed_twice(rows: impl Iterator<Item = (String, f64)>) -> Vec<String> {
    let mut first: HashMap<String, f64> = HashMap::new();
    let mut twice = BTreeSet::new();
    for (name, z) in rows {
        let known = *first.entry(name.clone()).or_insert(z);
        if known.to_bits() != z.to_bits() {
            twice.insert(name);
        }
    }
    twice.into_iter().collect()
}

/// What a survey says that is asked for a sky or a matrix that its files do not hold.
pub(crate) fn holds_none(path: &Path, place: &str, what: &str, expected: &str) -> Error {
    Error::input(
        path,
        place,
        format!("no {what}, which [forward] takes from each spectrum"),
        expected,
        "give such files, or another stage in [forward]",
    )
}
