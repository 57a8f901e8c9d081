//! What a survey gives: spectra, images, catalog tables and pixel masks, as its files hold them.

mod desi;
pub(crate) mod desi_coadd;
mod flux_unit;
mod hdf5;
pub(crate) mod images;
mod index;
pub(crate) mod input;
pub(crate) mod item;
mod pixel_mask;
pub(crate) mod sdss;
mod sdss_survey;
pub(crate) mod select;
pub(crate) mod sp_plate;
pub(crate) mod tables;
mod truth;

pub use flux_unit::FLUX_UNIT;
pub use hdf5::Hdf5Catalog;
pub use images::{ImageSource, RawImages};

pub use pixel_mask::{PixelMask, SPPIXMASK};
pub use sdss::{SpecFile, read_spec};
pub use tables::{CatalogRow, read_catalog};
pub use truth::Truth;
