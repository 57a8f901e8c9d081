//! Generated samples beside the restorations that their model was trained on.

use super::canvas::{DRAW, Drawn, Picture, SMOOTHED, axis_name};
use super::catalog::{Choice, MOST, chosen};
use super::curves::{Curve, CurvePanel, Curves};
use super::images::{ImageGrid, ImageRow, Stretch};
use super::population::{Population, Role, population_curves};
use crate::base::statistics::evenly;
use crate::data::{Object, flag};
use crate::evaluate::{Slices, population_distance};
use crate::generate::Generated;
use crate::restored::{Restored, RestoredImages};
use crate::{Error, Result};
use ndarray::{Array2, s};
use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, DrawingBackend};
use std::path::Path;

/// Seed of the directions of the distance.
const SEED: u64 = 0;
/// Rows of images of either kind.
const ROWS: usize = 2;
/// Samples read at once.
const CHUNK: usize = 1024;

/// Spectra or images.
#[derive(Debug)]
pub enum GeneratedPicture {
    /// Mean, scatter and power of populations of spectra.
    Spectra(Curves),
    /// Generated beside restored images.
    Images(ImageGrid),
}

impl Picture for GeneratedPicture {
    fn size(&self) -> (u32, u32) {
        match self {
            Self::Spectra(p) => p.size(),
            Self::Images(p) => p.size(),
        }
    }

    fn draw<DB: DrawingBackend>(&self, root: &DrawingArea<DB, Shift>) -> Drawn<DB> {
        match self {
            Self::Spectra(p) => p.draw(root),
            Self::Images(p) => p.draw(root),
        }
    }
}

/// `count` generated samples of the file `path` beside as many draws of the catalog `restored`, with
/// the population distance of the two; of spectra also their mean, scatter and power spectra.
///
/// # Errors
/// [`Error::Input`] if a file cannot be read, or one holds spectra and the other images, on another
/// grid or of another shape.
pub fn generated_samples(path: &Path, restored: &Path, count: usize) -> Result<GeneratedPicture> {
    let file = Generated::open(path)?;
    let choice = Choice {
        count,
        ..Choice::default()
    };
    let samples = samples_of(&file)?;
    match file.grid() {
        Some(_) => spectra(&file, samples, restored, &choice).map(GeneratedPicture::Spectra),
        None => images(&file, &samples, restored, &choice).map(GeneratedPicture::Images),
    }
}

/// The finite samples of the file, [n, D]; of more than [`MOST`] as many, evenly spread.
fn samples_of(file: &Generated) -> Result<Array2<f32>> {
    let every: Vec<usize> = (0..file.shape()[0]).collect();
    let rows = evenly(&every, MOST);
    let pixels: usize = file.shape()[1..].iter().product();
    let mut samples = Vec::new();
    for part in rows.chunk_by(|a, b| a / CHUNK == b / CHUNK) {
        let (first, last) = (part[0], part[part.len() - 1]);
        let read = file.read(first..last + 1)?;
        let wanted = part.iter().map(|i| read.row(i - first));
        for row in wanted.filter(|r| r.iter().all(|v| v.is_finite())) {
            samples.extend(row);
        }
    }
    let shape = (samples.len() / pixels.max(1), pixels);
    Ok(Array2::from_shape_vec(shape, samples).unwrap_or_default())
}

fn spectra(
    file: &Generated,
    samples: Array2<f32>,
    restored: &Path,
    choice: &Choice,
) -> Result<Curves> {
    let catalog = Restored::open(restored)?;
    let grid = catalog.header().grid;
    if !file.grid().is_some_and(|g| g.matches(&grid)) {
        return Err(unlike(file, restored, "wavelength grid"));
    }
    let mut image = catalog.rows(catalog.single())?;
    let mut normalised = |rows: &[usize]| {
        let mut flux = image.read(rows)?;
        for (mut row, i) in flux.rows_mut().into_iter().zip(rows) {
            let norm = catalog.objects()[*i].norm;
            row.mapv_inplace(|v| (f64::from(v) / norm) as f32);
        }
        Ok::<_, Error>(flux)
    };
    let shown = chosen(restored, catalog.objects(), catalog.heldout(), choice)?;
    let shown = normalised(&shown)?;
    let draws = normalised(&usable(catalog.objects()))?;
    let wavelength = grid.wavelength();
    let panel = |row: ndarray::ArrayView1<f32>, colour| CurvePanel {
        x_name: axis_name(grid.frame).to_owned(),
        y_name: "normalised flux".to_owned(),
        log_x: false,
        log_y: false,
        curves: vec![Curve {
            colour,
            points: (wavelength.iter().copied())
                .zip(row.iter().map(|v| f64::from(*v)))
                .collect(),
        }],
    };
    let pairs = samples.rows().into_iter().zip(shown.rows());
    let beside = pairs.flat_map(|(g, r)| [panel(g, SMOOTHED), panel(r, DRAW)]);
    let panels: Vec<CurvePanel> = beside.collect();
    let distance = distance(&samples, &draws);
    let population = |name: String, role, flux| Population { name, role, flux };
    let curves = population_curves(
        &grid,
        &[
            population(
                format!("{} restored ({})", draws.nrows(), catalog.single()),
                Role::Sde,
                draws,
            ),
            population(
                format!("{} generated: {distance}", samples.nrows()),
                Role::Generated,
                samples,
            ),
        ],
    );
    Ok(Curves {
        columns: 2,
        panels: panels.into_iter().chain(curves.panels).collect(),
        ..curves
    })
}

fn images(
    file: &Generated,
    samples: &Array2<f32>,
    restored: &Path,
    choice: &Choice,
) -> Result<ImageGrid> {
    let catalog = RestoredImages::open(restored)?;
    let layout = catalog.layout();
    if file.shape()[1..] != layout.axes(0)[1..] {
        return Err(unlike(file, restored, "image shape"));
    }
    let mut image = catalog.rows(catalog.single())?;
    let several = Choice {
        count: ROWS * choice.count,
        ..Choice::default()
    };
    let shown = chosen(restored, catalog.objects(), catalog.heldout(), &several)?;
    let shown = image.read(&shown)?;
    let draws = image.read(&usable(catalog.objects()))?;
    let softening = layout.scale.softening;
    let row = |label: &str, images: Vec<ndarray::ArrayView1<f32>>| ImageRow {
        label: label.to_owned(),
        panels: images
            .iter()
            .map(|image| {
                let image = image.to_vec();
                Some(Stretch::of(&image, softening).shades(&image, layout.channels))
            })
            .collect(),
    };
    let columns = choice.count.min(samples.nrows()).min(shown.nrows());
    let rows = |label, all: Vec<ndarray::ArrayView1<f32>>| {
        let rows = all.chunks_exact(columns.max(1)).take(ROWS);
        rows.map(|r| row(label, r.to_vec())).collect::<Vec<_>>()
    };
    let generated = rows("generated", samples.rows().into_iter().collect());
    let restored = rows("restored", shown.rows().into_iter().collect());
    let curve = softening.map_or("linear".to_owned(), |s| format!("asinh(value/{s})"));
    let distance = distance(&layout.normalised(samples), &layout.normalised(&draws));
    Ok(ImageGrid {
        height: layout.height,
        width: layout.width,
        titles: vec![String::new(); columns],
        rows: [generated, restored].concat(),
        notes: vec![
            format!(
                "{} generated, {} restored ({}): {distance}",
                samples.nrows(),
                draws.nrows(),
                catalog.single()
            ),
            format!("{curve}, each image over its own range"),
        ],
    })
}

/// The usable rows; of more than [`MOST`] as many, evenly spread.
fn usable(objects: &[Object]) -> Vec<usize> {
    let good = |i: &usize| objects[*i].flag == flag::GOOD;
    let all: Vec<usize> = (0..objects.len()).filter(good).collect();
    evenly(&all, MOST)
}

/// The sliced Wasserstein distance of the populations, free of the samples' own, in words.
fn distance(a: &Array2<f32>, b: &Array2<f32>) -> String {
    let n = a.nrows().min(b.nrows());
    let (a, b) = (a.slice(s![..n, ..]), b.slice(s![..n, ..]));
    let d = population_distance(a, b, Slices::Whole, SEED);
    if d.value.is_nan() {
        return "too few for a population distance".into();
    }
    format!(
        "sliced Wasserstein distance {:.4} ± {:.4}",
        d.root(),
        d.root_error()
    )
}

fn unlike(file: &Generated, restored: &Path, what: &str) -> Error {
    Error::input(
        restored,
        "",
        format!(
            "a {what} that differs from the one of {}",
            file.path().display()
        ),
        "the catalog that its model was trained on",
        "give that one with --restored",
    )
}
