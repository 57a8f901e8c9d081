//! The clean spectra of a survey whose truth is known: an HDF5 catalog on the common grid.

use crate::data::LogGrid;
use crate::files::hdf5::read;
use crate::files::version;
use crate::{Error, Result};
use hdf5::Dataset;
use ndarray::{Array1, Array2, s};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Rows read at once.
const CHUNK: usize = 1024;
/// Largest difference of two grids' log10 wavelengths that still makes them the same.
const SAME: f64 = 1e-9;

/// An open truth file: datasets `flux` [N, D] (physical units), `loglam` `[D]`, `id` `[N]`; `continuum`
/// [N, D], the same spectra before any absorption, if it is there.
#[derive(Debug)]
pub struct Truth {
    path: PathBuf,
    flux: Dataset,
    continuum: Option<Dataset>,
    rows: HashMap<String, usize>,
}

impl Truth {
    /// Opens `path`, whose spectra must be on `grid`.
    ///
    /// # Errors
    /// [`Error::Input`] if it is not such a file, or is on another grid.
    pub fn open(path: &Path, grid: &LogGrid) -> Result<Self> {
        let bad = |place: &str, problem: &dyn std::fmt::Display, expected: &str| {
            Error::input(
                path,
                place,
                problem,
                expected,
                "give the truth.h5 that selfsi mock wrote for this survey",
            )
        };
        let file = read::open(path)?;
        // Observations without noise are as clean.
        let mut get = |key: &str| read::key(&file, &key.to_lowercase());
        version::TRUTH
            .check(&mut get)
            .or_else(|e| version::SIMULATED.check(&mut get).map_err(|_| e))
            .map_err(|e| bad("attribute format", &e, "clean spectra"))?;
        let open = |name: &str| {
            let found = read::find(&file, path, name)?;
            found.ok_or_else(|| bad(name, &"missing", "a dataset of this name"))
        };
        let loglam: Array1<f64> = open("loglam")?
            .read_1d()
            .map_err(|e| bad("loglam", &e, "[D] numbers"))?;
        let same = loglam.len() == grid.pixels
            && loglam
                .iter()
                .zip(grid.loglam())
                .all(|(a, b)| (a - b).abs() < SAME);
        if !same {
            return Err(bad(
                "loglam",
                &"another wavelength grid",
                "the grid of the prepared set",
            ));
        }
        let flux = open("flux")?;
        let names =
            read::names(&open("id")?).map_err(|e| bad("id", &e, "[N] strings or integers"))?;
        let continuum = read::find(&file, path, "continuum")?;
        for (name, data) in [("flux", Some(&flux)), ("continuum", continuum.as_ref())] {
            let Some(shape) = data.map(|d| d.shape()) else {
                continue;
            };
            if shape != [names.len(), grid.pixels] {
                return Err(bad(
                    name,
                    &format!("shape {shape:?}"),
                    &format!("[{}, {}]", names.len(), grid.pixels),
                ));
            }
        }
        let rows = names.into_iter().enumerate().map(|(i, n)| (n, i)).collect();
        Ok(Self {
            path: path.to_path_buf(),
            flux,
            continuum,
            rows,
        })
    }

    /// How many spectra it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.flux.shape()[0]
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row of the object called `name`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.rows.get(name).copied()
    }

    /// Clean spectra of the given rows, each divided by its `norm`: [n, D].
    ///
    /// # Errors
    /// [`Error::Input`] if the file is damaged.
    pub fn read(&self, rows: &[usize], norm: &[f64]) -> Result<Array2<f32>> {
        self.rows_of(&self.flux, "flux", rows, norm)
    }

    /// The same before any absorption; `None` where the file does not hold them.
    ///
    /// # Errors
    /// As [`Truth::read`].
    pub fn continuum(&self, rows: &[usize], norm: &[f64]) -> Result<Option<Array2<f32>>> {
        let data = self.continuum.as_ref();
        data.map(|data| self.rows_of(data, "continuum", rows, norm))
            .transpose()
    }

    fn rows_of(
        &self,
        data: &Dataset,
        name: &str,
        rows: &[usize],
        norm: &[f64],
    ) -> Result<Array2<f32>> {
        let d = data.shape()[1];
        let mut out = Array2::zeros((rows.len(), d));
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|i| rows[*i]);
        for group in order.chunk_by(|a, b| rows[*a] / CHUNK == rows[*b] / CHUNK) {
            let (first, last) = (rows[group[0]], rows[group[group.len() - 1]]);
            let block: Array2<f32> = data.read_slice_2d(s![first..=last, ..]).map_err(|e| {
                Error::input(
                    &self.path,
                    name,
                    e,
                    "readable spectra",
                    "make the truth again: the file is damaged",
                )
            })?;
            if block.iter().any(|v| !v.is_finite()) {
                return Err(Error::input(
                    &self.path,
                    name,
                    "values that are not finite",
                    "clean spectra without gaps",
                    "leave such objects out of the truth",
                ));
            }
            for i in group {
                let clean = block
                    .row(rows[*i] - first)
                    .mapv(|v| (f64::from(v) / norm[*i]) as f32);
                out.row_mut(*i).assign(&clean);
            }
        }
        Ok(out)
    }
}
