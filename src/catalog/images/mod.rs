//! Images in: every format that holds them, read row by row in the file's units.
//!
//! What a path holds is told by its content. Several paths follow one another as one set.

mod axes;
mod cifar;
mod fit;
mod fits_cube;
mod guess;
mod image_hdf5;
mod kind;
mod normalised;
mod npy;
mod pickle;
mod pictures;
mod prepare;
mod report;
mod scale;

pub use prepare::prepare_images;
pub use report::ImageReport;
pub use scale::{ScaleFrom, pixel_scale, with_scale_of};

pub(super) use guess::guess;

use super::PixelScale;
use crate::config::{Config, ImageConfig, ImageDatasets};
use crate::{Error, Result};
use kind::Kind;
use ndarray::{Array2, Axis, concatenate};
use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// `[image]` of a config that is for images.
fn image_config(config: &Config) -> Result<&ImageConfig> {
    config.image.as_ref().ok_or_else(|| {
        Error::config(
            "config",
            "image",
            "there is no [image]",
            "add [image] with channels, height and width",
        )
    })
}

/// Some consecutive images; row i of every array belongs to the i-th.
#[derive(Debug, Clone, PartialEq)]
pub struct RawImages {
    /// Channel by channel, row by row, in the file's units, [n, D]; NaN where missing.
    pub pixels: Array2<f32>,
    /// Inverse variances [n, D], 0 where masked, infinite where unknown; `None` if there are none.
    pub ivar: Option<Array2<f32>>,
    /// Numbers that describe the corruption, [n, K].
    pub vector: Array2<f32>,
    /// Planes that describe it, [n, P · H · W].
    pub planes: Array2<f32>,
    /// Why an image could not be read (its pixels are NaN), [n].
    pub problems: Vec<Option<String>>,
}

impl RawImages {
    /// Pixels alone, all of them readable.
    pub(super) fn of_pixels(pixels: Array2<f32>) -> Self {
        let n = pixels.nrows();
        Self {
            pixels,
            ivar: None,
            vector: Array2::zeros((n, 0)),
            planes: Array2::zeros((n, 0)),
            problems: vec![None; n],
        }
    }

    fn concatenate(parts: &[Self]) -> Result<Self> {
        let cat = |arrays: Vec<&Array2<f32>>| {
            let views: Vec<_> = arrays.iter().map(|a| a.view()).collect();
            concatenate(Axis(0), &views)
                .map_err(|e| Error::input("images", "", e, "equal widths", "read them one by one"))
        };
        // Without an inverse variance no noise level is known.
        let unknown = |p: &Self| Array2::from_elem(p.pixels.dim(), f32::INFINITY);
        let ivar: Vec<Array2<f32>> = parts
            .iter()
            .map(|p| p.ivar.clone().unwrap_or_else(|| unknown(p)))
            .collect();
        Ok(Self {
            pixels: cat(parts.iter().map(|p| &p.pixels).collect())?,
            ivar: match parts.iter().any(|p| p.ivar.is_some()) {
                true => Some(cat(ivar.iter().collect())?),
                false => None,
            },
            vector: cat(parts.iter().map(|p| &p.vector).collect())?,
            planes: cat(parts.iter().map(|p| &p.planes).collect())?,
            problems: parts.iter().flat_map(|p| p.problems.clone()).collect(),
        })
    }
}

/// One file, or one folder of pictures.
#[derive(Debug)]
enum Reader {
    Cifar(cifar::Batch),
    Pictures(pictures::Pictures),
    Fits(fits_cube::Cube),
    Hdf5(image_hdf5::Hdf5Images),
    Npy(npy::Npy),
}

impl Reader {
    fn open(path: &Path, datasets: &ImageDatasets, image: &ImageConfig) -> Result<Vec<Self>> {
        Ok(match kind::of(path)? {
            Kind::CifarFolder(files) => files
                .iter()
                .map(|f| cifar::Batch::open(f, image).map(Self::Cifar))
                .collect::<Result<_>>()?,
            Kind::Pictures(files) => {
                vec![Self::Pictures(pictures::Pictures::new(path, files, image))]
            }
            Kind::Cifar => vec![Self::Cifar(cifar::Batch::open(path, image)?)],
            Kind::Fits => vec![Self::Fits(fits_cube::Cube::open(path, image)?)],
            Kind::Hdf5 => {
                let images = image_hdf5::Hdf5Images::open(path, datasets, image)?;
                vec![Self::Hdf5(images)]
            }
            Kind::Npy => vec![Self::Npy(npy::Npy::open(path, image)?)],
        })
    }

    fn len(&self) -> usize {
        match self {
            Self::Cifar(r) => r.labels().len(),
            Self::Pictures(r) => r.names().len(),
            Self::Fits(r) => r.len(),
            Self::Hdf5(r) => r.len(),
            Self::Npy(r) => r.len(),
        }
    }

    /// Names of the rows, where the format has any.
    fn names(&self) -> Option<Vec<String>> {
        match self {
            Self::Cifar(r) => Some(r.names()),
            Self::Pictures(r) => Some(r.names().to_vec()),
            Self::Fits(r) => r.names().map(<[String]>::to_vec),
            Self::Hdf5(r) => r.names().map(<[String]>::to_vec),
            Self::Npy(_) => None,
        }
    }

    fn labels(&self) -> Option<Vec<i64>> {
        match self {
            Self::Cifar(r) => Some(r.labels().to_vec()),
            Self::Fits(r) => r.labels().map(<[i64]>::to_vec),
            Self::Hdf5(r) => r.labels().map(<[i64]>::to_vec),
            Self::Pictures(_) | Self::Npy(_) => None,
        }
    }

    /// Numbers K and planes P per image.
    fn widths(&self) -> (usize, usize) {
        match self {
            Self::Hdf5(r) => r.widths(),
            _ => (0, 0),
        }
    }

    fn scale(&self) -> Option<&PixelScale> {
        match self {
            Self::Hdf5(r) => r.scale(),
            _ => None,
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Cifar(r) => r.path(),
            Self::Pictures(r) => r.path(),
            Self::Fits(r) => r.path(),
            Self::Hdf5(r) => r.path(),
            Self::Npy(r) => r.path(),
        }
    }

    fn read(&self, rows: Range<usize>) -> Result<RawImages> {
        match self {
            Self::Cifar(r) => r.read(rows),
            Self::Pictures(r) => Ok(r.read(rows)),
            Self::Fits(r) => r.read(rows),
            Self::Hdf5(r) => r.read(rows),
            Self::Npy(r) => r.read(rows),
        }
    }
}

/// Images of one shape, open for reading. Names and labels are in memory; pixels are not.
#[derive(Debug)]
pub struct ImageSource {
    /// Each with the number of its first row.
    parts: Vec<(usize, Reader)>,
    names: Vec<String>,
    labels: Vec<i64>,
}

impl ImageSource {
    /// Opens what `paths` hold, one after the other.
    ///
    /// # Errors
    /// [`Error::Input`] for a path that holds no images, or images of another shape than `image`.
    /// In a folder of pictures that, or an unreadable file, is a problem of the row alone.
    pub fn open(paths: &[PathBuf], datasets: &ImageDatasets, image: &ImageConfig) -> Result<Self> {
        let mut source = Self {
            parts: Vec::new(),
            names: Vec::new(),
            labels: Vec::new(),
        };
        for path in paths {
            for reader in Reader::open(path, datasets, image)? {
                source.add(reader)?;
            }
        }
        if source.is_empty() {
            let path = paths.first().map_or(Path::new(""), |p| p);
            return Err(Error::input(
                path,
                "",
                "no images",
                "at least one",
                "give other files in survey.source.path",
            ));
        }
        Ok(source)
    }

    fn add(&mut self, reader: Reader) -> Result<()> {
        let (start, n) = (self.len(), reader.len());
        if let Some((_, first)) = self.parts.first()
            && first.widths() != reader.widths()
        {
            let words = |(k, p): (usize, usize)| format!("{k} numbers and {p} planes per image");
            return Err(Error::input(
                reader.path(),
                "vector, planes",
                words(reader.widths()),
                format!("{} as in {}", words(first.widths()), first.path().display()),
                "give files that agree",
            ));
        }
        let numbered = || (start..start + n).map(|i| format!("row-{i:07}")).collect();
        self.names.extend(reader.names().unwrap_or_else(numbered));
        self.labels
            .extend(reader.labels().unwrap_or_else(|| vec![-1; n]));
        self.parts.push((start, reader));
        Ok(())
    }

    /// Number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The file's ids, else file names, else `row-0000012`, counted through all paths.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Names that occur more than once.
    #[must_use]
    pub fn duplicates(&self) -> Vec<String> {
        let mut seen = HashSet::new();
        let mut again: Vec<String> = self
            .names
            .iter()
            .filter(|n| !seen.insert(*n))
            .cloned()
            .collect();
        again.sort_unstable();
        again.dedup();
        again
    }

    /// Class of each image; −1 where unknown.
    #[must_use]
    pub fn labels(&self) -> &[i64] {
        &self.labels
    }

    /// Numbers K and planes P that come with each image.
    #[must_use]
    pub fn widths(&self) -> (usize, usize) {
        self.parts.first().map_or((0, 0), |(_, r)| r.widths())
    }

    /// The scale that `selfsi simulate` recorded, if every part has the same.
    #[must_use]
    pub fn scale(&self) -> Option<&PixelScale> {
        let first = self.parts.first()?.1.scale()?;
        let same = |(_, r): &(usize, Reader)| r.scale() == Some(first);
        self.parts.iter().all(same).then_some(first)
    }

    /// File and row that image `i` comes from.
    #[must_use]
    pub fn origin(&self, i: usize) -> String {
        let part = self.parts.partition_point(|(start, _)| *start <= i);
        let Some((start, reader)) = part.checked_sub(1).map(|p| &self.parts[p]) else {
            return String::new();
        };
        match reader {
            Reader::Pictures(r) => r.file(i - start).display().to_string(),
            _ => format!("{} row {}", reader.path().display(), i - start),
        }
    }

    /// Reads the images of `rows`.
    ///
    /// # Errors
    /// [`Error::Input`] if they do not exist or cannot be read.
    pub fn read(&self, rows: Range<usize>) -> Result<RawImages> {
        let mut pieces = Vec::new();
        for (start, reader) in &self.parts {
            let first = rows.start.max(*start);
            let last = rows.end.min(start + reader.len());
            if first < last {
                pieces.push(reader.read(first - start..last - start)?);
            }
        }
        let read: usize = pieces.iter().map(|p| p.problems.len()).sum();
        if read != rows.len() || pieces.is_empty() {
            let path = self.parts.first().map_or(Path::new(""), |(_, r)| r.path());
            return Err(Error::input(
                path,
                format!("rows {}..{}", rows.start, rows.end),
                "no such rows",
                format!("rows of 0..{}", self.len()),
                "ask for fewer",
            ));
        }
        match pieces.len() {
            1 => Ok(pieces.remove(0)),
            _ => RawImages::concatenate(&pieces),
        }
    }
}
