//! The restored catalog and what is written beside it.

mod catalog;
mod desi;
mod draws;
mod image;
pub(crate) mod images;
mod lines;
mod merge;
mod parts;
mod shard;
mod spec;
mod table;
pub(crate) mod writer;

pub use catalog::{Restored, RestoredBlock, RestoredHeader, RestoredRows};
pub use desi::{desi_source, restored_desi_path, write_restored_desi};
pub use draws::RestoredDraws;
pub use images::{ImageTable, RestoredImages, RestoredImagesHeader, RestoredImagesWriter};
pub use merge::merge;
pub use parts::Merged;
pub use shard::Shard;
pub use spec::{restored_spec_path, write_restored_spec};
pub use writer::{RestoredPart, RestoredWriter};
