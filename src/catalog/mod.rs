//! Catalogs: read, bring to a common grid, normalise, write.

mod airvac;
mod fits_read;
mod grid;
mod h5;
mod index;
mod object;
mod pixel_mask;
mod prepared;
mod regrid;
mod sdss;
mod spectrum;
mod table;

pub use airvac::air_to_vacuum;
pub use grid::LogGrid;
pub use object::{Object, flag};
pub use pixel_mask::{PixelMask, SPPIXMASK};
pub use prepared::{Block, Prepared, PreparedWriter};
pub use regrid::{Rebin, Regridder};
pub use sdss::{FLUX_UNIT, SpecFile, read_spec};
pub use spectrum::{Centres, NativeGrid, Spectrum};
pub use table::{CatalogRow, read_catalog};
