//! `selfsi simulate`.

use super::global::Global;
use super::output;
use super::progress::Progress;
use super::say::say;
use crate::Result;
use crate::simulate::simulate;
use clap::Args;
use std::path::PathBuf;

/// Make observations of clean data with the forward model F.
///
/// Writes an HDF5 catalog of spectra, or an HDF5 image set, for studies with known truth.
#[derive(Debug, Args)]
pub struct Simulate {
    /// TOML config, of which [forward] is used, with [grid], or with [image] and [normalise].
    config: PathBuf,
    /// Clean spectra (HDF5, like the truth.h5 of `selfsi mock`), or any clean images that `selfsi
    /// prepare` reads.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Catalog or image set to write (HDF5).
    #[arg(short, long)]
    out: PathBuf,
}

impl Simulate {
    pub fn run(&self, global: &Global) -> Result<()> {
        let config = global.config(&self.config)?;
        let inputs = [self.config.as_path(), &self.from];
        // Not the survey of the config, which is what is written here.
        output::check(&self.out, inputs)?;
        let mut bar = Progress::new("simulating");
        let n = simulate(
            &config,
            &self.from,
            &self.out,
            global.device()?,
            &mut |done, all| bar.show(done, all),
        );
        bar.finish();
        let n = n?;
        if global.json {
            say(serde_json::json!({"out": self.out, "observations": n}))
        } else {
            say(format!("{}: {n} observations", self.out.display()))
        }
    }
}
