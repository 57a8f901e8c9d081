//! `selfsi plot`.

use super::Global;
use crate::Result;
use crate::plot::{save, training_curves};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Plot {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Loss, validation score and learning rate of a run
    Training {
        /// Run folder that `selfsi train` wrote
        run: PathBuf,
        /// Picture to write: .png or .svg
        #[arg(long, short)]
        out: PathBuf,
    },
}

impl Plot {
    pub fn run(&self, _global: &Global) -> Result<()> {
        match &self.what {
            What::Training { run, out } => save(out, &training_curves(run)?),
        }
    }
}
