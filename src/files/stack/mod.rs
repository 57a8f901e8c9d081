//! Images of many objects in one FITS or HDF5 file, a row of every image for each object, with a table
//! beside them: what restored images and generated samples are.
//!
//! FITS has an HDU for each image, the table CATALOG and keys; HDF5 has the same under lower-case names,
//! the columns as datasets and the keys as attributes. Images are written and read in blocks: memory does
//! not grow with the number of objects, except for the table.

mod fits;
mod form;
mod hdf5;
mod plan;
mod reader;
mod writer;

pub(crate) use form::{Kind, Reader};
pub(crate) use plan::{Cells, Column, Image, Plan, Spectral};
pub(crate) use reader::open;
pub(crate) use writer::{StackWriter, check_extension};
