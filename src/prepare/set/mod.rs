//! Prepared sets: the spectra or images of one survey, normalised, in HDF5.

mod columns;
mod header;
mod images;
mod opened;
mod reader;
mod spectra;
#[cfg(test)]
mod tests;
mod writer;

pub use header::SetHeader;
pub use images::{ImageSet, ImageSetHeader};
pub use reader::{PreparedRows, PreparedSet};
pub use spectra::{Prepared, SpectraHeader};
pub use writer::SetWriter;
