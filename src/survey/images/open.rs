//! The reader of what a path holds.

use super::image_file::ImageFile;
use super::kind;
use super::kind::Kind;
use super::{cifar, fits_cube, image_hdf5, npy, pictures};
use crate::Result;
use crate::config::{ImageConfig, ImageDatasets};
use std::path::Path;

/// What `path` holds: several files, where it is a folder of CIFAR-10 batches.
///
/// # Errors
/// [`crate::Error::Input`] if it holds no images, or images of another shape than `image`.
pub(super) fn open(
    path: &Path,
    datasets: &ImageDatasets,
    image: &ImageConfig,
    coarse: usize,
) -> Result<Vec<Box<dyn ImageFile>>> {
    let one: Box<dyn ImageFile> = match kind::of(path)? {
        Kind::CifarFolder(files) => {
            let batch = |f| Ok(Box::new(cifar::Batch::open(f, image)?) as Box<dyn ImageFile>);
            return files.iter().map(|f| batch(f)).collect();
        }
        Kind::Pictures(files, passed_over) => {
            let files = (files, passed_over);
            Box::new(pictures::Pictures::new(
                path,
                files,
                datasets,
                (image, coarse),
            ))
        }
        Kind::Cifar => Box::new(cifar::Batch::open(path, image)?),
        Kind::Fits => Box::new(fits_cube::Cube::open(path, datasets, image, coarse)?),
        Kind::Hdf5 => Box::new(image_hdf5::Hdf5Images::open(path, datasets, image, coarse)?),
        Kind::Npy => Box::new(npy::Npy::open(path, image, coarse)?),
    };
    Ok(vec![one])
}
