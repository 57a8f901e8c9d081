//! FITS through cfitsio: reading, checks before anything is believed, and the general writer.

mod check;
pub(crate) mod column;
pub(crate) mod columns;
mod extent;
mod headers;
mod history;
pub(crate) mod read;
pub(crate) mod sheet;
pub(crate) mod tables;
mod wavelengths;
