//! What `prepare` did: counts per reason, and the list of what was left out.

use crate::base::atomic::Pending;
use crate::data::{LogGrid, Object, flag};
use crate::{Error, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Examples shown of a list that may be long.
const SHOWN: usize = 5;

/// The outcome of a preparation.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub prepared: PathBuf,
    /// CSV of every rejected row.
    pub rejected_list: PathBuf,
    pub rows: usize,
    pub used: usize,
    /// Rows per flag; a row may have several.
    pub rejected: BTreeMap<&'static str, usize>,
    /// Why the first rejected row was.
    #[serde(skip)]
    pub(crate) first_reason: Option<String>,
    pub pixels: usize,
    /// Outer edges of the grid in Å.
    pub wavelength: [f64; 2],
    /// Names that occur more than once.
    pub duplicate_names: Vec<String>,
    /// Catalog rows without a spec file (whether or not they were selected).
    pub rows_without_file: usize,
    /// Spec files that the catalog does not name.
    pub files_without_row: Vec<PathBuf>,
    /// Targets of DESI files that the catalog does not name.
    pub targets_without_row: usize,
    /// Further files of a spectrum that was read from another.
    pub twin_files: Vec<PathBuf>,
    /// Files whose names are none of the survey's, which were not looked into.
    pub passed_over: Vec<PathBuf>,
    /// Spectra that several rows name, with different redshifts.
    pub listed_twice: Vec<String>,
    /// What masks pixels besides flux and inverse variance, where the file has it.
    pub masked_by: Option<String>,
    /// What the file holds of each pixel that is not read.
    pub left_out: Vec<String>,
    /// Spectra with pixels far beyond what their noise and level allow, which are masked, and how many
    /// such pixels.
    pub impossible: Vec<String>,
    pub impossible_pixels: usize,
    /// Used spectra whose line-spread function is unknown.
    pub without_lsf: usize,
    /// Used spectra whose file lacks the mask column: masked by ivar alone.
    pub without_mask: usize,
    /// Used spectra on other pixels than the survey's: `noise_rho` does not hold for them.
    pub other_grid: usize,
}

impl Report {
    pub(crate) fn new(prepared: &Path, rejected_list: &Path, grid: &LogGrid, rows: usize) -> Self {
        let edge = |i: f64| 10f64.powf(grid.loglam0 + (i - 0.5) * grid.dloglam);
        Self {
            prepared: prepared.to_path_buf(),
            rejected_list: rejected_list.to_path_buf(),
            rows,
            used: 0,
            rejected: BTreeMap::new(),
            first_reason: None,
            pixels: grid.pixels,
            wavelength: [edge(0.0), edge(grid.pixels as f64)],
            duplicate_names: Vec::new(),
            rows_without_file: 0,
            files_without_row: Vec::new(),
            targets_without_row: 0,
            twin_files: Vec::new(),
            passed_over: Vec::new(),
            listed_twice: Vec::new(),
            masked_by: None,
            left_out: Vec::new(),
            impossible: Vec::new(),
            impossible_pixels: 0,
            without_lsf: 0,
            without_mask: 0,
            other_grid: 0,
        }
    }

    /// Counts one finished row.
    pub(crate) fn count(&mut self, object: &Object) {
        if object.flag == flag::GOOD {
            self.used += 1;
        } else if self.first_reason.is_none() {
            self.first_reason = Some(object.reason.clone());
        }
        for name in flag_names(object.flag) {
            *self.rejected.entry(name).or_default() += 1;
        }
    }

    /// The counts in one line: `REDSHIFT 12, SNR 3`.
    #[must_use]
    pub fn counts(&self) -> String {
        let each = self.rejected.iter().map(|(name, n)| format!("{name} {n}"));
        each.collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [low, high] = self.wavelength;
        writeln!(
            f,
            "{}: {} of {} spectra, {} pixels, {low:.1}-{high:.1} Å (vacuum)",
            self.prepared.display(),
            self.used,
            self.rows,
            self.pixels
        )?;
        for (_, name, meaning) in flag::MEANINGS {
            if let Some(n) = self.rejected.get(name) {
                writeln!(f, "  {n:>8}  {name:<11} {meaning}")?;
            }
        }
        let files = |v: &[PathBuf]| -> Vec<String> {
            v.iter()
                .take(SHOWN)
                .map(|p| p.display().to_string())
                .collect()
        };
        let some = |v: &[String]| -> Vec<String> { v.iter().take(SHOWN).cloned().collect() };
        let names = some(&self.duplicate_names);
        let beyond = format!(
            "spectra have pixels far beyond what their noise and level allow ({} in all, masked)",
            self.impossible_pixels
        );
        let empty = Vec::new;
        for (n, what, examples) in [
            (
                self.duplicate_names.len(),
                "names occur more than once",
                names,
            ),
            (
                self.rows_without_file,
                "catalog rows have no spectrum",
                empty(),
            ),
            (
                self.files_without_row.len(),
                "spec files are not in the catalog",
                files(&self.files_without_row),
            ),
            (
                self.targets_without_row,
                "targets of the files are not in the catalog",
                empty(),
            ),
            (
                self.twin_files.len(),
                "files repeat a spectrum that was read from another",
                files(&self.twin_files),
            ),
            (
                self.passed_over.len(),
                "files have other names than those of the survey, and are not looked into",
                files(&self.passed_over),
            ),
            (
                self.listed_twice.len(),
                "spectra are listed more than once, with different redshifts",
                some(&self.listed_twice),
            ),
            (
                self.left_out.len(),
                "parts of the file are not read",
                some(&self.left_out),
            ),
            (self.impossible.len(), &beyond, some(&self.impossible)),
            (
                self.without_lsf,
                "spectra have no line-spread function (wdisp)",
                empty(),
            ),
            (
                self.without_mask,
                "spectra have no mask column: masked by ivar alone",
                empty(),
            ),
            (
                self.other_grid,
                "spectra lie on another native grid than the rest: noise_rho does not hold for them",
                empty(),
            ),
        ] {
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
        if let Some(mask) = &self.masked_by {
            writeln!(f, "  note: {mask}")?;
        }
        write!(
            f,
            "  rejected spectra are listed, with reasons, in {}",
            self.rejected_list.display()
        )
    }
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

/// The CSV of rejected rows, written as they come.
#[derive(Debug)]
pub(crate) struct RejectedList {
    pending: Pending,
    path: PathBuf,
    out: BufWriter<File>,
}

impl RejectedList {
    pub fn create(path: &Path) -> Result<Self> {
        let pending = Pending::new(path)?;
        let file = File::create(pending.path()).map_err(|e| unwritable(path, &e))?;
        let mut list = Self {
            pending,
            path: path.to_path_buf(),
            out: BufWriter::new(file),
        };
        list.line("row,name,plate,mjd,fiberid,z,flag,flags,reason,source")?;
        Ok(list)
    }

    pub fn add(&mut self, row: usize, o: &Object) -> Result<()> {
        self.line(&format!(
            "{row},{},{},{},{},{},{},{},{},{}",
            quoted(&o.name),
            o.plate,
            o.mjd,
            o.fiberid,
            o.z,
            o.flag,
            flag_names(o.flag).join("|"),
            quoted(&o.reason),
            quoted(&o.source)
        ))
    }

    fn line(&mut self, text: &str) -> Result<()> {
        writeln!(self.out, "{text}").map_err(|e| unwritable(&self.path, &e))
    }

    pub fn finish(mut self) -> Result<()> {
        self.out.flush().map_err(|e| unwritable(&self.path, &e))?;
        drop(self.out);
        self.pending.commit()
    }
}

fn unwritable(path: &Path, e: &std::io::Error) -> Error {
    Error::output(path, e, "check free space and permissions")
}

/// A CSV field (RFC 4180).
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
