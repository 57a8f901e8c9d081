//! Restored images as HDF5: the names of the FITS form in lower case, keys as attributes.

use super::super::provenance::Value;
use super::super::restored_unit::inverse_square;
use super::super::{RestoredBlock, h5};
use super::header::check;
use super::{ImageTable, RestoredImagesHeader, foreign, part};
use crate::atomic::Pending;
use crate::{Error, Result};
use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, File, H5Type, Hyperslab, Location, SliceOrIndex};
use ndarray::{Array2, ArrayViewD, IxDyn};
use std::ops::Range;
use std::path::{Path, PathBuf};

pub(super) struct Writer {
    target: PathBuf,
    pending: Pending,
    file: File,
    images: Vec<(String, Dataset)>,
}

impl Writer {
    pub fn create(path: &Path, header: &RestoredImagesHeader, rows: usize) -> Result<Self> {
        hdf5::silence_errors(true);
        let pending = Pending::new(path)?;
        let (file, images) =
            start(pending.path(), header, rows).map_err(|e| unwritable(path, &e))?;
        Ok(Self {
            target: path.to_path_buf(),
            pending,
            file,
            images,
        })
    }

    pub fn write(&mut self, start: usize, block: &RestoredBlock) -> Result<()> {
        let mut quantiles = block.quantiles.iter();
        for (name, data) in &self.images {
            let rows = part(block, name, &mut quantiles).ok_or_else(|| {
                Error::output(
                    &self.target,
                    format!("a block without {name}"),
                    "give every image of the header",
                )
            })?;
            let range = start..start + rows.nrows();
            put(data, rows, range).map_err(|e| unwritable(&self.target, &e))?;
        }
        Ok(())
    }

    pub fn finish(self, table: &ImageTable) -> Result<()> {
        let written = write_table(&self.file, table).and_then(|()| self.file.flush());
        drop(self.images);
        written
            .and_then(|()| self.file.close())
            .map_err(|e| unwritable(&self.target, &e))?;
        self.pending.commit()
    }
}

fn unwritable(path: &Path, e: &hdf5::Error) -> Error {
    Error::output(path, h5::words(e), "check free space and permissions")
}

fn start(
    path: &Path,
    header: &RestoredImagesHeader,
    rows: usize,
) -> hdf5::Result<(File, Vec<(String, Dataset)>)> {
    let file = File::create(path)?;
    for key in header.keys() {
        let name = key.name.to_lowercase();
        match key.value {
            Value::Text(v) => attribute(&file, &name, &h5::text(&v))?,
            Value::Whole(v) => attribute(&file, &name, &v)?,
            Value::Real(v) => attribute(&file, &name, &v)?,
        }
    }
    let history = header.made.history.join("\n");
    attribute(&file, "history", &h5::text(&history))?;
    let mut images = Vec::new();
    for name in header.images() {
        let data = file
            .new_dataset::<f32>()
            .shape(header.shape(rows))
            .create(name.to_lowercase().as_str())?;
        let unit = if name == "IVAR" {
            inverse_square(&header.unit).unwrap_or_default()
        } else {
            header.unit.clone()
        };
        attribute(&data, "bunit", &h5::text(&unit))?;
        images.push((name, data));
    }
    Ok((file, images))
}

fn attribute<T: H5Type>(at: &Location, name: &str, value: &T) -> hdf5::Result<()> {
    at.new_attr::<T>().create(name)?.write_scalar(value)
}

/// Rows `range` of images and all of their other axes.
fn selection(shape: &[usize], rows: Range<usize>) -> Hyperslab {
    let whole = shape.iter().map(|n| SliceOrIndex::from(0..*n));
    let mut axes: Vec<_> = whole.collect();
    axes[0] = rows.into();
    axes.into()
}

fn put(data: &Dataset, rows: &Array2<f32>, range: Range<usize>) -> hdf5::Result<()> {
    let mut shape = data.shape();
    shape[0] = range.len();
    let rows = rows.as_standard_layout();
    let view = ArrayViewD::from_shape(shape.as_slice(), rows.as_slice().unwrap_or_default());
    let view = view.map_err(|e| hdf5::Error::from(e.to_string()))?;
    data.write_slice(view, selection(&shape, range))
}

fn write_table(file: &File, table: &ImageTable) -> hdf5::Result<()> {
    for (name, values) in table.texts() {
        let values: Vec<VarLenUnicode> = values.into_iter().map(h5::text).collect();
        column(file, name, &values)?;
    }
    for (name, values) in table.integers() {
        column(file, name, &values)?;
    }
    if table.vector.ncols() > 0 {
        file.new_dataset_builder()
            .with_data(&table.vector)
            .create("vector")?;
    }
    Ok(())
}

fn column<T: H5Type>(file: &File, name: &str, values: &[T]) -> hdf5::Result<()> {
    file.new_dataset::<T>()
        .shape(values.len())
        .create(name.to_lowercase().as_str())?
        .write_raw(values)
}

/// Header and table of `path`.
pub(super) fn open(path: &Path) -> Result<(RestoredImagesHeader, ImageTable)> {
    let file = h5::open(path)?;
    let mut get = |name: &str| key(&file, &name.to_lowercase());
    check(&mut get).map_err(|e| foreign(path, "attributes", e.to_owned()))?;
    let shape = images(&file, path, "RESTORED")?.shape();
    let header =
        RestoredImagesHeader::read(&shape, &mut get).map_err(|e| foreign(path, "attributes", e))?;
    let text = |name: &str| -> Result<Vec<String>> {
        h5::names(&images(&file, path, name)?).map_err(|e| h5::bad(path, name, &e))
    };
    let whole = |name: &str| -> Result<Vec<i64>> {
        let data = images(&file, path, name)?;
        data.read_raw().map_err(|e| h5::bad(path, name, &e))
    };
    let vector = match header.layout.vector {
        0 => Array2::zeros((shape[0], 0)),
        _ => images(&file, path, "VECTOR")?
            .read_2d()
            .map_err(|e| h5::bad(path, "vector", &e))?,
    };
    let texts = [text("NAME")?, text("REASON")?, text("SOURCE")?];
    let integers = [whole("LABEL")?, whole("FLAG")?, whole("HELDOUT")?];
    match ImageTable::assemble(texts, integers, vector) {
        Some(table) if table.objects.len() == shape[0] => Ok((header, table)),
        _ => Err(foreign(path, "name", "not one row per image".to_owned())),
    }
}

/// An attribute as text.
fn key(file: &File, name: &str) -> Option<String> {
    let number = || {
        let attribute = file.attr(name).ok()?;
        let whole = attribute.read_scalar::<i64>().map(|v| v.to_string());
        let real = || attribute.read_scalar::<f64>().map(|v| v.to_string());
        if attribute.dtype().ok()?.is::<f64>() {
            real().ok()
        } else {
            whole.ok()
        }
    };
    h5::text_attribute(file, name).or_else(number)
}

fn images(file: &File, path: &Path, name: &str) -> Result<Dataset> {
    file.dataset(&name.to_lowercase()).map_err(|_| {
        let held = file.member_names().unwrap_or_default().join(", ");
        foreign(path, name, format!("missing; the file holds {held}"))
    })
}

/// The images `name`, which have the axes `shape`.
pub(super) fn read(
    path: &Path,
    name: &str,
    shape: &[usize],
    rows: Range<usize>,
) -> Result<Array2<f32>> {
    let file = h5::open(path)?;
    let data = images(&file, path, name)?;
    let found = data.shape();
    if found != shape {
        let problem = format!("images of shape {found:?}, not {shape:?}");
        return Err(foreign(path, name, problem));
    }
    let pixels = shape[1..].iter().product::<usize>();
    let n = rows.len();
    let all = data
        .read_slice::<f32, _, IxDyn>(selection(shape, rows))
        .map_err(|e| h5::bad(path, name, &e))?;
    let (values, _) = all.into_raw_vec_and_offset();
    Array2::from_shape_vec((n, pixels), values).map_err(|e| foreign(path, name, e.to_string()))
}
