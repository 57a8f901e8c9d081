//! `selfsi merge`.

use super::global::Global;
use super::output;
use super::progress::Progress;
use super::say::say;
use crate::Result;
use crate::restored::merge;
use clap::Args;
use std::path::PathBuf;

/// Merge the shards of a restoration into one restored catalog.
///
/// The result is what one job would have written. Every row must be there exactly once, and all shards
/// must be of one run, config, seed and selection; otherwise nothing is written. Their order does not
/// matter.
#[derive(Debug, Args)]
pub struct Merge {
    /// All shards that `selfsi restore --shard` wrote, e.g. restored.shard-*.fits.
    #[arg(required = true)]
    shards: Vec<PathBuf>,
    /// Restored catalog to write.
    #[arg(short, long, visible_alias = "outfile")]
    out: PathBuf,
}

impl Merge {
    pub fn run(&self, global: &Global) -> Result<()> {
        output::check(&self.out, self.shards.iter().map(PathBuf::as_path))?;
        let mut bar = Progress::new("merging");
        let merged = merge(&self.shards, &self.out, &mut |done, all| {
            bar.show(done, all);
        });
        bar.finish();
        let merged = merged?;
        if global.json {
            return say(serde_json::json!({"rows": merged.rows, "shards": merged.shards}));
        }
        say(format!(
            "{}: {} rows from {} shards",
            self.out.display(),
            merged.rows,
            merged.shards
        ))
    }
}
