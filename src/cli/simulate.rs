//! `selfsi simulate`.

use super::Global;
use super::progress::Progress;
use super::say::say;
use crate::Result;
use crate::simulate::simulate;
use clap::Args;
use std::path::PathBuf;

/// Runs F on clean spectra or images and writes the observations as an HDF5 catalog or image set,
/// for studies with known truth.
#[derive(Debug, Args)]
pub struct Simulate {
    /// The TOML config: [forward] counts, with [grid], or with [image] and [normalise].
    config: PathBuf,
    /// Clean spectra (HDF5): the truth.h5 of `selfsi mock`, or a file like it; or clean images: any
    /// file or folder that `selfsi prepare` reads.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The catalog to write.
    #[arg(short, long)]
    out: PathBuf,
}

impl Simulate {
    pub fn run(&self, global: &Global) -> Result<()> {
        let config = global.config(&self.config)?;
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
