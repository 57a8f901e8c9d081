//! As HDF5: the names of the FITS form in lower case, keys as attributes.

use super::form::{Kind, Reader, Sink};
use super::plan::{Cells, Column, Image, Plan, Spectral};
use crate::Result;
use crate::data::provenance::Key;
use crate::files::hdf5::output::Output;
use crate::files::hdf5::read;
use hdf5::{Dataset, File};
use ndarray::{Array2, Array3, ArrayView3, Axis, IxDyn};
use std::ops::Range;
use std::path::{Path, PathBuf};

pub(super) struct Writer {
    output: Output,
    images: Vec<Dataset>,
    draws: Option<Dataset>,
}

impl Writer {
    pub fn create(path: &Path, plan: &Plan<'_>) -> Result<Self> {
        let output = Output::create(path)?;
        let (images, draws) = output.put(|file| lay_out(file, plan))?;
        Ok(Self {
            output,
            images,
            draws,
        })
    }
}

impl Sink for Writer {
    fn keys(&mut self, more: &[Key]) -> Result<()> {
        self.output.put(|file| read::attributes(file, more))
    }

    fn write(
        &mut self,
        start: usize,
        images: &[&Array2<f32>],
        draws: Option<ArrayView3<f32>>,
    ) -> Result<()> {
        for (data, rows) in self.images.iter().zip(images) {
            let range = start..start + rows.nrows();
            self.output.put(|_| read::put(data, rows.view(), range))?;
        }
        if let (Some(data), Some(draws)) = (&self.draws, draws) {
            let range = start..start + draws.len_of(Axis(1));
            self.output.put(|_| read::put(data, draws, range))?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>, table: &[Column<'_>]) -> Result<()> {
        let Self {
            output,
            images,
            draws,
        } = *self;
        drop((images, draws));
        output.put(|file| table.iter().try_for_each(|column| put(file, column)))?;
        output.finish()
    }
}

/// The datasets of the images, and that of all draws.
fn lay_out(file: &File, plan: &Plan<'_>) -> hdf5::Result<(Vec<Dataset>, Option<Dataset>)> {
    read::attributes(file, &plan.keys)?;
    let history = plan.history.join("\n");
    read::attribute(file, "history", &read::text(&history))?;
    let mut images = Vec::new();
    for image in &plan.images {
        let data = read::numbers::<f32>(file, &image.name.to_lowercase(), &plan.shape)?;
        images.push(in_unit(data, image)?);
    }
    let draws = plan.draws.as_ref().map(|(image, count)| {
        let shape = plan.shape_of_draws(*count);
        let data = read::planes(file, &image.name.to_lowercase(), &shape)?;
        in_unit(data, image)
    });
    let draws = draws.transpose()?;
    if let Some(Spectral { grid, .. }) = &plan.spectral {
        let wavelength = read::column(file, "wavelength", &grid.wavelength())?;
        read::attribute(&wavelength, "unit", &read::text("Angstrom"))?;
        read::column(file, "loglam", &grid.loglam())?;
    }
    Ok((images, draws))
}

/// The dataset of an image, which says its unit.
fn in_unit(data: Dataset, image: &Image) -> hdf5::Result<Dataset> {
    let unit = image.unit.as_deref().unwrap_or_default();
    read::attribute(&data, "bunit", &read::text(unit))?;
    Ok(data)
}

fn put(file: &File, column: &Column<'_>) -> hdf5::Result<()> {
    let name = column.name;
    match &column.cells {
        Cells::Texts(v) => read::texts(file, name, v.iter().map(String::as_str)),
        Cells::Real(v) => read::column(file, name, v).map(drop),
        Cells::Whole(v) | Cells::Nullable(v) => read::column(file, name, v).map(drop),
        Cells::Several(v) if v.ncols() == 0 => Ok(()),
        Cells::Several(v) => {
            let (rows, width) = v.dim();
            read::numbers::<f32>(file, &name.to_lowercase(), &[rows, width])?.write(v)
        }
    }
}

pub(super) struct Stack {
    file: File,
    path: PathBuf,
    kind: Kind,
}

impl Stack {
    pub fn open(path: &Path, kind: Kind) -> Result<Self> {
        Ok(Self {
            file: read::open(path)?,
            path: path.to_path_buf(),
            kind,
        })
    }

    fn dataset(&self, name: &str) -> Result<Dataset> {
        let found = read::find(&self.file, &self.path, &name.to_lowercase())?;
        found.ok_or_else(|| {
            let held = self.file.member_names().unwrap_or_default().join(", ");
            let problem = format!("missing; the file holds {held}");
            self.kind.foreign(&self.path, name, problem)
        })
    }

    /// What `read` makes of the dataset `name`.
    fn get<V>(&self, name: &str, read: impl Fn(&Dataset) -> hdf5::Result<V>) -> Result<V> {
        read(&self.dataset(name)?).map_err(|e| read::bad(&self.path, name, &e))
    }
}

impl Stack {
    /// What lies in `rows` of an axis of an image, which must be of axes `shape`.
    fn section(
        &self,
        image: &str,
        shape: &[usize],
        axis: usize,
        rows: Range<usize>,
    ) -> Result<Vec<f32>> {
        let found = self.dataset(image)?.shape();
        if found != shape {
            let problem = format!("an image of shape {found:?}, not {shape:?}");
            return Err(self.kind.foreign(&self.path, image, problem));
        }
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let all = self.get(image, |data| {
            data.read_slice::<f32, _, IxDyn>(read::selection(shape, axis, rows.clone()))
        })?;
        Ok(all.into_raw_vec_and_offset().0)
    }
}

impl Reader for Stack {
    fn place_of_keys(&self) -> &'static str {
        "attributes"
    }

    fn key(&mut self, name: &str) -> Option<String> {
        read::key(&self.file, &name.to_lowercase())
    }

    fn history(&mut self) -> Result<Vec<String>> {
        let text = read::text_attribute(&self.file, "history").unwrap_or_default();
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Its parts have checksums of their own, which HDF5 compares on reading.
    fn check_whole(&mut self) -> Result<()> {
        Ok(())
    }

    fn shape(&mut self, image: &str) -> Result<Vec<usize>> {
        Ok(self.dataset(image)?.shape())
    }

    fn texts(&mut self, column: &str) -> Result<Vec<String>> {
        self.get(column, read::names)
    }

    fn has(&mut self, column: &str) -> bool {
        self.file.link_exists(&column.to_lowercase())
    }

    fn real(&mut self, column: &str) -> Result<Vec<f64>> {
        self.get(column, |data| data.read_raw())
    }

    fn whole(&mut self, column: &str) -> Result<Vec<i64>> {
        self.get(column, |data| data.read_raw())
    }

    fn several(&mut self, column: &str, width: usize) -> Result<Array2<f32>> {
        let values = self.get(column, |data| data.read_2d::<f32>())?;
        if values.ncols() == width {
            return Ok(values);
        }
        let problem = format!("{} numbers each, not {width}", values.ncols());
        Err(self.kind.foreign(&self.path, column, problem))
    }

    fn loglam(&mut self) -> Result<Vec<f64>> {
        match read::find(&self.file, &self.path, "loglam")? {
            Some(_) => self.get("loglam", |data| data.read_raw()),
            None => Ok(Vec::new()),
        }
    }

    fn rows(&mut self, image: &str, shape: &[usize], rows: Range<usize>) -> Result<Array2<f32>> {
        let values = self.section(image, shape, 0, rows.clone())?;
        Array2::from_shape_vec((rows.len(), shape[1..].iter().product()), values)
            .map_err(|e| self.kind.foreign(&self.path, image, e))
    }

    fn draws(&mut self, image: &str, shape: &[usize], rows: Range<usize>) -> Result<Array3<f32>> {
        let values = self.section(image, shape, 1, rows.clone())?;
        let sizes = (shape[0], rows.len(), shape[2..].iter().product());
        Array3::from_shape_vec(sizes, values).map_err(|e| self.kind.foreign(&self.path, image, e))
    }
}
