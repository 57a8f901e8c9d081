//! `selfsi restore`.

use super::Global;
use super::progress::Progress;
use super::say::say;
use crate::config::Config;
use crate::restore::{
    Given, ImageInput, ImageJob, Input, Job, Output, Selection, Summary, config_of, restore,
    restore_images,
};
use crate::train::Run;
use crate::{Error, Result};
use clap::Args;
use std::path::PathBuf;

/// Restores observations with a trained run and writes the restored catalog (FITS), or the restored
/// images (FITS or HDF5, by the extension of --out).
///
/// INPUT is told by its content: a prepared set of `selfsi prepare`; SDSS spec files or folders of
/// them; an HDF5 catalog like the one the run was trained on; the TOML config of another survey; or,
/// for a run on images, any images that `selfsi prepare` reads.
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
    /// Also write every draw of the SDE, image DRAWS: what `selfsi evaluate` needs for the calibration.
    #[arg(long)]
    save_draws: bool,
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
        if config.image.is_some() {
            return self.images(global, &run, &config);
        }
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
            draws: self.save_draws,
        };
        let mut bar = Progress::new("restoring");
        let job = Job {
            config: &config,
            seed: global.seed.unwrap_or(config.seed),
            input: &input,
            output: &output,
            selection: self.selection(),
            device,
        };
        let summary = restore(&run, job, &mut |done, all| bar.show(done, all));
        bar.finish();
        self.report(global, summary?)
    }

    /// As [`Restore::run`] for a run on images.
    fn images(&self, global: &Global, run: &Run, config: &Config) -> Result<()> {
        for (option, given) in [
            ("--spectra", self.spectra.is_some()),
            ("--catalog", self.catalog.is_some()),
            ("--save-draws", self.save_draws),
        ] {
            if given {
                return Err(Error::config(
                    "selfsi restore",
                    option,
                    "for spectra, and this run restores images",
                    "leave it out",
                ));
            }
        }
        let mut bar = Progress::new("preparing");
        let input = ImageInput::open(config, &self.input, &self.out, &mut |done, all| {
            bar.show(done, all);
        });
        bar.finish();
        let input = input?;
        for note in input.notes() {
            eprintln!("selfsi: note: {note}");
        }
        let job = ImageJob {
            config,
            seed: global.seed.unwrap_or(config.seed),
            input: &input,
            out: &self.out,
            selection: self.selection(),
            device: global.device()?,
        };
        let mut bar = Progress::new("restoring");
        let summary = restore_images(run, job, &mut |done, all| bar.show(done, all));
        bar.finish();
        self.report(global, summary?)
    }

    fn selection(&self) -> Selection {
        Selection {
            heldout_only: self.heldout,
            first: self.mintarget,
            count: self.ntargets.unwrap_or(usize::MAX),
        }
    }

    fn report(&self, global: &Global, summary: Summary) -> Result<()> {
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
