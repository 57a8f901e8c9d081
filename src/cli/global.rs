//! Options that every subcommand takes.

use crate::base::switches;
use crate::config::Config;
use crate::files::fits::gzip;
use crate::ranks::Ranks;
use crate::{Error, Result};
use clap::Args;
use log::LevelFilter;
use std::path::PathBuf;

/// GiB that --unpack may allow.
const MOST_GIB: f64 = 1024.0;
const GIB: f64 = (1u64 << 30) as f64;

/// Options that every subcommand takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Device that computes: cpu, cuda or cuda:N.
    #[arg(long, global = true, default_value = "cpu", env = "SELFSI_DEVICE")]
    pub device: String,
    /// TensorFloat-32 on a GPU: on for matrix products and convolutions, or off for both [default:
    /// convolutions alone, as libtorch does].
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "on|off",
        env = "SELFSI_TF32"
    )]
    pub tf32: Option<Tf32>,
    /// Number of threads [default: all available cores; under MPI, an equal share].
    #[arg(long, global = true)]
    pub threads: Option<usize>,
    /// GiB of memory that a gzipped FITS file may take when it is unpacked.
    #[arg(
        long,
        global = true,
        value_name = "GIB",
        default_value_t = 4.0,
        env = "SELFSI_UNPACK"
    )]
    pub unpack: f64,
    /// Random seed, in place of the config's.
    #[arg(long, global = true)]
    pub seed: Option<u64>,
    /// Print results as JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// Also say what is read and written, and by which build of selfsi.
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Print errors and results alone: no warnings, notes or progress.
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// How progress is shown: as a bar on a terminal and in a few lines elsewhere, or in many lines
    /// `WHAT: DONE/TOTAL` on standard error, also with --json, for a program that shows them.
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "auto|lines",
        default_value = "auto",
        hide_possible_values = true
    )]
    pub progress: Shown,
    /// Override a config key, e.g. --set train.batch=32; repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE", global = true)]
    pub set: Vec<String>,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Shown {
    /// By what standard error is.
    Auto,
    /// In lines for another program.
    Lines,
}

/// Whether a GPU may round the inputs of matrix products to 10 bits of mantissa.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Tf32 {
    /// In matrix products and convolutions.
    On,
    /// Nowhere.
    Off,
}

impl Tf32 {
    /// Sets it in libtorch.
    pub(super) fn set(self, device: &str) -> Result<()> {
        if device == "cpu" {
            return Err(Error::config(
                "--tf32",
                "tf32",
                "the CPU has no TensorFloat-32",
                "leave it out, or give --device cuda",
            ));
        }
        switches::tf32(self == Self::On)
    }
}

impl Global {
    /// Lets gzipped files take the memory that --unpack allows.
    pub(super) fn set_unpack(&self) -> Result<()> {
        if !(self.unpack > 0.0 && self.unpack <= MOST_GIB) {
            let (problem, fix) = (
                format!("{} GiB", self.unpack),
                format!("give more than 0, at most {MOST_GIB}"),
            );
            return Err(Error::config("command line", "--unpack", problem, fix));
        }
        gzip::unpack_at_most((self.unpack * GIB) as u64);
        Ok(())
    }

    /// Which messages are printed.
    #[must_use]
    pub fn messages(&self) -> LevelFilter {
        match (self.quiet, self.verbose) {
            (true, _) => LevelFilter::Error,
            (_, true) => LevelFilter::Debug,
            _ => LevelFilter::Info,
        }
    }

    /// Reads a config file, with `--set` and `--seed` applied.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn config(&self, path: &PathBuf) -> Result<Config> {
        let mut config = Config::load(path, &self.set)?;
        if let Some(seed) = self.seed {
            config.seed = seed;
        }
        Ok(config)
    }

    /// The torch device asked for.
    ///
    /// # Errors
    /// As [`crate::base::device::device`].
    pub fn device(&self) -> Result<tch::Device> {
        crate::base::device::device(&self.device)
    }

    /// The torch device of one of `ranks`.
    ///
    /// # Errors
    /// As [`crate::base::device::device`].
    pub fn device_of(&self, ranks: &Ranks) -> Result<tch::Device> {
        crate::base::device::device_of_rank(&self.device, ranks.local())
    }
}
