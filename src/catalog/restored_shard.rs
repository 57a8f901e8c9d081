//! What a part of a restoration says of its place in the whole: SHARD, NSHARDS, ROW0, NROWSALL, SELSHA.

use super::fits_read::Fits;
use super::provenance::Key;
use super::restored::Restored;
use super::restored_writer::{RestoredWriter, keys};
use crate::Result;

/// A run of consecutive rows of one restoration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// From 1.
    pub number: usize,
    /// How many shards there are.
    pub of: usize,
    /// Where its first row is in the whole, from 0.
    pub first: usize,
    /// Rows of the whole.
    pub all: usize,
    /// SHA-256 of the rows of the whole and of what is known of them.
    pub selection_sha256: String,
}

impl RestoredWriter {
    /// Notes in the header that this is a part.
    ///
    /// # Errors
    /// [`crate::Error::Output`] if the file cannot be written.
    pub fn as_shard(mut self, shard: &Shard) -> Result<Self> {
        let whole = [
            ("SHARD", shard.number, "number of this part, from 1"),
            ("NSHARDS", shard.of, "parts of the restoration"),
            (
                "ROW0",
                shard.first,
                "first row of this part in the whole, from 0",
            ),
            ("NROWSALL", shard.all, "rows of the whole"),
        ];
        let mut all: Vec<Key> = whole
            .iter()
            .map(|(name, value, comment)| Key::whole(name, *value as i64, comment))
            .collect();
        all.push(Key::text("SELSHA", &shard.selection_sha256, ""));
        keys(&mut self.sheet, &all)?;
        Ok(self)
    }
}

impl Restored {
    /// Which part of a restoration it is; `None` for a whole one.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if the file cannot be read.
    pub fn shard(&self) -> Result<Option<Shard>> {
        let mut fits = Fits::open(self.path())?;
        fits.seek(0)?;
        let mut whole = |name: &str| fits.text_key(name)?.parse().ok();
        let numbers = (
            whole("SHARD"),
            whole("NSHARDS"),
            whole("ROW0"),
            whole("NROWSALL"),
        );
        let (Some(number), Some(of), Some(first), Some(all)) = numbers else {
            return Ok(None);
        };
        Ok(Some(Shard {
            number,
            of,
            first,
            all,
            selection_sha256: fits.text_key("SELSHA").unwrap_or_default(),
        }))
    }
}
