//! HDF5: reading in our words, and files that are complete or absent.

pub(crate) mod chosen;
pub(crate) mod content;
mod driver;
mod links;
pub(crate) mod output;
pub(crate) mod read;
mod sound;
