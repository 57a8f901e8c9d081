//! Prepared sets: the spectra or images of one survey, normalised, in HDF5.

pub(crate) mod images;
pub(crate) mod images_writer;
mod spectra;
pub(crate) mod spectra_writer;

pub use images::{ImageSet, ImageSetHeader, PreparedImages};
pub use images_writer::ImageSetWriter;
pub use spectra::{Prepared, PreparedSpectra};
pub use spectra_writer::PreparedWriter;
