//! The prepared set of images: normalised pixels with their latents, in HDF5.
//!
//! Rows are in the order of the input and include the rejected ones (`flag` ≠ 0, all zero). Written
//! and read in blocks: memory does not grow with the number of images.

use crate::data::{ImageBlock, ImageLayout, Object, PixelScale};
use crate::files::hdf5::chosen::by_chunk;
use crate::files::hdf5::read;
use crate::{Error, Result};
use hdf5::{File, H5Type};
use ndarray::{Array2, s};
use std::ops::Range;
use std::path::{Path, PathBuf};

pub(crate) const FORMAT: &str = "selfsi-images";
pub(crate) const VERSION: i64 = 1;
/// Rows per chunk of the file.
pub(crate) const CHUNK_ROWS: usize = 64;
/// The datasets of a block, in the order of [`ImageBlock::parts`].
pub(crate) const PARTS: [&str; 4] = ["pixels", "ivar", "vector", "planes"];

/// What a set of images says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageSetHeader {
    pub layout: ImageLayout,
    /// FITS unit string of the pixel values; may be empty.
    pub unit: String,
    /// The TOML text of the job that made the set.
    pub config: String,
}

/// A prepared set of images open for reading; objects are in memory.
#[derive(Debug)]
pub struct ImageSet {
    images: PreparedImages,
    header: ImageSetHeader,
    objects: Vec<Object>,
    labels: Vec<i64>,
}

/// The images of a prepared set without its objects: what a separate thread reads.
#[derive(Debug, Clone)]
pub struct PreparedImages {
    path: PathBuf,
    file: File,
    rows: usize,
}

impl ImageSet {
    /// Whether `path` says that it is such a set.
    #[must_use]
    pub fn is_one(path: &Path) -> bool {
        read::open(path)
            .is_ok_and(|f| read::text_attribute(&f, "format").as_deref() == Some(FORMAT))
    }

    /// Opens a set and checks that it is one.
    ///
    /// # Errors
    /// [`Error::Input`] if the file is missing, not HDF5, not such a set, or lacks a dataset.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let file = read::open(&path)?;
        let format = read::text_attribute(&file, "format").unwrap_or_default();
        let version = file.attr("version").and_then(|a| a.read_scalar::<i64>());
        if format != FORMAT || !matches!(version, Ok(VERSION)) {
            return Err(foreign(
                &path,
                "attribute format",
                format!("`{format}`, not a prepared set of images of version {VERSION}"),
            ));
        }
        let header = header(&file, &path)?;
        let flag = column::<i32>(&file, &path, "flag")?;
        let n = flag.len();
        let layout = &header.layout;
        let d = layout.pixels();
        let plane = layout.height * layout.width;
        let widths = [d, d, layout.vector, layout.planes * plane];
        for (name, width) in PARTS.iter().zip(widths) {
            let data = read::dataset(&file, &path, name, "a dataset of a prepared set of images")?;
            if data.shape() != [n, width] {
                return Err(foreign(
                    &path,
                    &format!("dataset {name}"),
                    format!("shape {:?}, not {:?}", data.shape(), [n, width]),
                ));
            }
        }
        let text = |name: &str| -> Result<Vec<String>> {
            read::names(&read::dataset(&file, &path, name, "names")?)
                .map_err(|e| read::bad(&path, &format!("dataset {name}"), &e))
        };
        let (names, reasons, sources) = (text("name")?, text("reason")?, text("source")?);
        let labels = column::<i64>(&file, &path, "label")?;
        if [names.len(), reasons.len(), sources.len(), labels.len()] != [n; 4] {
            return Err(foreign(&path, "dataset name", "columns of unequal length"));
        }
        let objects = (0..n)
            .map(|i| Object {
                name: names[i].clone(),
                reason: reasons[i].clone(),
                source: sources[i].clone(),
                flag: flag[i],
                ..Object::default()
            })
            .collect();
        Ok(Self {
            images: PreparedImages {
                path,
                file,
                rows: n,
            },
            header,
            objects,
            labels,
        })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.images.path
    }

    #[must_use]
    pub fn header(&self) -> &ImageSetHeader {
        &self.header
    }

    /// Number of rows, rejected ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    #[must_use]
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// Class of each object; −1 where unknown.
    #[must_use]
    pub fn labels(&self) -> &[i64] {
        &self.labels
    }

    /// The images alone.
    #[must_use]
    pub fn images(&self) -> PreparedImages {
        self.images.clone()
    }

    /// As [`PreparedImages::read`].
    ///
    /// # Errors
    /// As [`PreparedImages::read`].
    pub fn read(&self, rows: Range<usize>) -> Result<ImageBlock> {
        self.images.read(rows)
    }

    /// Reads the images numbered `rows`, in that order.
    ///
    /// # Errors
    /// As [`PreparedImages::read`].
    pub fn read_rows(&self, rows: &[usize]) -> Result<ImageBlock> {
        let mut block = ImageBlock::masked(rows.len(), &self.header.layout);
        let mut done = 0;
        for (range, within) in by_chunk(rows, CHUNK_ROWS) {
            let chunk = self.read(range)?.select(&within);
            for (to, from) in block.parts_mut().into_iter().zip(chunk.parts()) {
                to.slice_mut(s![done..done + within.len(), ..]).assign(from);
            }
            done += within.len();
        }
        Ok(block)
    }
}

impl PreparedImages {
    /// Reads the images of `rows`.
    ///
    /// # Errors
    /// [`Error::Input`] if the rows do not exist or cannot be read.
    pub fn read(&self, rows: Range<usize>) -> Result<ImageBlock> {
        if rows.end > self.rows || rows.start > rows.end {
            return Err(foreign(
                &self.path,
                &format!("rows {}..{}", rows.start, rows.end),
                format!("there are {}", self.rows),
            ));
        }
        let get = |name: &str| -> Result<Array2<f32>> {
            let data = read::dataset(&self.file, &self.path, name, "a dataset")?;
            if data.shape()[1] == 0 {
                return Ok(Array2::zeros((rows.len(), 0)));
            }
            data.read_slice_2d::<f32, _>(s![rows.clone(), ..])
                .map_err(|e| read::bad(&self.path, &format!("dataset {name}"), &e))
        };
        Ok(ImageBlock {
            pixels: get("pixels")?,
            ivar: get("ivar")?,
            vector: get("vector")?,
            planes: get("planes")?,
        })
    }
}

fn foreign(path: &Path, place: &str, problem: impl std::fmt::Display) -> Error {
    Error::input(
        path,
        place,
        problem,
        "a prepared set of images",
        "make one with `selfsi prepare CONFIG`",
    )
}

fn column<T: H5Type>(file: &File, path: &Path, name: &str) -> Result<Vec<T>> {
    read::dataset(file, path, name, "a dataset of a prepared set of images")?
        .read_raw::<T>()
        .map_err(|e| read::bad(path, &format!("dataset {name}"), &e))
}

fn header(file: &File, path: &Path) -> Result<ImageSetHeader> {
    let shape = column::<i64>(file, path, "shape")?;
    let [channels, height, width, vector, planes] = shape[..] else {
        return Err(foreign(path, "dataset shape", "not five numbers"));
    };
    let softening = column::<f64>(file, path, "softening")?;
    let (mean, std) = (column(file, path, "mean")?, column(file, path, "std")?);
    if mean.len() != channels as usize || std.len() != channels as usize {
        return Err(foreign(path, "dataset mean", "not one number per channel"));
    }
    Ok(ImageSetHeader {
        layout: ImageLayout {
            channels: channels as usize,
            height: height as usize,
            width: width as usize,
            scale: PixelScale {
                softening: softening.first().copied(),
                mean,
                std,
            },
            vector: vector as usize,
            planes: planes as usize,
        },
        unit: read::text_attribute(file, "unit").unwrap_or_default(),
        config: read::text_attribute(file, "config").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::images_writer::ImageSetWriter;
    use super::*;

    fn header(softening: Option<f64>, vector: usize, planes: usize) -> ImageSetHeader {
        ImageSetHeader {
            layout: ImageLayout {
                channels: 2,
                height: 3,
                width: 4,
                scale: PixelScale {
                    softening,
                    mean: vec![0.5, 0.25],
                    std: vec![1.5, 2.0],
                },
                vector,
                planes,
            },
            unit: "nmgy".into(),
            config: "seed = 1".into(),
        }
    }

    #[test]
    fn what_is_written_block_by_block_is_read_back_in_any_blocks() {
        for (softening, vector, planes) in [(None, 0, 0), (Some(0.1), 2, 1)] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("images.h5");
            let header = header(softening, vector, planes);
            let mut all = ImageBlock::masked(5, &header.layout);
            for (k, a) in [
                &mut all.pixels,
                &mut all.ivar,
                &mut all.vector,
                &mut all.planes,
            ]
            .into_iter()
            .enumerate()
            {
                for (i, v) in a.iter_mut().enumerate() {
                    *v = (100 * k + i) as f32;
                }
            }
            all.ivar[[0, 0]] = f32::INFINITY;
            let objects: Vec<Object> = (0..5)
                .map(|i| Object {
                    name: format!("galaxy {i}"),
                    ..Object::default()
                })
                .collect();
            let part = |r: Range<usize>| ImageBlock {
                pixels: all.pixels.slice(s![r.clone(), ..]).to_owned(),
                ivar: all.ivar.slice(s![r.clone(), ..]).to_owned(),
                vector: all.vector.slice(s![r.clone(), ..]).to_owned(),
                planes: all.planes.slice(s![r, ..]).to_owned(),
            };
            let mut w = ImageSetWriter::create(&path, &header, 5).unwrap();
            w.write(&objects[..2], &[7, 8], &part(0..2)).unwrap();
            assert!(!path.exists(), "nothing appears before it is complete");
            w.write(&objects[2..], &[9, -1, 3], &part(2..5)).unwrap();
            w.finish().unwrap();

            let set = ImageSet::open(&path).unwrap();
            assert_eq!(set.header(), &header);
            assert_eq!(set.labels(), [7, 8, 9, -1, 3]);
            assert_eq!(set.objects()[3].name, "galaxy 3");
            assert_eq!(set.read(0..5).unwrap(), all);
            assert_eq!(set.read(1..4).unwrap(), part(1..4));
            assert!(set.read(4..6).is_err());
            let chosen = set.read_rows(&[3, 0, 4]).unwrap();
            assert_eq!(chosen, all.select(&[3, 0, 4]));
        }
    }
}
