//! FITS through cfitsio: reading, checks before anything is believed, and the general writer.

mod cards;
mod check;
pub(crate) mod column;
pub(crate) mod columns;
mod extent;
mod fault;
mod form;
mod fz;
pub(crate) mod gzip;
mod header;
mod headers;
pub(crate) mod read;
mod rice;
pub(crate) mod sheet;
pub(crate) mod tables;
mod tiles;
mod wavelengths;

#[cfg(test)]
mod tests;
