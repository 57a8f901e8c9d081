//! Restored images as HDF5: the names of the FITS form in lower case, keys as attributes.

use super::foreign::foreign;
use super::header::RestoredImagesHeader;
use super::header::check;
use super::table::ImageTable;
use crate::data::provenance::Key;
use crate::files::hdf5::output::Output;
use crate::files::hdf5::read;
use crate::files::units::inverse_square;
use crate::restored::catalog::RestoredBlock;
use crate::restored::image::Image;
use crate::{Error, Result};
use hdf5::{Dataset, File};
use ndarray::{Array2, IxDyn};
use std::ops::Range;
use std::path::{Path, PathBuf};

pub(crate) struct Writer {
    target: PathBuf,
    output: Output,
    images: Vec<(Image, Dataset)>,
}

impl Writer {
    pub fn create(path: &Path, header: &RestoredImagesHeader, rows: usize) -> Result<Self> {
        let output = Output::create(path)?;
        let images = output.put(|file| start(file, header, rows))?;
        Ok(Self {
            target: path.to_path_buf(),
            output,
            images,
        })
    }

    /// More keys of the file.
    pub fn keys(&mut self, more: &[Key]) -> Result<()> {
        self.output.put(|file| read::attributes(file, more))
    }

    pub fn write(&mut self, start: usize, block: &RestoredBlock) -> Result<()> {
        for (image, data) in &self.images {
            let rows = block.image(*image).ok_or_else(|| {
                Error::output(
                    &self.target,
                    format!("a block without {image}"),
                    "give every image of the header",
                )
            })?;
            let range = start..start + rows.nrows();
            self.output.put(|_| read::put(data, rows, range))?;
        }
        Ok(())
    }

    pub fn finish(self, table: &ImageTable) -> Result<()> {
        drop(self.images);
        self.output.put(|file| write_table(file, table))?;
        self.output.finish()
    }
}

fn start(
    file: &File,
    header: &RestoredImagesHeader,
    rows: usize,
) -> hdf5::Result<Vec<(Image, Dataset)>> {
    read::attributes(file, &header.keys())?;
    let history = header.made.history.join("\n");
    read::attribute(file, "history", &read::text(&history))?;
    let mut images = Vec::new();
    for image in header.kinds() {
        let name = image.name(&header.made);
        let data = read::numbers::<f32>(file, &name.to_lowercase(), &header.shape(rows))?;
        let unit = if image == Image::Ivar {
            inverse_square(&header.unit).unwrap_or_default()
        } else {
            header.unit.clone()
        };
        read::attribute(&data, "bunit", &read::text(&unit))?;
        images.push((image, data));
    }
    Ok(images)
}

fn write_table(file: &File, table: &ImageTable) -> hdf5::Result<()> {
    for (name, values) in table.texts() {
        read::texts(file, name, values)?;
    }
    for (name, values) in table.integers() {
        read::column(file, name, &values)?;
    }
    if table.vector.ncols() > 0 {
        let (rows, width) = table.vector.dim();
        read::numbers::<f32>(file, "vector", &[rows, width])?.write(&table.vector)?;
    }
    Ok(())
}

/// Header and table of `path`.
pub(crate) fn open(path: &Path) -> Result<(RestoredImagesHeader, ImageTable)> {
    let file = read::open(path)?;
    let mut get = |name: &str| read::key(&file, &name.to_lowercase());
    check(&mut get).map_err(|e| foreign(path, "attributes", e))?;
    let shape = images(&file, path, "RESTORED")?.shape();
    let header =
        RestoredImagesHeader::read(&shape, &mut get).map_err(|e| foreign(path, "attributes", e))?;
    let text = |name: &str| -> Result<Vec<String>> {
        read::names(&images(&file, path, name)?).map_err(|e| read::bad(path, name, &e))
    };
    let whole = |name: &str| -> Result<Vec<i64>> {
        let data = images(&file, path, name)?;
        data.read_raw().map_err(|e| read::bad(path, name, &e))
    };
    let vector = match header.layout.vector {
        0 => Array2::zeros((shape[0], 0)),
        _ => images(&file, path, "VECTOR")?
            .read_2d()
            .map_err(|e| read::bad(path, "vector", &e))?,
    };
    let texts = [text("NAME")?, text("REASON")?, text("SOURCE")?];
    let integers = [whole("LABEL")?, whole("FLAG")?, whole("HELDOUT")?];
    match ImageTable::assemble(texts, integers, vector) {
        Some(table) if table.objects.len() == shape[0] => Ok((header, table)),
        _ => Err(foreign(path, "name", "not one row per image".to_owned())),
    }
}

fn images(file: &File, path: &Path, name: &str) -> Result<Dataset> {
    read::find(file, path, &name.to_lowercase())?.ok_or_else(|| {
        let held = file.member_names().unwrap_or_default().join(", ");
        foreign(path, name, format!("missing; the file holds {held}"))
    })
}

/// The images `name`, which have the axes `shape`.
pub(crate) fn read(
    path: &Path,
    name: &str,
    shape: &[usize],
    rows: Range<usize>,
) -> Result<Array2<f32>> {
    let file = read::open(path)?;
    let data = images(&file, path, name)?;
    let found = data.shape();
    if found != shape {
        let problem = format!("images of shape {found:?}, not {shape:?}");
        return Err(foreign(path, name, problem));
    }
    let pixels = shape[1..].iter().product::<usize>();
    let n = rows.len();
    let all = data
        .read_slice::<f32, _, IxDyn>(read::selection(shape, rows))
        .map_err(|e| read::bad(path, name, &e))?;
    let (values, _) = all.into_raw_vec_and_offset();
    Array2::from_shape_vec((n, pixels), values).map_err(|e| foreign(path, name, e.to_string()))
}
