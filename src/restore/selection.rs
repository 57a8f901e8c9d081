//! What is restored, and where it comes from.

use super::shard::Part;
use crate::config::Config;
use crate::data::Object;
use crate::restored::Shard;
use tch::Device;

/// Which rows of the input to restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// Only those kept out of training.
    pub heldout_only: bool,
    /// First row.
    pub first: usize,
    /// At most this many.
    pub count: usize,
    /// Only this part of them; `None` for all.
    pub part: Option<Part>,
}

/// Where a restoration comes from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// As the run was trained.
    pub config: &'a Config,
    /// Seed of the draws.
    pub seed: u64,
    /// The input, in words.
    pub origin: &'a [String],
    /// Where the network runs.
    pub device: Device,
}

/// The rows of a selection, and which of them this job restores.
pub(super) fn part_of<'a>(
    s: Selection,
    rows: &'a [usize],
    objects: &[Object],
    batch: usize,
) -> (&'a [usize], Option<Shard>) {
    match s.part {
        None => (rows, None),
        Some(part) => {
            let range = part.range(rows.len(), batch);
            let shard = part.shard(rows, objects, range.start);
            (&rows[range], Some(shard))
        }
    }
}
