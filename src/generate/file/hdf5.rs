//! Generated samples as HDF5: the names of the FITS form in lower case, keys as attributes.

use super::header::{GeneratedAxes, GeneratedHeader};
use super::table::Table;
use crate::Result;
use crate::files::hdf5::output::Output;
use crate::files::hdf5::read;
use hdf5::{Dataset, File};
use ndarray::{Array2, IxDyn};
use std::ops::Range;
use std::path::Path;

const IMAGE: &str = "generated";

pub(crate) struct Writer {
    output: Output,
    image: Dataset,
}

impl Writer {
    pub fn create(path: &Path, header: &GeneratedHeader, rows: usize) -> Result<Self> {
        let output = Output::create(path)?;
        let image = output.put(|file| start(file, header, rows))?;
        Ok(Self { output, image })
    }

    /// Rows from number `start` on, [n, D].
    pub fn write(&mut self, start: usize, rows: &Array2<f32>) -> Result<()> {
        let range = start..start + rows.nrows();
        self.output.put(|_| read::put(&self.image, rows, range))
    }

    pub fn finish(self, table: &Table) -> Result<()> {
        drop(self.image);
        self.output.put(|file| write_table(file, table))?;
        self.output.finish()
    }
}

fn start(file: &File, header: &GeneratedHeader, rows: usize) -> hdf5::Result<Dataset> {
    read::attributes(file, &header.keys())?;
    let history = header.made.history.join("\n");
    read::attribute(file, "history", &read::text(&history))?;
    let image = read::numbers::<f32>(file, IMAGE, &header.shape(rows))?;
    let unit = header.bunit().unwrap_or_default();
    read::attribute(&image, "bunit", &read::text(unit))?;
    if let GeneratedAxes::Spectra { grid, .. } = &header.axes {
        let wavelength = read::column(file, "wavelength", &grid.wavelength())?;
        read::attribute(&wavelength, "unit", &read::text("Angstrom"))?;
        read::column(file, "loglam", &grid.loglam())?;
    }
    Ok(image)
}

fn write_table(file: &File, table: &Table) -> hdf5::Result<()> {
    for (name, values) in table.texts() {
        read::texts(file, name, values.iter().map(String::as_str))?;
    }
    for (name, values) in table.integers() {
        read::column(file, name, &values)?;
    }
    Ok(())
}

/// As [`super::fits::open`].
pub(crate) fn open(path: &Path) -> Result<Option<super::fits::Found>> {
    let file = read::open(path)?;
    let Some(image) = read::find(&file, path, IMAGE)? else {
        return Ok(None);
    };
    let shape = image.shape();
    let get = move |name: &str| read::key(&file, &name.to_lowercase());
    Ok(Some((Box::new(get), shape)))
}

/// log10 of the wavelengths [D].
pub(crate) fn loglam(path: &Path) -> Result<Vec<f64>> {
    let data = read::dataset(&read::open(path)?, path, "loglam", "the wavelengths")?;
    data.read_raw().map_err(|e| read::bad(path, "loglam", &e))
}

/// The rows `rows` of the image of axes `shape`, one after the other.
pub(crate) fn read(path: &Path, shape: &[usize], rows: Range<usize>) -> Result<Vec<f32>> {
    let data = read::dataset(&read::open(path)?, path, IMAGE, "generated samples")?;
    let read = data.read_slice::<f32, _, IxDyn>(read::selection(shape, rows));
    let (values, _) = read
        .map_err(|e| read::bad(path, IMAGE, &e))?
        .into_raw_vec_and_offset();
    Ok(values)
}
