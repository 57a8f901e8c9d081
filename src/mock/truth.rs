//! `truth.h5`: the clean spectra on the common grid, and what each was made from.

use super::{Quasar, Survey};
use crate::Result;
use crate::catalog::LogGrid;
use crate::hdf5_output::Output;
use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, File};
use ndarray::{Array1, Array2};
use rayon::prelude::*;
use std::path::Path;

/// Spectra made and written at a time: memory stays flat in the survey's size.
const ROWS: usize = 512;
/// Unit of every flux here, as SDSS writes it.
pub const FLUX_UNIT: &str = "1E-17 erg/cm^2/s/Ang";

/// Writes objects `0..n` of `survey` on `grid`, calling `progress` with the number done so far.
///
/// # Errors
/// [`crate::Error::Output`] if the file cannot be written; then none is left.
pub fn write_truth(
    path: &Path,
    survey: &Survey,
    grid: &LogGrid,
    n: usize,
    mut progress: impl FnMut(usize),
) -> Result<()> {
    let output = Output::create(path)?;
    let flux = output.put(|file| start(file, grid, n))?;
    let mut quasars: Vec<Quasar> = Vec::with_capacity(n);
    for start in (0..n).step_by(ROWS) {
        let end = (start + ROWS).min(n);
        let made: Vec<(Quasar, Vec<f32>)> = (start..end)
            .into_par_iter()
            .map(|i| survey.clean_on(i, grid))
            .collect();
        let mut block = Array2::zeros((end - start, grid.pixels));
        for (mut row, (quasar, values)) in block.rows_mut().into_iter().zip(made) {
            row.assign(&Array1::from(values));
            quasars.push(quasar);
        }
        output.put(|_| flux.write_slice(&block, (start..end, ..)))?;
        progress(end);
    }
    drop(flux);
    output.put(|file| parameters(file, survey, &quasars))?;
    output.finish()
}

/// The file without its objects; its dataset of the flux [N, D].
fn start(file: &File, grid: &LogGrid, n: usize) -> hdf5::Result<Dataset> {
    let text = |key: &str, value: &str| -> hdf5::Result<()> {
        file.new_attr::<VarLenUnicode>()
            .create(key)?
            .write_scalar(&unicode(value))
    };
    text("wavelength", "vacuum")?;
    text("frame", "observed")?;
    text("flux_unit", FLUX_UNIT)?;
    text("selfsi_version", env!("CARGO_PKG_VERSION"))?;
    let d = grid.pixels;
    file.new_dataset_builder()
        .with_data(&Array1::from(grid.loglam()))
        .create("loglam")?;
    file.new_dataset::<f32>()
        .shape((n, d))
        .chunk((n.min(256), d))
        .create("flux")
}

/// The objects' names and parameters: [N] and [N, lines] datasets.
fn parameters(file: &File, survey: &Survey, quasars: &[Quasar]) -> hdf5::Result<()> {
    let names = 0..quasars.len();
    let names: Vec<VarLenUnicode> = names.map(|i| unicode(&survey.object(i).name)).collect();
    file.new_dataset_builder().with_data(&names).create("id")?;
    let column = |name: &str, get: &dyn Fn(&Quasar) -> f64| -> hdf5::Result<()> {
        let values: Vec<f64> = quasars.iter().map(get).collect();
        file.new_dataset_builder()
            .with_data(&values)
            .create(name)
            .map(|_| ())
    };
    column("z", &|q| q.z)?;
    column("level", &|q| q.level)?;
    column("slope", &|q| q.slope)?;
    column("blue_slope", &|q| q.blue)?;
    let names: Vec<VarLenUnicode> = survey.lines().iter().map(|l| unicode(&l.name)).collect();
    file.new_dataset_builder()
        .with_data(&names)
        .create("line_name")?;
    let wavelengths: Vec<f64> = survey.lines().iter().map(|l| l.wavelength).collect();
    file.new_dataset_builder()
        .with_data(&wavelengths)
        .create("line_wavelength")?;
    let shape = (quasars.len(), survey.lines().len());
    let table = |name: &str, get: &dyn Fn(&super::DrawnLine) -> f64| -> hdf5::Result<()> {
        let values = Array2::from_shape_fn(shape, |(i, j)| get(&quasars[i].lines[j]));
        file.new_dataset_builder()
            .with_data(&values)
            .create(name)
            .map(|_| ())
    };
    table("line_ew", &|l| l.ew)?;
    table("line_width", &|l| l.width)?;
    table("line_shift", &|l| l.shift)
}

/// HDF5's variable-length strings end at a NUL, which none of ours has.
fn unicode(text: &str) -> VarLenUnicode {
    text.parse().unwrap_or_default()
}
