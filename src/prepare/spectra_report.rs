//! What the preparation of spectra found besides the counts per reason.

use super::noise::Noise;
use super::noise_tally::NoiseTally;
use super::report::{Details, Note};
use crate::config::SurveyNoise;
use crate::data::{Block, LogGrid, Object};
use crate::survey::spectra::{Beside, Unmatched};
use hdf5::File;
use serde::Serialize;
use std::path::PathBuf;

/// Of a survey of spectra.
#[derive(Debug, Clone, Serialize)]
pub struct SpectraDetails {
    /// Pixels of the grid.
    pub pixels: usize,
    /// Outer edges of the grid in Å.
    pub wavelength: [f64; 2],
    /// `observed` or `rest`: what these are.
    pub frame: &'static str,
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
    /// Spectra with pixels far beyond what their noise and level allow, which are masked.
    pub impossible: Vec<String>,
    /// How many such pixels there are.
    pub impossible_pixels: usize,
    /// What else of the catalog was left out, in words.
    pub catalog_notes: Vec<String>,
    /// Used spectra whose line-spread function is unknown.
    pub without_lsf: usize,
    /// Used spectra whose file lacks the mask column: masked by ivar alone.
    pub without_mask: usize,
    /// Used spectra on other pixels than the survey's: `noise_rho` does not hold for them.
    pub other_grid: usize,
    /// The noise against the inverse variances of the files; `None` before any is read.
    pub noise: Option<Noise>,
    #[serde(skip)]
    pub(super) tally: NoiseTally,
}

/// What reading some spectra found: how many lack a line-spread function, lack a mask, or lie on
/// another grid; and which have impossible pixels, and how many.
#[derive(Debug, Clone)]
pub struct Noticed {
    pub(super) lsf: usize,
    pub(super) mask: usize,
    pub(super) other_grid: usize,
    pub(super) impossible: Vec<(String, usize)>,
    /// Of the noise; `None` where it is known.
    pub(super) noise: Option<NoiseTally>,
}

impl SpectraDetails {
    pub(super) fn new(grid: &LogGrid, unmatched: Unmatched, beside: Beside) -> Self {
        let edge = |i: f64| 10f64.powf(grid.loglam0 + (i - 0.5) * grid.dloglam);
        Self {
            pixels: grid.pixels,
            wavelength: [edge(0.0), edge(grid.pixels as f64)],
            frame: grid.frame.name(),
            rows_without_file: unmatched.rows,
            files_without_row: unmatched.files,
            targets_without_row: unmatched.targets,
            twin_files: unmatched.twins,
            passed_over: unmatched.passed_over,
            listed_twice: unmatched.listed_twice,
            masked_by: beside.masked_by,
            left_out: beside.left_out,
            impossible: Vec::new(),
            impossible_pixels: 0,
            catalog_notes: unmatched.notes,
            without_lsf: 0,
            without_mask: 0,
            other_grid: 0,
            noise: None,
            tally: NoiseTally::default(),
        }
    }
}

impl Details for SpectraDetails {
    type Block = Block;
    type Found = Noticed;
    const ROWS: &'static str = "spectra";

    fn count(&mut self, _: &[Object], _: &Block, found: &Noticed) {
        self.without_lsf += found.lsf;
        self.without_mask += found.mask;
        self.other_grid += found.other_grid;
        for (name, n) in &found.impossible {
            self.impossible.push(name.clone());
            self.impossible_pixels += n;
        }
        if let Some(tally) = &found.noise {
            self.tally.merge(tally);
        }
    }

    fn close(&mut self, file: &File) -> hdf5::Result<()> {
        if self.noise.is_none() {
            self.noise = Some(Noise::new(SurveyNoise::Given, &self.tally));
        }
        self.noise.iter().try_for_each(|n| n.write(file))
    }

    fn shape(&self) -> String {
        let [low, high] = self.wavelength;
        let rest = if self.frame == "rest" {
            ", rest frame"
        } else {
            ""
        };
        format!(
            "{} pixels, {low:.1}-{high:.1} Å (vacuum{rest})",
            self.pixels
        )
    }

    fn lines(&self) -> Vec<String> {
        let note = |text: &String| format!("note: {text}");
        let mask = self.masked_by.iter().cloned();
        let noise = self.noise.iter().flat_map(Noise::lines);
        let notes = self.catalog_notes.iter().map(note);
        mask.chain(notes).chain(noise).collect()
    }

    fn notes(&self) -> Vec<Note> {
        let files = |list: &[PathBuf], what| {
            Note::with_examples(list, what, |path| path.display().to_string())
        };
        let names = |list: &[String], what: &str| Note::with_examples(list, what, Clone::clone);
        let beyond = format!(
            "spectra have pixels far beyond what their noise and level allow ({} in all, masked)",
            self.impossible_pixels
        );
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
            files(
                &self.passed_over,
                "files have other names than those of the survey, and are not looked into",
            ),
            names(
                &self.listed_twice,
                "spectra are listed more than once, with different redshifts",
            ),
            names(&self.left_out, "parts of the file are not read"),
            names(&self.impossible, &beyond),
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
