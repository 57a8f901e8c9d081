//! `selfsi prepare`.

use super::global::Global;
use super::output;
use super::progress::Progress;
use super::said::Said;
use crate::prepare::rejected_path;
use crate::{Result, prepare};
use clap::Args;
use std::path::PathBuf;

/// Make a training set (HDF5) from a survey.
///
/// Reads the survey that the config names; masks, regrids, normalises and selects its spectra (masks,
/// stretches and normalises its images); and writes the prepared set (survey.prepared). Rejected
/// spectra are listed, with reasons, in PREPARED.rejected.csv.
#[derive(Debug, Args)]
pub struct Prepare {
    /// TOML config of the survey.
    config: PathBuf,
    /// Prepared set to write [default: survey.prepared of the config].
    #[arg(short, long)]
    out: Option<PathBuf>,
}

impl Prepare {
    pub fn run(&self, global: &Global) -> Result<Said> {
        let config = global.config(&self.config)?;
        let out = self.out.as_ref().unwrap_or(&config.survey.prepared);
        let inputs = || {
            let source = config.survey.source.paths();
            source.into_iter().chain([self.config.as_path()])
        };
        output::check(out, inputs())?;
        // A list of before may lie in the folder of the images.
        let files = inputs().filter(|p| p.is_file());
        output::check(&rejected_path(out), files)?;
        let mut bar = Progress::new("preparing");
        let mut progress = |done, total| bar.show(done, total);
        if config.image.is_some() {
            let source = &config.survey.source;
            let report = prepare::prepare_images(&config, source, out, &mut progress);
            bar.finish();
            Said::of(&report?)
        } else {
            let report = prepare::prepare(&config, out, &mut progress);
            bar.finish();
            Said::of(&report?)
        }
    }
}
