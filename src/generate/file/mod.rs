//! Generated samples: one FITS or HDF5 file with an image [N, D] of spectra in normalised flux, or
//! images [N, C, H, W] ([N, H, W] for one channel) in the units of the observations, and a table.

mod header;
mod table;

pub use header::{GeneratedAxes, GeneratedHeader, Generation};

use crate::Result;
use crate::config::Frame;
use crate::data::LogGrid;
use crate::files::stack::{Kind, StackWriter, check_extension, open};
use header::IMAGE;
use ndarray::Array2;
use std::ops::Range;
use std::path::{Path, PathBuf};
use table::Table;

const KIND: Kind = Kind {
    expected: "generated samples of selfsi",
    fix: "give the file that `selfsi generate` wrote",
};

/// Writes generated samples as a stream; the file appears only when it is complete.
pub struct GeneratedWriter {
    table: Table,
    writer: StackWriter,
}

impl GeneratedWriter {
    /// Whether `path` names a format that can be written: to be asked before long work.
    ///
    /// # Errors
    /// [`Error::Output`](crate::Error::Output) if not.
    pub fn check(path: &Path) -> Result<()> {
        check_extension(path, "generated")
    }

    /// Lays out `rows` samples; FITS or HDF5 by the extension of `path`.
    ///
    /// # Errors
    /// [`Error::Output`](crate::Error::Output) for another extension, or if the file cannot be written.
    pub fn create(path: &Path, header: &GeneratedHeader, rows: usize) -> Result<Self> {
        Self::check(path)?;
        Ok(Self {
            table: Table::new(header.made.seed),
            writer: StackWriter::create(path, &header.plan(rows))?,
        })
    }

    /// Writes the next samples [n, D]; gives how many are finite. The others become NaN, flagged.
    ///
    /// # Errors
    /// [`Error::Output`](crate::Error::Output) if the disk is full, or more samples come than were
    /// announced.
    pub fn write(&mut self, mut samples: Array2<f32>) -> Result<usize> {
        let mut finite = 0;
        for mut row in samples.rows_mut() {
            let good = row.iter().all(|v| v.is_finite());
            if !good {
                row.fill(f32::NAN);
            }
            finite += usize::from(good);
            self.table.push(good);
        }
        self.writer.write(&[&samples], None)?;
        Ok(finite)
    }

    /// Writes the table and moves the file to its place.
    ///
    /// # Errors
    /// [`Error::Output`](crate::Error::Output) if samples are missing or the disk is full.
    pub fn finish(self) -> Result<()> {
        self.writer.finish(self.table.len(), &self.table.columns())
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
    /// [`Error::Input`](crate::Error::Input) if it is not one of generated samples.
    pub fn open(path: &Path) -> Result<Self> {
        let foreign = |problem: &str| KIND.foreign(path, "", problem);
        let mut file = open(path, KIND)?;
        let spectra = header::is_spectra(&mut |key| file.key(key)).map_err(|e| foreign(&e))?;
        file.check_whole()?;
        let shape = file.shape(IMAGE)?;
        let unit = file.key(if spectra { "FLUXUNIT" } else { "PIXUNIT" });
        let axes = if spectra { 2..=2 } else { 3..=4 };
        if !axes.contains(&shape.len()) {
            return Err(foreign(&format!("an image of shape {shape:?}")));
        }
        let grid = if spectra {
            let grid = LogGrid::of(&file.loglam()?).filter(|g| g.pixels == shape[1]);
            let grid = grid.ok_or_else(|| foreign("no wavelength for every pixel"))?;
            let frame = file.key("FRAME");
            let frame = frame.as_deref().map_or(Some(Frame::Observed), Frame::named);
            let bad = || foreign("FRAME is neither `observed` nor `rest`");
            Some(grid.in_frame(frame.ok_or_else(bad)?))
        } else {
            None
        };
        Ok(Self {
            path: path.to_path_buf(),
            shape,
            grid,
            unit: unit.unwrap_or_default(),
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
    /// [`Error::Input`](crate::Error::Input) if the file has no such rows.
    pub fn read(&self, rows: Range<usize>) -> Result<Array2<f32>> {
        if rows.start > rows.end || rows.end > self.shape[0] {
            let problem = format!("rows {rows:?} of {}", self.shape[0]);
            return Err(KIND.foreign(&self.path, "", problem));
        }
        open(&self.path, KIND)?.rows(IMAGE, &self.shape, rows)
    }
}
