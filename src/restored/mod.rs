//! The restored catalog and what is written beside it.

mod block;
mod catalog;
mod desi;
mod draws;
mod image;
pub(crate) mod images;
mod lines;
mod merge;
mod parts;
pub(crate) mod restorations;
mod shard;
mod spec;
mod table;
pub(crate) mod writer;

pub use block::RestoredBlock;
pub use catalog::{Restored, RestoredHeader};
pub use desi::{desi_source, path_of_target, restored_desi_path, write_restored_desi};
pub use draws::RestoredDraws;
pub use images::{
    ImageTable, RestoredImageDraws, RestoredImages, RestoredImagesHeader, RestoredImagesWriter,
};
pub use merge::merge;
pub use parts::Merged;
pub use restorations::RestoredRows;
pub use shard::Shard;
pub use spec::{restored_spec_path, write_restored_spec};
pub use writer::{RestoredPart, RestoredWriter};
