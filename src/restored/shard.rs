//! What a part of a restoration says of its place in the whole: SHARD, NSHARDS, ROW0, NROWSALL, SELSHA.

use crate::data::provenance::Key;

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

impl Shard {
    /// The keys that say it.
    pub(crate) fn keys(&self) -> Vec<Key> {
        let whole = [
            ("SHARD", self.number, "number of this part, from 1"),
            ("NSHARDS", self.of, "parts of the restoration"),
            (
                "ROW0",
                self.first,
                "first row of this part in the whole, from 0",
            ),
            ("NROWSALL", self.all, "rows of the whole"),
        ];
        let mut keys: Vec<Key> = whole
            .iter()
            .map(|(name, value, comment)| Key::whole(name, *value as i64, comment))
            .collect();
        keys.push(Key::text("SELSHA", &self.selection_sha256, ""));
        keys
    }

    /// From keys that `get` gives as text; `None` if they are not those of a part.
    pub(crate) fn read(get: &mut dyn FnMut(&str) -> Option<String>) -> Option<Self> {
        let mut whole = |name: &str| get(name)?.parse().ok();
        Some(Self {
            number: whole("SHARD")?,
            of: whole("NSHARDS")?,
            first: whole("ROW0")?,
            all: whole("NROWSALL")?,
            selection_sha256: get("SELSHA").unwrap_or_default(),
        })
    }
}
