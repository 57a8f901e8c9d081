//! `truth.h5`: the clean spectra on the common grid, the same before any absorption, and what each was
//! made from.

use super::damped::Damped;
use super::factors::Factors;
use super::quasar::{DrawnLine, Quasar};
use super::survey::Survey;
use crate::Result;
use crate::data::LogGrid;
use crate::files::hdf5::content::{attribute, column, numbers, text, texts};
use crate::files::hdf5::output::Output;
use crate::files::hdf5::read::attributes;
use crate::files::version;
use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, File};
use ndarray::Array2;
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
    let (fluxes, parameters) =
        output.put(|file| Ok((start(file, grid, n)?, Parameters::create(file, survey, n)?)))?;
    for start in (0..n).step_by(ROWS) {
        let end = (start + ROWS).min(n);
        let made: Vec<(Quasar, [Vec<f32>; 2])> = (start..end)
            .into_par_iter()
            .map(|i| {
                let (quasar, clean) = survey.clean_on(i, grid);
                (quasar, [clean, survey.unabsorbed_on(i, grid)])
            })
            .collect();
        let blocks: [Array2<f32>; 2] = std::array::from_fn(|k| {
            Array2::from_shape_fn((end - start, grid.pixels), |(i, j)| made[i].1[k][j])
        });
        let quasars: Vec<Quasar> = made.into_iter().map(|(quasar, _)| quasar).collect();
        output.put(|_| {
            for (flux, block) in fluxes.iter().zip(&blocks) {
                flux.write_slice(block, (start..end, ..))?;
            }
            parameters.write(survey, grid, start..end, &quasars)
        })?;
        progress(end);
    }
    drop((fluxes, parameters));
    output.finish()
}

/// The file without its objects; its datasets of the flux and of the unabsorbed continuum, [N, D].
fn start(file: &File, grid: &LogGrid, n: usize) -> hdf5::Result<[Dataset; 2]> {
    for (key, value) in [
        ("wavelength", "vacuum"),
        ("frame", grid.frame.name()),
        ("flux_unit", FLUX_UNIT),
        ("selfsi_version", env!("CARGO_PKG_VERSION")),
    ] {
        attribute(file, key, &text(value))?;
    }
    attributes(file, &version::TRUTH.keys_in(grid.frame))?;
    column(file, "loglam", &grid.loglam())?;
    let shape = [n, grid.pixels];
    Ok([
        numbers::<f32>(file, "flux", &shape)?,
        numbers::<f32>(file, "continuum", &shape)?,
    ])
}

type OfQuasar = fn(&Quasar) -> f64;
type OfLine = fn(&DrawnLine) -> f64;

type OfObject = fn(&Survey, usize, &LogGrid) -> f64;

/// What is told of an object besides its quasar: the move to the grid, the outflow (NaN: none), and column
/// and redshift of the damped system of the largest column (NaN: none).
const OF_OBJECT: [(&str, OfObject); 6] = [
    ("z_grid", |s, i, grid| s.z_grid(i, grid)),
    ("bal_velocity", |s, i, _| {
        s.outflow(i).map_or(f64::NAN, |o| o.velocity)
    }),
    ("bal_width", |s, i, _| {
        s.outflow(i).map_or(f64::NAN, |o| o.width)
    }),
    ("bal_depth", |s, i, _| {
        s.outflow(i).map_or(f64::NAN, |o| o.depth)
    }),
    ("dla_column", |s, i, _| {
        strongest(s, i).map_or(f64::NAN, |d| d.column)
    }),
    ("dla_z", |s, i, _| strongest(s, i).map_or(f64::NAN, |d| d.z)),
];

fn strongest(survey: &Survey, i: usize) -> Option<Damped> {
    let all = survey.damped(i).into_iter();
    all.max_by(|a, b| a.column.total_cmp(&b.column))
}

/// The objects' names and parameters: [N] and [N, lines] datasets, written block by block.
struct Parameters {
    names: Dataset,
    /// Numbers of the object itself, and what they are.
    of_object: Vec<(Dataset, OfObject)>,
    columns: Vec<(Dataset, OfQuasar)>,
    tables: Vec<(Dataset, OfLine)>,
    /// Of a factor model.
    scores: Option<Dataset>,
}

impl Parameters {
    fn create(file: &File, survey: &Survey, n: usize) -> hdf5::Result<Self> {
        let lines = survey.lines();
        texts(file, "line_name", lines.iter().map(|l| &*l.name))?;
        let wavelengths: Vec<f64> = lines.iter().map(|l| l.wavelength).collect();
        column(file, "line_wavelength", &wavelengths)?;
        let of_quasar =
            |(name, get): (&str, OfQuasar)| Ok((numbers::<f64>(file, name, &[n])?, get));
        let of_line =
            |(name, get): (&str, OfLine)| Ok((numbers::<f64>(file, name, &[n, lines.len()])?, get));
        let columns: [(&str, OfQuasar); 4] = [
            ("z", |q| q.z),
            ("level", |q| q.level),
            ("slope", |q| {
                if q.scores.is_empty() {
                    q.slope
                } else {
                    f64::NAN
                }
            }),
            ("blue_slope", |q| {
                if q.scores.is_empty() {
                    q.blue
                } else {
                    f64::NAN
                }
            }),
        ];
        let tables: [(&str, OfLine); 3] = [
            ("line_ew", |l| l.ew),
            ("line_width", |l| l.width),
            ("line_shift", |l| l.shift),
        ];
        let scores = |f: &Factors| numbers::<f64>(file, "scores", &[n, f.len()]);
        Ok(Self {
            scores: survey.factors().map(scores).transpose()?,
            names: file.new_dataset::<VarLenUnicode>().shape(n).create("id")?,
            of_object: OF_OBJECT
                .into_iter()
                .map(|(name, get)| Ok((numbers::<f64>(file, name, &[n])?, get)))
                .collect::<hdf5::Result<_>>()?,
            columns: columns
                .into_iter()
                .map(of_quasar)
                .collect::<hdf5::Result<_>>()?,
            tables: tables
                .into_iter()
                .map(of_line)
                .collect::<hdf5::Result<_>>()?,
        })
    }

    /// Writes objects `rows` on `grid`.
    fn write(
        &self,
        survey: &Survey,
        grid: &LogGrid,
        rows: Range<usize>,
        quasars: &[Quasar],
    ) -> hdf5::Result<()> {
        for (data, get) in &self.of_object {
            let values: Vec<f64> = rows.clone().map(|i| get(survey, i, grid)).collect();
            data.write_slice(&values, rows.clone())?;
        }
        let names: Vec<VarLenUnicode> =
            rows.clone().map(|i| text(&survey.object(i).name)).collect();
        self.names.write_slice(&names, rows.clone())?;
        for (data, get) in &self.columns {
            let values: Vec<f64> = quasars.iter().map(get).collect();
            data.write_slice(&values, rows.clone())?;
        }
        for (data, get) in &self.tables {
            let shape = (quasars.len(), survey.lines().len());
            let shown = |j: usize| survey.has_lines_at(survey.lines()[j].wavelength);
            let values = Array2::from_shape_fn(shape, |(i, j)| match shown(j) {
                true => get(&quasars[i].lines[j]),
                false => f64::NAN,
            });
            data.write_slice(&values, (rows.clone(), ..))?;
        }
        if let Some(data) = &self.scores {
            let shape = (quasars.len(), data.shape()[1]);
            let values = Array2::from_shape_fn(shape, |(i, k)| quasars[i].scores[k]);
            data.write_slice(&values, (rows.clone(), ..))?;
        }
        Ok(())
    }
}
