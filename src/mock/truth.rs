//! `truth.h5`: the clean spectra on the common grid, and what each was made from.

use super::{DrawnLine, Quasar, Survey};
use crate::Result;
use crate::catalog::LogGrid;
use crate::hdf5_output::Output;
use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, File};
use ndarray::{Array1, Array2};
use rayon::prelude::*;
use std::ops::Range;
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
    let (flux, parameters) =
        output.put(|file| Ok((start(file, grid, n)?, Parameters::create(file, survey, n)?)))?;
    for start in (0..n).step_by(ROWS) {
        let end = (start + ROWS).min(n);
        let made: Vec<(Quasar, Vec<f32>)> = (start..end)
            .into_par_iter()
            .map(|i| survey.clean_on(i, grid))
            .collect();
        let mut block = Array2::zeros((end - start, grid.pixels));
        let mut quasars = Vec::with_capacity(end - start);
        for (mut row, (quasar, values)) in block.rows_mut().into_iter().zip(made) {
            row.assign(&Array1::from(values));
            quasars.push(quasar);
        }
        output.put(|_| {
            flux.write_slice(&block, (start..end, ..))?;
            parameters.write(survey, start..end, &quasars)
        })?;
        progress(end);
    }
    drop((flux, parameters));
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

type OfQuasar = fn(&Quasar) -> f64;
type OfLine = fn(&DrawnLine) -> f64;

/// The objects' names and parameters: [N] and [N, lines] datasets, written block by block.
struct Parameters {
    names: Dataset,
    columns: Vec<(Dataset, OfQuasar)>,
    tables: Vec<(Dataset, OfLine)>,
}

impl Parameters {
    fn create(file: &File, survey: &Survey, n: usize) -> hdf5::Result<Self> {
        let lines = survey.lines();
        let names: Vec<VarLenUnicode> = lines.iter().map(|l| unicode(&l.name)).collect();
        file.new_dataset_builder()
            .with_data(&names)
            .create("line_name")?;
        let wavelengths: Vec<f64> = lines.iter().map(|l| l.wavelength).collect();
        file.new_dataset_builder()
            .with_data(&wavelengths)
            .create("line_wavelength")?;
        let column = |(name, get): (&str, OfQuasar)| {
            let data = file.new_dataset::<f64>().shape(n).create(name)?;
            Ok((data, get))
        };
        let table = |(name, get): (&str, OfLine)| {
            let shape = (n, lines.len());
            let data = file.new_dataset::<f64>().shape(shape).create(name)?;
            Ok((data, get))
        };
        let columns: [(&str, OfQuasar); 4] = [
            ("z", |q| q.z),
            ("level", |q| q.level),
            ("slope", |q| q.slope),
            ("blue_slope", |q| q.blue),
        ];
        let tables: [(&str, OfLine); 3] = [
            ("line_ew", |l| l.ew),
            ("line_width", |l| l.width),
            ("line_shift", |l| l.shift),
        ];
        Ok(Self {
            names: file.new_dataset::<VarLenUnicode>().shape(n).create("id")?,
            columns: columns
                .into_iter()
                .map(column)
                .collect::<hdf5::Result<_>>()?,
            tables: tables.into_iter().map(table).collect::<hdf5::Result<_>>()?,
        })
    }

    /// Writes objects `rows`.
    fn write(&self, survey: &Survey, rows: Range<usize>, quasars: &[Quasar]) -> hdf5::Result<()> {
        let names: Vec<VarLenUnicode> = rows
            .clone()
            .map(|i| unicode(&survey.object(i).name))
            .collect();
        self.names.write_slice(&names, rows.clone())?;
        for (data, get) in &self.columns {
            let values: Vec<f64> = quasars.iter().map(get).collect();
            data.write_slice(&values, rows.clone())?;
        }
        for (data, get) in &self.tables {
            let shape = (quasars.len(), survey.lines().len());
            let values = Array2::from_shape_fn(shape, |(i, j)| get(&quasars[i].lines[j]));
            data.write_slice(&values, (rows.clone(), ..))?;
        }
        Ok(())
    }
}

/// HDF5's variable-length strings end at a NUL, which none of ours has.
fn unicode(text: &str) -> VarLenUnicode {
    text.parse().unwrap_or_default()
}
