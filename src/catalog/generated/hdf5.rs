//! Generated samples as HDF5: the names of the FITS form in lower case, keys as attributes.

use super::super::h5;
use super::table::Table;
use super::{GeneratedAxes, GeneratedHeader};
use crate::Result;
use crate::hdf5_output::Output;
use hdf5::{Dataset, File};
use ndarray::{Array2, IxDyn};
use std::ops::Range;
use std::path::Path;

const IMAGE: &str = "generated";

pub(super) struct Writer {
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
        self.output.put(|_| h5::put(&self.image, rows, range))
    }

    pub fn finish(self, table: &Table) -> Result<()> {
        drop(self.image);
        self.output.put(|file| write_table(file, table))?;
        self.output.finish()
    }
}

fn start(file: &File, header: &GeneratedHeader, rows: usize) -> hdf5::Result<Dataset> {
    h5::attributes(file, &header.keys())?;
    let history = header.made.history.join("\n");
    h5::attribute(file, "history", &h5::text(&history))?;
    let image = h5::numbers::<f32>(file, IMAGE, &header.shape(rows))?;
    let unit = header.bunit().unwrap_or_default();
    h5::attribute(&image, "bunit", &h5::text(unit))?;
    if let GeneratedAxes::Spectra { grid, .. } = &header.axes {
        let wavelength = h5::column(file, "wavelength", &grid.wavelength())?;
        h5::attribute(&wavelength, "unit", &h5::text("Angstrom"))?;
        h5::column(file, "loglam", &grid.loglam())?;
    }
    Ok(image)
}

fn write_table(file: &File, table: &Table) -> hdf5::Result<()> {
    for (name, values) in table.texts() {
        h5::texts(file, name, values.iter().map(String::as_str))?;
    }
    for (name, values) in table.integers() {
        h5::column(file, name, &values)?;
    }
    Ok(())
}

/// As [`super::fits::open`].
pub(super) fn open(path: &Path) -> Result<Option<super::fits::Found>> {
    let file = h5::open(path)?;
    let Ok(image) = file.dataset(IMAGE) else {
        return Ok(None);
    };
    let shape = image.shape();
    let get = move |name: &str| h5::key(&file, &name.to_lowercase());
    Ok(Some((Box::new(get), shape)))
}

/// log10 of the wavelengths [D].
pub(super) fn loglam(path: &Path) -> Result<Vec<f64>> {
    let data = h5::dataset(&h5::open(path)?, path, "loglam", "the wavelengths")?;
    data.read_raw().map_err(|e| h5::bad(path, "loglam", &e))
}

/// The rows `rows` of the image of axes `shape`, one after the other.
pub(super) fn read(path: &Path, shape: &[usize], rows: Range<usize>) -> Result<Vec<f32>> {
    let data = h5::dataset(&h5::open(path)?, path, IMAGE, "generated samples")?;
    let read = data.read_slice::<f32, _, IxDyn>(h5::selection(shape, rows));
    let (values, _) = read
        .map_err(|e| h5::bad(path, IMAGE, &e))?
        .into_raw_vec_and_offset();
    Ok(values)
}
