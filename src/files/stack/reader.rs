//! Reading: keys and table at once, rows of the images when they are asked for.

use super::form::{Kind, Reader};
use super::{fits, hdf5};
use crate::Result;
use crate::files::start::{Start, start};
use std::path::Path;

/// Opens `path`, FITS or HDF5 by its content.
///
/// # Errors
/// [`crate::Error::Input`] if it is neither, or cannot be read.
pub(crate) fn open(path: &Path, kind: Kind) -> Result<Box<dyn Reader>> {
    match start(path).map_err(|e| kind.foreign(path, "", e))? {
        Start::Fits => Ok(Box::new(fits::Stack::open(path, kind)?)),
        Start::Hdf5 => Ok(Box::new(hdf5::Stack::open(path, kind)?)),
        _ => Err(kind.foreign(path, "", "neither FITS nor HDF5")),
    }
}
