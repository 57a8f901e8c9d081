//! `selfsi restore`.

use super::Global;
use super::progress::Progress;
use crate::Result;
use crate::catalog::Prepared;
use crate::restore::{Selection, restore};
use crate::train::Run;
use clap::Args;
use std::path::PathBuf;

/// Restores a prepared set with a trained run and writes the restored catalog (FITS).
#[derive(Debug, Args)]
pub struct Restore {
    /// Run folder of `selfsi train`.
    run: PathBuf,
    /// Prepared set (HDF5) of `selfsi prepare`; default: the one that the run was trained on.
    input: Option<PathBuf>,
    /// Restored catalog to write.
    #[arg(short, long, visible_alias = "outfile")]
    out: PathBuf,
    /// Only the observations that were kept out of training.
    #[arg(long)]
    heldout: bool,
    /// First row to restore.
    #[arg(long, default_value_t = 0)]
    mintarget: usize,
    /// At most this many rows.
    #[arg(short, long)]
    ntargets: Option<usize>,
}

impl Restore {
    pub fn run(&self, global: &Global) -> Result<()> {
        let run = Run::open(&self.run)?;
        let input = self.input.as_ref();
        let set = Prepared::open(input.unwrap_or(&run.config().survey.prepared))?;
        let selection = Selection {
            heldout_only: self.heldout,
            first: self.mintarget,
            count: self.ntargets.unwrap_or(usize::MAX),
        };
        let mut bar = Progress::new("restoring");
        let summary = restore(
            &run,
            &set,
            &self.out,
            selection,
            global.device()?,
            &mut |done, all| bar.show(done, all),
        );
        bar.finish();
        let summary = summary?;
        if global.json {
            println!(
                "{}",
                serde_json::json!({"rows": summary.rows, "restored": summary.restored})
            );
        } else {
            println!(
                "{}: {} of {} rows restored, the others flagged",
                self.out.display(),
                summary.restored,
                summary.rows
            );
        }
        Ok(())
    }
}
