//! HDF5 image sets: [N, H, W], [N, C, H, W] or [N, H, W, C], with what else is known of each image.

use super::axes::Axes;
use super::bands;
use super::image_file::ImageFile;
use super::onto::Onto;
use super::psf::PsfAxes;
use super::raw::RawImages;
use super::sky::Sky;
use crate::config::{ImageConfig, ImageDatasets};
use crate::data::{Bands, PixelScale, Wcs};
use crate::files::hdf5::listing::datasets;
use crate::files::hdf5::read;
use crate::{Error, Result};
use hdf5::types::TypeDescriptor;
use hdf5::{Dataset, File, Hyperslab, SliceOrIndex};
use ndarray::{Array2, IxDyn};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// An HDF5 image set open for reading.
#[derive(Debug)]
pub(crate) struct Hdf5Images {
    path: PathBuf,
    onto: Onto,
    images: Dataset,
    axes: Axes,
    ivar: Option<Beside>,
    mask: Option<Beside>,
    /// What is done with the mask, and datasets of the images' shape that are not read, in words.
    notes: Vec<String>,
    /// Units and filters that the file says.
    bands: Option<Bands>,
    /// None where the file says nothing of any.
    sky: Vec<Sky>,
    /// [N, K] and [N, P, H, W].
    vector: Option<Dataset>,
    planes: Option<Dataset>,
    /// Point-spread functions.
    psf: Option<(Dataset, PsfAxes)>,
    widths: (usize, usize),
    names: Option<Vec<String>>,
    labels: Option<Vec<i64>>,
    scale: Option<PixelScale>,
}

/// A dataset that says something of each pixel.
#[derive(Debug)]
struct Beside {
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
    pub fn open(
        path: &Path,
        names: &ImageDatasets,
        image: &ImageConfig,
        coarse: usize,
    ) -> Result<Self> {
        let look = Look {
            file: &read::open(path)?,
            path,
            usual: ImageDatasets::default(),
        };
        let images = read::dataset(look.file, path, &names.images, "images [N, H, W(, C)]")?;
        let place = format!("dataset {}", names.images);
        let (axes, onto) = Onto::of(&images.shape(), image, coarse, path, &place)?;
        let n = axes.n;
        let (h, w) = (onto.file.height, onto.file.width);
        let beside = |name: &str, usual: &str| match look.optional(name, usual)? {
            Some(data) if data.shape() == images.shape() => Ok(Some(Beside {
                data,
                shared: false,
                axes,
            })),
            Some(data) if data.shape() == [n, h, w] => Ok(Some(Beside {
                data,
                shared: true,
                axes: Axes {
                    n,
                    order: super::axes::Order::First,
                },
            })),
            Some(data) => {
                let expected = format!("{:?} or [{n}, {h}, {w}]", images.shape());
                Err(look.wrong(name, &data, &expected))
            }
            None => Ok(None),
        };
        let ivar = beside(&names.ivar, &look.usual.ivar)?;
        let mask = match &names.mask {
            name if name.is_empty() => None,
            // A dataset of this name and another shape is no mask of pixels unless the config says so.
            name if *name == look.usual.mask => beside(name, name).unwrap_or_default(),
            name => beside(name, &look.usual.mask)?,
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
            Some((_, shape))
                if shape.len() == 4
                    && shape[0] == n
                    && shape[2..] == [image.height, image.width] =>
            {
                shape[1]
            }
            Some((data, _)) => {
                let expected = format!("[{n}, P, {}, {}]", image.height, image.width);
                return Err(look.wrong(&names.planes, data, &expected));
            }
        };
        let psf = match &names.psf {
            name if name.is_empty() => None,
            name => look.optional(name, &look.usual.psf)?,
        };
        let psf = match psf {
            None => None,
            Some(data) => {
                let place = format!("dataset {}", names.psf);
                let axes = PsfAxes::of(&data.shape(), n, image, path, &place)?;
                Some((data, axes))
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
        let numbers = |name: &str, usual: &str| -> Result<Option<Vec<f64>>> {
            let data = column(name, usual)?;
            data.map(|d| d.read_raw::<f64>())
                .transpose()
                .map_err(bad(name))
        };
        let ra = numbers(&names.ra, &look.usual.ra)?;
        let dec = numbers(&names.dec, &look.usual.dec)?;
        let wcs = match column(&names.wcs, &look.usual.wcs)? {
            Some(data) => Some(read::names(&data).map_err(bad(&names.wcs))?),
            None => read::text_attribute(&images, &names.wcs).map(|one| vec![one; n]),
        };
        let sky = |i: usize| {
            onto.sky(Sky {
                place: ra
                    .as_ref()
                    .zip(dec.as_ref())
                    .map(|(ra, dec)| [ra[i], dec[i]]),
                wcs: wcs.as_ref().and_then(|texts| Wcs::parse(&texts[i])),
            })
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
            sky: (0..n).map(sky).collect(),
            axes,
            notes: notes(&look, names, &images, mask.is_some())
                .into_iter()
                .chain(onto.note())
                .collect(),
            onto,
            bands: bands::of_hdf5(look.file, &images, image.channels),
            ivar,
            mask,
            images,
            vector,
            planes,
            psf,
            widths: (k, p),
        })
    }

    /// `rows` of a dataset that says something of each pixel, [n, D].
    fn beside(&self, beside: &Beside, rows: &Range<usize>) -> Result<Array2<f32>> {
        let (image, mut flat) = (&self.onto.file, self.slab(&beside.data, rows)?);
        if beside.shared {
            let each = flat.chunks_exact(image.height * image.width);
            flat = each.flat_map(|p| p.repeat(image.channels)).collect();
        }
        Ok(self.onto.rows(beside.axes.rows(flat, image, &self.path)?))
    }

    /// All of a dataset, in C order.
    fn whole(&self, data: &Dataset) -> Result<Vec<f32>> {
        let bad = |e| read::bad(&self.path, &format!("dataset {}", data.name()), &e);
        data.read_raw::<f32>().map_err(bad)
    }

    /// `rows` of a dataset along its first axis, in C order. A single image may come without that
    /// axis: then all of it.
    fn slab(&self, data: &Dataset, rows: &Range<usize>) -> Result<Vec<f32>> {
        let mut slab: Vec<SliceOrIndex> = vec![(..).into(); data.ndim()];
        if self.axes.n > 1 {
            slab[0] = rows.clone().into();
        }
        let slab = Hyperslab::from(slab);
        let bad = |e| read::bad(&self.path, &format!("dataset {}", data.name()), &e);
        if matches!(
            data.dtype().and_then(|t| t.to_descriptor()),
            Ok(TypeDescriptor::Boolean)
        ) {
            let marks = data.read_slice::<bool, _, IxDyn>(slab).map_err(bad)?;
            return Ok(marks.iter().map(|m| f32::from(u8::from(*m))).collect());
        }
        let array = data.read_slice::<f32, _, IxDyn>(slab).map_err(bad)?;
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

    fn psf(&self) -> usize {
        self.psf.as_ref().map_or(0, |(_, axes)| axes.side)
    }

    fn bands(&self) -> Option<Bands> {
        self.bands.clone()
    }

    fn scale(&self) -> Option<&PixelScale> {
        self.scale.as_ref()
    }

    fn read(&self, rows: Range<usize>) -> Result<RawImages> {
        let n = rows.len();
        let pixels = self.slab(&self.images, &rows)?;
        let pixels = self.axes.rows(pixels, &self.onto.file, &self.path)?;
        let mut raw = RawImages::of_pixels(self.onto.rows(pixels));
        raw.sky = self.sky[rows.clone()].to_vec();
        let beside =
            |data: &Option<Beside>| data.as_ref().map(|d| self.beside(d, &rows)).transpose();
        raw.ivar = beside(&self.ivar)?;
        if let Some(mask) = beside(&self.mask)? {
            let unknown = || Array2::from_elem(mask.raw_dim(), f32::INFINITY);
            let ivar = raw.ivar.get_or_insert_with(unknown);
            ivar.zip_mut_with(&mask, |v, mark| {
                if *mark != 0.0 {
                    *v = 0.0;
                }
            });
        }
        raw.notes = self.notes.iter().map(|note| (note.clone(), n)).collect();
        if let Some(bands) = &self.bands {
            let place = format!("{} dataset {}", self.path.display(), self.images.name());
            raw.bands.insert(bands.clone(), place);
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
        if let Some((data, axes)) = &self.psf {
            let values = match axes.span(&(0..2)).0 == axes.span(&(1..2)).0 {
                true => self.whole(data)?,
                false => self.slab(data, &rows)?,
            };
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let (psf, problems) = axes.checked(&values, n);
            let place = format!("{} dataset {}", self.path.display(), data.name());
            raw.psf = psf;
            raw.problems = problems
                .into_iter()
                .map(|p| p.map(|p| format!("{place}: {p}")))
                .collect();
        }
        Ok(raw)
    }
}

/// What is done with a mask, and which datasets of the shape of `images` are not read.
fn notes(look: &Look, names: &ImageDatasets, images: &Dataset, masked: bool) -> Vec<String> {
    let read = [
        &names.images,
        &names.ivar,
        &names.mask,
        &names.vector,
        &names.planes,
        &names.psf,
    ];
    let is_read = |name: &str| read.iter().any(|r| r.trim_start_matches('/') == name);
    let other_mask = |name: &str| !masked && name == names.mask;
    let shape = images.shape();
    let unread = datasets(look.file, look.path)
        .0
        .into_iter()
        .filter(|d| other_mask(&d.name) || d.shape == shape && !is_read(&d.name));
    let mask = masked.then(|| format!("pixels of dataset {} ≠ 0 are masked", names.mask));
    let unread = unread.map(|d| format!("dataset {} is not read", d.name));
    mask.into_iter().chain(unread).collect()
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
