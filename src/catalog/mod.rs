//! Catalogs: read, bring to a common grid, normalise, write.

mod airvac;
mod grid;
mod h5;
mod object;
mod prepared;
mod regrid;
mod spectrum;

pub use airvac::air_to_vacuum;
pub use grid::LogGrid;
pub use object::{Object, flag};
pub use prepared::{Block, Prepared, PreparedWriter};
pub use regrid::{Rebin, Regridder};
pub use spectrum::{Centres, NativeGrid, Spectrum};
