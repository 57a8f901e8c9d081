//! Generated samples: one FITS or HDF5 file with an image [N, D] of spectra in normalised flux, or
//! images [N, C, H, W] ([N, H, W] for one channel) in the units of the observations, and a table.
//!
//! Written in blocks: memory does not grow with the number of samples, except for the table.

mod fits;
mod hdf5;
mod header;
mod table;

pub use header::{GeneratedAxes, GeneratedHeader, Generation};

use crate::data::LogGrid;
use crate::files::format::{Format, format};
use crate::{Error, Result};
use ndarray::Array2;
use std::ops::Range;
use std::path::{Path, PathBuf};
use table::Table;

/// Writes generated samples as a stream; the file appears only when it is complete.
pub struct GeneratedWriter {
    target: PathBuf,
    rows: usize,
    table: Table,
    sink: Sink,
}

enum Sink {
    Fits(fits::Writer),
    Hdf5(hdf5::Writer),
}

impl GeneratedWriter {
    /// Whether `path` names a format that can be written: to be asked before long work.
    ///
    /// # Errors
    /// [`Error::Output`] if not.
    pub fn check(path: &Path) -> Result<()> {
        let known = format(path).map(|_| ());
        known.ok_or_else(|| {
            Error::output(
                path,
                "the extension is neither .fits nor .h5",
                "name it e.g. generated.fits or generated.h5",
            )
        })
    }

    /// Lays out `rows` samples; FITS or HDF5 by the extension of `path`.
    ///
    /// # Errors
    /// [`Error::Output`] for another extension, or if the file cannot be written.
    pub fn create(path: &Path, header: &GeneratedHeader, rows: usize) -> Result<Self> {
        Self::check(path)?;
        let sink = match format(path) {
            Some(Format::Hdf5) => Sink::Hdf5(hdf5::Writer::create(path, header, rows)?),
            _ => Sink::Fits(fits::Writer::create(path, header, rows)?),
        };
        Ok(Self {
            target: path.to_path_buf(),
            rows,
            table: Table::new(header.made.seed),
            sink,
        })
    }

    /// Writes the next samples [n, D]; gives how many are finite. The others become NaN, flagged.
    ///
    /// # Errors
    /// [`Error::Output`] if the disk is full, or more samples come than were announced.
    pub fn write(&mut self, mut samples: Array2<f32>) -> Result<usize> {
        let start = self.table.len();
        if start + samples.nrows() > self.rows {
            return Err(self.miscounted(start + samples.nrows()));
        }
        let mut finite = 0;
        for mut row in samples.rows_mut() {
            let good = row.iter().all(|v| v.is_finite());
            if !good {
                row.fill(f32::NAN);
            }
            finite += usize::from(good);
            self.table.push(good);
        }
        match &mut self.sink {
            Sink::Fits(w) => {
                let values = samples.as_standard_layout();
                let values = values.as_slice().unwrap_or_default();
                w.write(start * samples.ncols(), values)?;
            }
            Sink::Hdf5(w) => w.write(start, &samples)?,
        }
        Ok(finite)
    }

    /// Writes the table and moves the file to its place.
    ///
    /// # Errors
    /// [`Error::Output`] if samples are missing or the disk is full.
    pub fn finish(self) -> Result<()> {
        if self.table.len() != self.rows {
            return Err(self.miscounted(self.table.len()));
        }
        match self.sink {
            Sink::Fits(w) => w.finish(&self.table),
            Sink::Hdf5(w) => w.finish(&self.table),
        }
    }

    fn miscounted(&self, n: usize) -> Error {
        let problem = format!("{n} samples where {} were announced", self.rows);
        Error::output(&self.target, problem, "write every sample once")
    }
}

/// Generated samples, read back: samples when asked for.
#[derive(Debug)]
pub struct Generated {
    path: PathBuf,
    /// Axes of the image, slowest first.
    shape: Vec<usize>,
    /// Wavelengths of spectra; `None` for images.
    grid: Option<LogGrid>,
    unit: String,
}

impl Generated {
    /// Reads what the file says of itself.
    ///
    /// # Errors
    /// [`Error::Input`] if it is not one of generated samples.
    pub fn open(path: &Path) -> Result<Self> {
        let hdf5 = matches!(format(path), Some(Format::Hdf5));
        let found = if hdf5 {
            hdf5::open(path)?
        } else {
            fits::open(path)?
        };
        let (mut get, shape) = found.ok_or_else(|| foreign(path, "there is no image GENERATED"))?;
        let spectra = header::is_spectra(&mut get).map_err(|e| foreign(path, &e))?;
        let unit = get(if spectra { "FLUXUNIT" } else { "PIXUNIT" }).unwrap_or_default();
        let axes = if spectra { 2..=2 } else { 3..=4 };
        if !axes.contains(&shape.len()) {
            return Err(foreign(path, &format!("an image of shape {shape:?}")));
        }
        let grid = if spectra {
            let loglam = if hdf5 {
                hdf5::loglam(path)?
            } else {
                fits::loglam(path)?
            };
            let grid = LogGrid::of(&loglam).filter(|g| g.pixels == shape[1]);
            Some(grid.ok_or_else(|| foreign(path, "no wavelength for every pixel"))?)
        } else {
            None
        };
        Ok(Self {
            path: path.to_path_buf(),
            shape,
            grid,
            unit,
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// [N, D] or [N, (C,) H, W].
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Wavelengths of spectra; `None` for images.
    #[must_use]
    pub fn grid(&self) -> Option<LogGrid> {
        self.grid
    }

    /// FITS unit string of the values; empty where dimensionless or unknown.
    #[must_use]
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// The samples `rows`, counted from 0, [n, D]; NaN where flagged.
    ///
    /// # Errors
    /// [`Error::Input`] if the file has no such rows.
    pub fn read(&self, rows: Range<usize>) -> Result<Array2<f32>> {
        let pixels: usize = self.shape[1..].iter().product();
        if rows.start > rows.end || rows.end > self.shape[0] {
            let problem = format!("rows {rows:?} of {}", self.shape[0]);
            return Err(foreign(&self.path, &problem));
        }
        let n = rows.len();
        let values = match format(&self.path) {
            Some(Format::Hdf5) => hdf5::read(&self.path, &self.shape, rows)?,
            _ => fits::read(&self.path, rows.start * pixels, n * pixels)?,
        };
        Array2::from_shape_vec((n, pixels), values).map_err(|e| foreign(&self.path, &e.to_string()))
    }
}

fn foreign(path: &Path, problem: &str) -> Error {
    Error::input(
        path,
        "",
        problem,
        "generated samples of selfsi",
        "give the file that `selfsi generate` wrote",
    )
}
