//! `selfsi restore`.

use super::Global;
use super::progress::Progress;
use super::say::say;
use crate::Result;
use crate::restore::{Given, Input, Job, Output, Selection, config_of, restore};
use crate::train::Run;
use clap::Args;
use std::path::PathBuf;

/// Restores observations with a trained run and writes the restored catalog (FITS).
///
/// INPUT is told by its content: a prepared set of `selfsi prepare`; SDSS spec files or folders of
/// them; an HDF5 catalog like the one the run was trained on; or the TOML config of another survey.
/// Raw observations are selected, masked, regridded and normalised by the rules of the run. Every
/// row is in the output; what cannot be restored is NaN there, with FLAG and REASON.
#[derive(Debug, Args)]
pub struct Restore {
    /// Run folder of `selfsi train`.
    run: PathBuf,
    /// What to restore; default: the prepared set that the run was trained on.
    input: Vec<PathBuf>,
    /// Restored catalog to write.
    #[arg(short, long, visible_alias = "outfile")]
    out: PathBuf,
    /// FITS table that names the spec files and gives their redshifts (without it those of the
    /// files' own SPALL or SPECOBJ count); rows without a file are left out.
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// Also write each restored object as DIR/PLATE/spec-PLATE-MJD-FIBER.fits, in the SDSS form.
    #[arg(long, value_name = "DIR")]
    spectra: Option<PathBuf>,
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
    /// `--set` reaches [restore] and [transport] of the run's config, `--seed` the draws.
    pub fn run(&self, global: &Global) -> Result<()> {
        let run = Run::open(&self.run)?;
        let config = config_of(&run, &global.set)?;
        let device = global.device()?;
        let given = Given {
            paths: &self.input,
            catalog: self.catalog.as_deref(),
        };
        let mut bar = Progress::new("preparing");
        let input = Input::open(&config, given, &self.out, &mut |done, all| {
            bar.show(done, all);
        });
        bar.finish();
        let input = input?;
        for note in input.notes() {
            eprintln!("selfsi: note: {note}");
        }
        let output = Output {
            catalog: self.out.clone(),
            spectra: self.spectra.clone(),
        };
        let selection = Selection {
            heldout_only: self.heldout,
            first: self.mintarget,
            count: self.ntargets.unwrap_or(usize::MAX),
        };
        let mut bar = Progress::new("restoring");
        let job = Job {
            config: &config,
            seed: global.seed.unwrap_or(config.seed),
            input: &input,
            output: &output,
            selection,
            device,
        };
        let summary = restore(&run, job, &mut |done, all| bar.show(done, all));
        bar.finish();
        let summary = summary?;
        if global.json {
            say(serde_json::json!({"rows": summary.rows, "restored": summary.restored}))
        } else {
            say(format!(
                "{}: {} of {} rows restored, the others flagged",
                self.out.display(),
                summary.restored,
                summary.rows
            ))
        }
    }
}
