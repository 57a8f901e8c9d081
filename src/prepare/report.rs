//! What `prepare` did: counts per reason, and what else there is to know of spectra or of images.

use crate::data::{Object, RowBlock, flag};
use hdf5::File;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Examples shown of a list that may be long.
const SHOWN: usize = 5;

/// The outcome of a preparation.
#[derive(Debug, Clone, Serialize)]
pub struct Report<D> {
    /// The prepared set.
    pub prepared: PathBuf,
    /// CSV of every rejected row.
    pub rejected_list: PathBuf,
    /// Rows of the input.
    pub rows: usize,
    /// Rows with FLAG = 0.
    pub used: usize,
    /// Rows per flag; a row may have several.
    pub rejected: BTreeMap<&'static str, usize>,
    /// Why the first rejected row was.
    #[serde(skip)]
    pub(crate) first_reason: Option<String>,
    /// Names that occur more than once.
    pub duplicate_names: Vec<String>,
    /// What there is to know of this kind of data.
    #[serde(flatten)]
    pub details: D,
}

/// What a report tells of one kind of data.
pub trait Details {
    /// The rows in memory.
    type Block: RowBlock;
    /// What reading a chunk of rows found, besides the rows.
    type Found: Send;
    /// What the rows are, in the plural.
    const ROWS: &'static str;

    /// Counts the rows of a chunk.
    fn count(&mut self, objects: &[Object], block: &Self::Block, found: &Self::Found);

    /// Takes the sums of what was counted, when all rows are, and writes what the set keeps of them into its
    /// file.
    ///
    /// # Errors
    /// HDF5's.
    fn close(&mut self, _file: &File) -> hdf5::Result<()> {
        Ok(())
    }

    /// What a row is made of.
    fn shape(&self) -> String;

    /// What to add to the meaning of a flag.
    fn limit(&self, _flag: &str) -> String {
        String::new()
    }

    /// Lines that follow the counts.
    fn lines(&self) -> Vec<String> {
        Vec::new()
    }

    /// What the user should look at.
    fn notes(&self) -> Vec<Note> {
        Vec::new()
    }
}

/// A count of what the user should look at, with examples where there are any.
#[derive(Debug, Clone)]
pub struct Note {
    n: usize,
    what: String,
    examples: Vec<String>,
}

impl Note {
    /// Of `n` things, `what` is the rest of the sentence.
    pub(super) fn of(n: usize, what: &str) -> Self {
        Self {
            n,
            what: what.to_owned(),
            examples: Vec::new(),
        }
    }

    /// Of the things in a list, some of which are shown.
    pub(super) fn with_examples<T>(list: &[T], what: &str, text: impl Fn(&T) -> String) -> Self {
        Self {
            n: list.len(),
            what: what.to_owned(),
            examples: list.iter().take(SHOWN).map(text).collect(),
        }
    }
}

impl<D: Details> Report<D> {
    /// Of a preparation that has not begun.
    pub(super) fn new(
        prepared: &Path,
        rows: usize,
        duplicate_names: Vec<String>,
        details: D,
    ) -> Self {
        Self {
            prepared: prepared.to_path_buf(),
            rejected_list: rejected_path(prepared),
            rows,
            used: 0,
            rejected: BTreeMap::new(),
            first_reason: None,
            duplicate_names,
            details,
        }
    }

    /// Counts finished rows.
    pub(super) fn count(&mut self, objects: &[Object], block: &D::Block, found: &D::Found) {
        for object in objects {
            if object.flag == flag::GOOD {
                self.used += 1;
            } else if self.first_reason.is_none() {
                self.first_reason = Some(object.reason.clone());
            }
            for name in flag_names(object.flag) {
                *self.rejected.entry(name).or_default() += 1;
            }
        }
        self.details.count(objects, block, found);
    }

    /// That no row is usable, and why the rows are not.
    pub(super) fn nothing_usable(&self) -> String {
        let each = self.rejected.iter().map(|(name, n)| format!("{name} {n}"));
        format!(
            "none of {} {} is usable ({}; the first: {})",
            self.rows,
            D::ROWS,
            each.collect::<Vec<_>>().join(", "),
            self.first_reason.as_deref().unwrap_or("no reason")
        )
    }
}

impl<D: Details> fmt::Display for Report<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (used, rows, shape) = (self.used, self.rows, self.details.shape());
        let path = self.prepared.display();
        writeln!(f, "{path}: {used} of {rows} {}, {shape}", D::ROWS)?;
        for (_, name, meaning) in flag::MEANINGS {
            if let Some(n) = self.rejected.get(name) {
                let limit = self.details.limit(name);
                writeln!(f, "  {n:>8}  {name:<11} {meaning}{limit}")?;
            }
        }
        for line in self.details.lines() {
            writeln!(f, "  {line}")?;
        }
        let twice = "names occur more than once";
        let twice = Note::with_examples(&self.duplicate_names, twice, Clone::clone);
        for Note { n, what, examples } in [twice].into_iter().chain(self.details.notes()) {
            if n > 0 {
                let dots = if n > examples.len() { ", …" } else { "" };
                let such_as = if examples.is_empty() {
                    String::new()
                } else {
                    format!(": {}{dots}", examples.join(", "))
                };
                writeln!(f, "  note: {n} {what}{such_as}")?;
            }
        }
        let list = self.rejected_list.display();
        write!(
            f,
            "  rejected {} are listed, with reasons, in {list}",
            D::ROWS
        )
    }
}

/// PREPARED.rejected.csv.
#[must_use]
pub fn rejected_path(prepared: &Path) -> PathBuf {
    let mut name = prepared.as_os_str().to_owned();
    name.push(".rejected.csv");
    PathBuf::from(name)
}

/// Names of the bits of a flag.
#[must_use]
pub fn flag_names(bits: i32) -> Vec<&'static str> {
    flag::MEANINGS
        .iter()
        .filter(|(bit, ..)| bits & bit != 0)
        .map(|(_, name, _)| *name)
        .collect()
}
