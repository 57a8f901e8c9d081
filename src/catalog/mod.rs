//! Catalogs: read, bring to a common grid, normalise, write.

mod grid;
mod h5;
mod object;
mod prepared;

pub use grid::LogGrid;
pub use object::{Object, flag};
pub use prepared::{Block, Prepared, PreparedWriter};
