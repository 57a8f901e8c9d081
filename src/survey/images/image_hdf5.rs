//! HDF5 image sets: [N, H, W], [N, C, H, W] or [N, H, W, C], with what else is known of each image.

use super::axes::Axes;
use super::image_file::ImageFile;
use super::raw::RawImages;
use crate::config::{ImageConfig, ImageDatasets};
use crate::data::PixelScale;
use crate::files::hdf5::read;
use crate::{Error, Result};
use hdf5::{Dataset, File, Hyperslab, SliceOrIndex};
use ndarray::{Array2, IxDyn};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// An HDF5 image set open for reading.
#[derive(Debug)]
pub(crate) struct Hdf5Images {
    path: PathBuf,
    image: ImageConfig,
    images: Dataset,
    axes: Axes,
    ivar: Option<Ivar>,
    /// [N, K] and [N, P, H, W].
    vector: Option<Dataset>,
    planes: Option<Dataset>,
    widths: (usize, usize),
    names: Option<Vec<String>>,
    labels: Option<Vec<i64>>,
    scale: Option<PixelScale>,
}

#[derive(Debug)]
struct Ivar {
    data: Dataset,
    /// [N, H, W]: one for all channels.
    shared: bool,
    axes: Axes,
}

impl Hdf5Images {
    /// Opens a set and checks every shape.
    ///
    /// # Errors
    /// [`Error::Input`] for a missing dataset that the config names, or a wrong shape.
    pub fn open(path: &Path, names: &ImageDatasets, image: &ImageConfig) -> Result<Self> {
        let look = Look {
            file: &read::open(path)?,
            path,
            usual: ImageDatasets::default(),
        };
        let images = read::dataset(look.file, path, &names.images, "images [N, H, W(, C)]")?;
        let place = format!("dataset {}", names.images);
        let axes = Axes::of(&images.shape(), image, path, &place)?;
        let n = axes.n;
        let (h, w) = (image.height, image.width);
        let ivar = match look.optional(&names.ivar, &look.usual.ivar)? {
            Some(data) if data.shape() == images.shape() => Some(Ivar {
                data,
                shared: false,
                axes,
            }),
            Some(data) if data.shape() == [n, h, w] => Some(Ivar {
                data,
                shared: true,
                axes: Axes {
                    n,
                    order: super::axes::Order::First,
                },
            }),
            Some(data) => {
                let expected = format!("{:?} or [{n}, {h}, {w}]", images.shape());
                return Err(look.wrong(&names.ivar, &data, &expected));
            }
            None => None,
        };
        let vector = look.optional(&names.vector, &look.usual.vector)?;
        let k = match vector.as_ref().map(|d| (d, d.shape())) {
            None => 0,
            Some((_, shape)) if shape.len() == 2 && shape[0] == n => shape[1],
            Some((data, _)) => {
                return Err(look.wrong(&names.vector, data, &format!("[{n}, K]")));
            }
        };
        let planes = look.optional(&names.planes, &look.usual.planes)?;
        let p = match planes.as_ref().map(|d| (d, d.shape())) {
            None => 0,
            Some((_, shape)) if shape.len() == 4 && shape[0] == n && shape[2..] == [h, w] => {
                shape[1]
            }
            Some((data, _)) => {
                return Err(look.wrong(&names.planes, data, &format!("[{n}, P, {h}, {w}]")));
            }
        };
        let column = |name: &str, usual: &str| -> Result<Option<Dataset>> {
            let found = look.optional(name, usual)?;
            match found {
                Some(data) if data.shape() != [n] => {
                    Err(look.wrong(name, &data, &format!("[{n}]")))
                }
                found => Ok(found),
            }
        };
        let bad = |name: &str| {
            let place = format!("dataset {name}");
            move |e: hdf5::Error| read::bad(path, &place, &e)
        };
        let id = column(&names.id, &look.usual.id)?;
        let label = column(&names.label, &look.usual.label)?;
        let labels = label.map(|d| d.read_raw::<i64>()).transpose();
        Ok(Self {
            names: id
                .map(|d| read::names(&d))
                .transpose()
                .map_err(bad(&names.id))?,
            labels: labels.map_err(bad(&names.label))?,
            scale: recorded(look.file, image.channels),
            path: path.to_path_buf(),
            image: *image,
            images,
            axes,
            ivar,
            vector,
            planes,
            widths: (k, p),
        })
    }

    /// `rows` of a dataset along its first axis, in C order. A single image may come without that
    /// axis: then all of it.
    fn slab(&self, data: &Dataset, rows: &Range<usize>) -> Result<Vec<f32>> {
        let mut slab: Vec<SliceOrIndex> = vec![(..).into(); data.ndim()];
        if self.axes.n > 1 {
            slab[0] = rows.clone().into();
        }
        let array = data
            .read_slice::<f32, _, IxDyn>(Hyperslab::from(slab))
            .map_err(|e| read::bad(&self.path, &format!("dataset {}", data.name()), &e))?;
        Ok(array.iter().copied().collect())
    }
}

impl ImageFile for Hdf5Images {
    fn path(&self) -> &Path {
        &self.path
    }

    fn len(&self) -> usize {
        self.axes.n
    }

    fn names(&self) -> Option<Vec<String>> {
        self.names.clone()
    }

    fn labels(&self) -> Option<Vec<i64>> {
        self.labels.clone()
    }

    fn widths(&self) -> (usize, usize) {
        self.widths
    }

    fn scale(&self) -> Option<&PixelScale> {
        self.scale.as_ref()
    }

    fn read(&self, rows: Range<usize>) -> Result<RawImages> {
        let image = &self.image;
        let n = rows.len();
        let pixels = self.slab(&self.images, &rows)?;
        let mut raw = RawImages::of_pixels(self.axes.rows(pixels, image, &self.path)?);
        if let Some(ivar) = &self.ivar {
            let flat = self.slab(&ivar.data, &rows)?;
            raw.ivar = Some(if ivar.shared {
                let plane = image.height * image.width;
                let each = flat.chunks_exact(plane);
                let flat = each.flat_map(|p| p.repeat(image.channels)).collect();
                ivar.axes.rows(flat, image, &self.path)?
            } else {
                ivar.axes.rows(flat, image, &self.path)?
            });
        }
        for (data, out) in [
            (&self.vector, &mut raw.vector),
            (&self.planes, &mut raw.planes),
        ] {
            if let Some(data) = data {
                let flat = self.slab(data, &rows)?;
                let width = data.shape()[1..].iter().product();
                *out = Array2::from_shape_vec((n, width), flat).map_err(|e| {
                    Error::input(&self.path, data.name(), e, "whole rows", "copy it again")
                })?;
            }
        }
        Ok(raw)
    }
}

/// Attributes `mean` and `std` (one per channel) and `softening` of the file.
fn recorded(file: &File, channels: usize) -> Option<PixelScale> {
    let numbers = |name: &str| file.attr(name).ok()?.read_raw::<f64>().ok();
    let (mean, std) = (numbers("mean")?, numbers("std")?);
    let fits = mean.len() == channels
        && std.len() == channels
        && mean.iter().all(|m| m.is_finite())
        && std.iter().all(|s| *s > 0.0 && s.is_finite());
    fits.then(|| PixelScale {
        softening: numbers("softening").and_then(|s| s.first().copied()),
        mean,
        std,
    })
}

/// Looks datasets up in one file.
struct Look<'a> {
    file: &'a File,
    path: &'a Path,
    usual: ImageDatasets,
}

impl Look<'_> {
    /// A dataset under its usual name may be absent; one that the user named may not.
    fn optional(&self, name: &str, usual: &str) -> Result<Option<Dataset>> {
        if name == usual {
            return read::find(self.file, self.path, name);
        }
        read::dataset(
            self.file,
            self.path,
            name,
            "a dataset that the config names",
        )
        .map(Some)
    }

    fn wrong(&self, name: &str, data: &Dataset, expected: &str) -> Error {
        Error::input(
            self.path,
            format!("dataset {name}"),
            format!("shape {:?}", data.shape()),
            format!("shape {expected}"),
            "give the right dataset in [survey.source.datasets]",
        )
    }
}
