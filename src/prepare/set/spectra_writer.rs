//! Writing a prepared set, block by block.

use super::spectra::{CHUNK_ROWS, FORMAT, VERSION};
use crate::data::{Block, LogGrid, Object};
use crate::files::hdf5::output::Output;
use crate::files::hdf5::read;
use crate::{Error, Result};
use hdf5::types::VarLenUnicode;
use hdf5::{File, H5Type};
use ndarray::{ArrayView1, ArrayView2, s};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Writes a prepared set; it appears under its name only after [`PreparedWriter::finish`].
#[derive(Debug)]
pub struct PreparedWriter {
    output: Output,
    path: PathBuf,
    pixels: usize,
    written: Vec<bool>,
}

impl PreparedWriter {
    /// Starts a set of `n_rows` spectra. `noise_rho` [D] is the correlation of the noise of pixel
    /// i with pixel i+1 that regridding caused; `config` the TOML text of the job.
    ///
    /// # Errors
    /// [`Error::Output`] if the file cannot be made.
    pub fn create(
        path: impl AsRef<Path>,
        grid: &LogGrid,
        n_rows: usize,
        noise_rho: &[f32],
        flux_unit: &str,
        config: &str,
    ) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        if noise_rho.len() != grid.pixels {
            return Err(Error::output(
                &path,
                format!(
                    "{} noise correlations for {} pixels",
                    noise_rho.len(),
                    grid.pixels
                ),
                "give one per pixel",
            ));
        }
        let output = Output::create(&path)?;
        output.put(|file| start(file, grid, n_rows, noise_rho, flux_unit, config))?;
        Ok(Self {
            output,
            path,
            pixels: grid.pixels,
            written: vec![false; n_rows],
        })
    }

    /// Records the reference frame of the wavelengths, as FITS names it, where the input says it.
    ///
    /// # Errors
    /// [`Error::Output`] if the disk refuses.
    pub fn specsys(&mut self, frame: &str) -> Result<()> {
        self.output
            .put(|file| read::attribute(file, "specsys", &read::text(frame)))
    }

    /// Writes the rows that begin at `start`: one object per spectrum of `block`.
    ///
    /// # Errors
    /// [`Error::Output`] if shapes do not fit or the disk refuses.
    pub fn write(&mut self, start: usize, objects: &[Object], block: &Block) -> Result<()> {
        let shape = (objects.len(), self.pixels);
        let end = start + objects.len();
        if block.flux.dim() != shape
            || block.ivar.dim() != shape
            || block.lsf.dim() != shape
            || end > self.written.len()
        {
            return Err(Error::output(
                &self.path,
                format!(
                    "rows {start}..{end} of {}: {} objects, flux {:?}, ivar {:?}, lsf {:?}",
                    self.written.len(),
                    objects.len(),
                    block.flux.dim(),
                    block.ivar.dim(),
                    block.lsf.dim()
                ),
                "give one row of pixels per object",
            ));
        }
        self.output
            .put(|file| put(file, start..end, objects, block))?;
        self.written[start..end].fill(true);
        Ok(())
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// [`Error::Output`] if rows are missing or the disk refuses.
    pub fn finish(self) -> Result<()> {
        if let Some(row) = self.written.iter().position(|w| !w) {
            return Err(Error::output(
                &self.path,
                format!("row {row} was never written"),
                "write every row before finishing",
            ));
        }
        self.output.finish()
    }
}

fn put(file: &File, rows: Range<usize>, objects: &[Object], block: &Block) -> hdf5::Result<()> {
    for (name, data) in [
        ("flux", &block.flux),
        ("ivar", &block.ivar),
        ("lsf", &block.lsf),
    ] {
        let data = data.as_standard_layout();
        file.dataset(name)?
            .write_slice(ArrayView2::from(&data), s![rows.clone(), ..])?;
    }
    column(file, &rows, "norm", objects, |o| o.norm)?;
    column(file, &rows, "z", objects, |o| o.z)?;
    column(file, &rows, "ra", objects, |o| o.ra)?;
    column(file, &rows, "dec", objects, |o| o.dec)?;
    column(file, &rows, "plate", objects, |o| o.plate)?;
    column(file, &rows, "mjd", objects, |o| o.mjd)?;
    column(file, &rows, "fiberid", objects, |o| o.fiberid)?;
    column(file, &rows, "thing_id", objects, |o| o.thing_id)?;
    column(file, &rows, "flag", objects, |o| o.flag)?;
    column(file, &rows, "name", objects, |o| read::text(&o.name))?;
    column(file, &rows, "reason", objects, |o| read::text(&o.reason))?;
    column(file, &rows, "source", objects, |o| read::text(&o.source))
}

fn column<T: H5Type>(
    file: &File,
    rows: &Range<usize>,
    name: &str,
    objects: &[Object],
    value: impl Fn(&Object) -> T,
) -> hdf5::Result<()> {
    let values: Vec<T> = objects.iter().map(value).collect();
    file.dataset(name)?
        .write_slice(ArrayView1::from(&values[..]), s![rows.clone()])
}

fn start(
    file: &File,
    grid: &LogGrid,
    n: usize,
    noise_rho: &[f32],
    flux_unit: &str,
    config: &str,
) -> hdf5::Result<()> {
    for (name, value) in [
        ("format", FORMAT),
        ("wavelength", "vacuum"),
        ("frame", "observed"),
        ("flux_unit", flux_unit),
        ("selfsi_version", env!("CARGO_PKG_VERSION")),
        ("config", config),
    ] {
        read::attribute(file, name, &read::text(value))?;
    }
    read::attribute(file, "version", &VERSION)?;
    read::column(file, "loglam", &grid.loglam())?;
    read::column(file, "noise_rho", noise_rho)?;
    let rows = CHUNK_ROWS.min(n.max(1));
    for name in ["flux", "ivar", "lsf"] {
        file.new_dataset::<f32>()
            .chunk((rows, grid.pixels))
            // Rejected rows are zeros: they should cost no disk.
            .shuffle()
            .deflate(1)
            // A checksum, which reading compares.
            .fletcher32()
            .shape((n, grid.pixels))
            .create(name)?;
    }
    for name in ["norm", "z", "ra", "dec"] {
        read::numbers::<f64>(file, name, &[n])?;
    }
    for name in ["plate", "mjd", "fiberid", "thing_id"] {
        read::numbers::<i64>(file, name, &[n])?;
    }
    read::numbers::<i32>(file, "flag", &[n])?;
    for name in ["name", "reason", "source"] {
        file.new_dataset::<VarLenUnicode>().shape(n).create(name)?;
    }
    Ok(())
}
