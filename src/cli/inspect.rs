//! `selfsi inspect`.

use super::global::Global;
use super::say::say;
use crate::{Error, Result, inspect};
use clap::Args;
use std::path::PathBuf;

/// Tell what files hold: spectra, grids, redshifts, masks, problems.
///
/// Reads SDSS spec files, catalog tables, DESI coadds, HDF5 catalogs, prepared sets, restored
/// catalogs, and every kind of images that `selfsi prepare` reads. Sums up folders of spectra, and the
/// survey that a config names, without preparing it.
#[derive(Debug, Args)]
pub struct Inspect {
    /// Files, folders of spectra or images, or configs.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

impl Inspect {
    /// Every file is looked at; the command fails if any could not be read.
    pub fn run(&self, global: &Global) -> Result<()> {
        let mut found = Vec::new();
        let mut failed = None;
        for file in &self.files {
            match inspect::inspect(file) {
                Ok(inspection) if global.json => found.push(inspection),
                Ok(inspection) => say(inspection)?,
                Err(e) => {
                    if let Some(earlier) = failed.replace(e) {
                        log::error!("{earlier}");
                    }
                }
            }
        }
        if global.json {
            let json = serde_json::to_string_pretty(&found)
                .map_err(|e| Error::output("stdout", e, "leave --json out"))?;
            say(json)?;
        }
        failed.map_or(Ok(()), Err)
    }
}
