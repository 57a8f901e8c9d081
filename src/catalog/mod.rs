//! Catalogs: read, bring to a common grid, normalise, write.

mod grid;
mod object;

pub use grid::LogGrid;
pub use object::{Object, flag};
