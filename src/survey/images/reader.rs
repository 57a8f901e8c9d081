//! One file of images, or one folder of pictures, of any format.

use super::kind;
use super::kind::Kind;
use super::raw::RawImages;
use super::{cifar, fits_cube, image_hdf5, npy, pictures};
use crate::Result;
use crate::config::{ImageConfig, ImageDatasets};
use crate::data::PixelScale;
use std::ops::Range;
use std::path::Path;

/// One file, or one folder of pictures.
#[derive(Debug)]
pub(crate) enum Reader {
    Cifar(cifar::Batch),
    Pictures(pictures::Pictures),
    Fits(fits_cube::Cube),
    Hdf5(image_hdf5::Hdf5Images),
    Npy(npy::Npy),
}

impl Reader {
    /// What `path` holds: several, where it is a folder of CIFAR-10 batches.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if it holds no images, or images of another shape than `image`.
    pub fn open(path: &Path, datasets: &ImageDatasets, image: &ImageConfig) -> Result<Vec<Self>> {
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

    pub fn len(&self) -> usize {
        match self {
            Self::Cifar(r) => r.labels().len(),
            Self::Pictures(r) => r.names().len(),
            Self::Fits(r) => r.len(),
            Self::Hdf5(r) => r.len(),
            Self::Npy(r) => r.len(),
        }
    }

    /// Names of the rows, where the format has any.
    pub fn names(&self) -> Option<Vec<String>> {
        match self {
            Self::Cifar(r) => Some(r.names()),
            Self::Pictures(r) => Some(r.names().to_vec()),
            Self::Fits(r) => r.names().map(<[String]>::to_vec),
            Self::Hdf5(r) => r.names().map(<[String]>::to_vec),
            Self::Npy(_) => None,
        }
    }

    pub fn labels(&self) -> Option<Vec<i64>> {
        match self {
            Self::Cifar(r) => Some(r.labels().to_vec()),
            Self::Fits(r) => r.labels().map(<[i64]>::to_vec),
            Self::Hdf5(r) => r.labels().map(<[i64]>::to_vec),
            Self::Pictures(_) | Self::Npy(_) => None,
        }
    }

    /// Numbers K and planes P per image.
    pub fn widths(&self) -> (usize, usize) {
        match self {
            Self::Hdf5(r) => r.widths(),
            _ => (0, 0),
        }
    }

    pub fn scale(&self) -> Option<&PixelScale> {
        match self {
            Self::Hdf5(r) => r.scale(),
            _ => None,
        }
    }

    pub fn path(&self) -> &Path {
        match self {
            Self::Cifar(r) => r.path(),
            Self::Pictures(r) => r.path(),
            Self::Fits(r) => r.path(),
            Self::Hdf5(r) => r.path(),
            Self::Npy(r) => r.path(),
        }
    }

    pub fn read(&self, rows: Range<usize>) -> Result<RawImages> {
        match self {
            Self::Cifar(r) => r.read(rows),
            Self::Pictures(r) => Ok(r.read(rows)),
            Self::Fits(r) => r.read(rows),
            Self::Hdf5(r) => r.read(rows),
            Self::Npy(r) => r.read(rows),
        }
    }
}
