//! What the rooms hand to each other: objects with their flags, grids, layouts, blocks of rows, provenance.

mod air;
mod bands;
mod block;
mod extras;
mod grid;
mod image_block;
mod layout;
mod likely;
mod object;
pub(crate) mod provenance;
mod row_block;
pub(crate) mod spectrum;
mod wcs;

pub use air::air_to_vacuum;
pub use bands::Bands;
pub use block::Block;
pub(crate) use block::own_range;
pub use extras::{Carried, Extras};
pub use grid::LogGrid;
pub use image_block::ImageBlock;
pub use layout::{ImageLayout, Layout, PixelScale};
pub use likely::{Likely, OtherRedshift};
pub use object::{Object, flag};
pub use provenance::{Method, Provenance};
pub use row_block::RowBlock;
pub use spectrum::{Centres, Masked, NativeGrid, Spectrum};
pub use wcs::Wcs;
