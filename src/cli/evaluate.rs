//! `selfsi evaluate`.

use super::Global;
use crate::{Result, atomic, evaluate};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Evaluate {
    /// Run folders, each with an evaluation.json
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// Put the runs' evaluations and pictures together in this Markdown file
    #[arg(long, value_name = "FILE")]
    report: PathBuf,
}

impl Evaluate {
    pub fn run(&self, _global: &Global) -> Result<()> {
        let text = evaluate::report(&self.runs, &self.report)?;
        atomic::write(&self.report, text.as_bytes())
    }
}
