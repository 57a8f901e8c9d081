//! Catalogs: read, bring to a common grid, normalise, write.

mod airvac;
mod fits_read;
mod grid;
mod h5;
mod hdf5;
mod index;
mod input;
mod inspect;
mod inspect_fits;
mod inspect_hdf5;
mod normalise;
mod object;
mod pixel_mask;
mod prepare;
mod prepared;
mod regrid;
mod report;
mod sdss;
mod select;
mod spectrum;
mod table;

pub use self::hdf5::Hdf5Catalog;
pub use airvac::air_to_vacuum;
pub use grid::LogGrid;
pub use inspect::{Inspection, inspect};
pub use normalise::{Level, level};
pub use object::{Object, flag};
pub use pixel_mask::{PixelMask, SPPIXMASK};
pub use prepare::{prepare, prepare_from, rejected_path};
pub use prepared::{Block, Prepared, PreparedWriter};
pub use regrid::{Rebin, Regridder};
pub use report::{Report, flag_names};
pub use sdss::{FLUX_UNIT, SpecFile, read_spec};
pub use spectrum::{Centres, NativeGrid, Spectrum};
pub use table::{CatalogRow, read_catalog};
