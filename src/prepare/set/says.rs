//! What an HDF5 file says that it is.

use super::header::SetHeader;
use super::images::ImageSetHeader;
use super::spectra::SpectraHeader;
use crate::files::hdf5::read;
use std::path::Path;

/// Whether an HDF5 file claims to be a prepared set of spectra.
pub fn says_prepared(path: &Path) -> bool {
    says(path, SpectraHeader::FORMAT)
}

/// Whether an HDF5 file claims to be a prepared set of images.
pub fn says_images(path: &Path) -> bool {
    says(path, ImageSetHeader::FORMAT)
}

fn says(path: &Path, format: &str) -> bool {
    read::open(path).is_ok_and(|f| read::text_attribute(&f, "format").as_deref() == Some(format))
}
