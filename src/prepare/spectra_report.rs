//! What the preparation of spectra found besides the counts per reason.

use super::report::{Details, Note};
use crate::data::{Block, LogGrid, Object};
use crate::survey::spectra::Unmatched;
use serde::Serialize;
use std::path::PathBuf;

/// Of a survey of spectra.
#[derive(Debug, Clone, Serialize)]
pub struct SpectraDetails {
    /// Pixels of the grid.
    pub pixels: usize,
    /// Outer edges of the grid in Å.
    pub wavelength: [f64; 2],
    /// Catalog rows without a spec file (whether or not they were selected).
    pub rows_without_file: usize,
    /// Spec files that the catalog does not name.
    pub files_without_row: Vec<PathBuf>,
    /// Targets of DESI files that the catalog does not name.
    pub targets_without_row: usize,
    /// Further files of a spectrum that was read from another.
    pub twin_files: Vec<PathBuf>,
    /// What else of the catalog was left out, in words.
    pub left_out: Vec<String>,
    /// Used spectra whose line-spread function is unknown.
    pub without_lsf: usize,
    /// Used spectra whose file lacks the mask column: masked by ivar alone.
    pub without_mask: usize,
    /// Used spectra on other pixels than the survey's: `noise_rho` does not hold for them.
    pub other_grid: usize,
}

/// What reading some spectra found: how many lack a line-spread function, lack a mask, or lie on
/// another grid.
#[derive(Debug, Clone, Copy)]
pub struct Lacking {
    pub(super) lsf: usize,
    pub(super) mask: usize,
    pub(super) other_grid: usize,
}

impl SpectraDetails {
    pub(super) fn new(grid: &LogGrid, unmatched: Unmatched) -> Self {
        let edge = |i: f64| 10f64.powf(grid.loglam0 + (i - 0.5) * grid.dloglam);
        Self {
            pixels: grid.pixels,
            wavelength: [edge(0.0), edge(grid.pixels as f64)],
            rows_without_file: unmatched.rows,
            files_without_row: unmatched.files,
            targets_without_row: unmatched.targets,
            twin_files: unmatched.twins,
            left_out: unmatched.notes,
            without_lsf: 0,
            without_mask: 0,
            other_grid: 0,
        }
    }
}

impl Details for SpectraDetails {
    type Block = Block;
    type Found = Lacking;
    const ROWS: &'static str = "spectra";

    fn count(&mut self, _: &[Object], _: &Block, found: &Lacking) {
        self.without_lsf += found.lsf;
        self.without_mask += found.mask;
        self.other_grid += found.other_grid;
    }

    fn shape(&self) -> String {
        let [low, high] = self.wavelength;
        format!("{} pixels, {low:.1}-{high:.1} Å (vacuum)", self.pixels)
    }

    fn lines(&self) -> Vec<String> {
        let note = |text: &String| format!("note: {text}");
        self.left_out.iter().map(note).collect()
    }

    fn notes(&self) -> Vec<Note> {
        let files = |list: &[PathBuf], what| {
            Note::with_examples(list, what, |path| path.display().to_string())
        };
        vec![
            Note::of(self.rows_without_file, "catalog rows have no spectrum"),
            files(&self.files_without_row, "spec files are not in the catalog"),
            Note::of(
                self.targets_without_row,
                "targets of the files are not in the catalog",
            ),
            files(
                &self.twin_files,
                "files repeat a spectrum that was read from another",
            ),
            Note::of(
                self.without_lsf,
                "spectra have no line-spread function (wdisp)",
            ),
            Note::of(
                self.without_mask,
                "spectra have no mask column: masked by ivar alone",
            ),
            Note::of(
                self.other_grid,
                "spectra lie on another native grid than the rest: noise_rho does not hold for them",
            ),
        ]
    }
}
