//! The formats of files, whatever they hold: FITS, HDF5, and the units written in them.

pub(crate) mod cells;
pub(crate) mod fits;
pub(crate) mod format;
pub(crate) mod hdf5;
pub mod overwrite;
pub(crate) mod quantity;
pub(crate) mod stack;
pub(crate) mod start;
pub(crate) mod table;
pub(crate) mod text_table;
pub(crate) mod units;
pub(crate) mod version;
