//! What prepared sets of spectra and of images differ in.

use super::columns::Column;
use super::opened::Opened;
use crate::Result;
use crate::data::{Layout, RowBlock};
use hdf5::File;
use std::fmt::Debug;

/// What a prepared set says of itself; of another type for each kind of data.
pub trait SetHeader: Clone + Debug + Send + Sync + 'static {
    /// Its rows in memory.
    type Block: RowBlock;
    /// What the attribute `format` of the file says.
    const FORMAT: &'static str;
    /// The set in words, with its article.
    const WHAT: &'static str;
    /// The newest version of the sets that are written; older ones are read.
    const VERSION: i64;
    /// Rows per chunk of the file.
    const CHUNK_ROWS: usize;
    /// The columns of its table of objects.
    const COLUMNS: &'static [Column];

    /// Reads the header of a set.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if something is missing or contradicts itself.
    fn read(file: &Opened) -> Result<Self>;

    /// Writes it to a file that is new.
    ///
    /// # Errors
    /// HDF5's, or what is wrong with the header.
    fn write(&self, file: &File) -> hdf5::Result<()>;

    /// The version of the format that it asks for: what an older reader would misread has a newer one.
    fn version(&self) -> i64 {
        Self::VERSION
    }

    /// What the D numbers of a row are.
    fn layout(&self) -> Layout;

    /// A block of `n` masked rows.
    fn masked(&self, n: usize) -> Self::Block;

    /// The TOML text of the job that made the set.
    fn config(&self) -> &str;
}
