//! What a survey gives: spectra, images, catalog tables and pixel masks, as its files hold them.

pub(crate) mod catalog;
mod desi;
mod desi_coadd;
pub(crate) mod desi_file;
mod desi_lattice;
pub(crate) mod desi_targets;
mod flux_unit;
mod hdf5_catalog;
mod hdf5_grid;
mod hdf5_mask;
mod hdf5_survey;
pub(crate) mod hdf5_units;
pub(crate) mod images;
mod index;
mod inputs;
pub(crate) mod item;
pub(crate) mod open;
mod open_files;
mod pixel_mask;
pub(crate) mod recognise;
pub(crate) mod sdss;
mod sdss_survey;
pub(crate) mod select;
pub(crate) mod sp_plate;
pub(crate) mod spectra;
pub(crate) mod tables;
mod truth;

pub use flux_unit::FLUX_UNIT;
pub use hdf5_catalog::Hdf5Catalog;
pub(crate) use images::psfs_of_file;
pub use images::{ImageSource, RawImages, Sky};
pub use inputs::inputs;

pub use pixel_mask::{PixelMask, SPPIXMASK};
pub use sdss::{SpecFile, read_spec};
pub use tables::{CatalogRow, CatalogRows, read_catalog};
pub use truth::Truth;
