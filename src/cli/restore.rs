//! `selfsi restore`.

use super::global::Global;
use super::output;
use super::progress::Progress;
use super::said::Said;
use crate::base::machine::quick_bf16;
use crate::config::Config;
use crate::prepare::{ImageSetHeader, SpectraHeader};
use crate::restore::{
    Given, ImagesOutput, Input, Job, Output, Part, Restorable, Selection, Summary, config_of,
    restore,
};
use crate::train::Run;
use crate::{Error, Result};
use clap::Args;
use std::path::{Path, PathBuf};

/// Restore observations with a trained run.
///
/// Writes a restored catalog (FITS), or restored images (FITS or HDF5, by the extension of --out).
/// INPUT may be a prepared set; SDSS spec files, DESI coadds or folders of them; an HDF5 catalog like
/// the one the run was trained on; the TOML config of another survey; or, for a run on images, any
/// images that `selfsi prepare` reads. Raw observations are selected, masked, regridded and normalised
/// by the rules of the run. Every row is in the output; a row that cannot be restored is NaN, with FLAG
/// and REASON.
#[derive(Debug, Args)]
pub struct Restore {
    /// Run folder that `selfsi train` wrote.
    run: PathBuf,
    /// What to restore [default: the prepared set that the run was trained on].
    input: Vec<PathBuf>,
    /// Restored catalog to write.
    #[arg(short, long, visible_alias = "outfile")]
    out: PathBuf,
    /// FITS table that names the spec files and gives their redshifts [default: the redshifts of the
    /// files' own SPALL or SPECOBJ]. Rows without a file are left out.
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// Also write the restored spectra in the form of their survey: each SDSS object as
    /// DIR/PLATE/spec-PLATE-MJD-FIBER.fits, the targets of each DESI coadd file as DIR/restored-*.fits.
    #[arg(long, value_name = "DIR")]
    spectra: Option<PathBuf>,
    /// Also write every draw of the SDE (image DRAWS), from which `selfsi evaluate` measures calibration.
    #[arg(long)]
    save_draws: bool,
    /// Restore only the observations that were kept out of training.
    #[arg(long)]
    heldout: bool,
    /// First row to restore, counted from 0.
    #[arg(long, default_value_t = 0)]
    mintarget: usize,
    /// Restore at most this many rows.
    #[arg(short, long)]
    ntargets: Option<usize>,
    /// Restore only part I of N (from 1), as OUT.shard-I-of-N.fits for `selfsi merge`. Without a value,
    /// and by default inside a SLURM job array, the part of this task; 1/1 restores everything.
    #[arg(long, value_name = "I/N", num_args = 0..=1, default_missing_value = SLURM)]
    shard: Option<String>,
}

/// The value of --shard that has the part read from the environment.
const SLURM: &str = "slurm";

impl Restore {
    /// `--set` reaches [restore] and [transport] of the run's config, `--seed` the draws.
    pub fn run(&self, global: &Global) -> Result<Said> {
        let run = Run::open_whole(&self.run)?;
        let config = config_of(&run, &global.set)?.decided(quick_bf16(global.device()?));
        let part = self.part()?;
        let out = part.map_or_else(|| self.out.clone(), |p| p.path(&self.out));
        let given = self.input.iter().chain(&self.catalog).map(PathBuf::as_path);
        output::check(&out, given.chain(config.inputs()))?;
        if config.image.is_some() {
            self.refuse_spectra()?;
            let output = ImagesOutput {
                file: out.clone(),
                draws: self.save_draws,
            };
            return self.restore::<ImageSetHeader>(global, (&run, &config), part, &out, &output);
        }
        let output = Output {
            catalog: out.clone(),
            spectra: self.spectra.clone(),
            draws: self.save_draws,
        };
        self.restore::<SpectraHeader>(global, (&run, &config), part, &out, &output)
    }

    /// Restores to `output`, which is or lies beside `out`.
    fn restore<H: Restorable>(
        &self,
        global: &Global,
        (run, config): (&Run, &Config),
        part: Option<Part>,
        out: &Path,
        output: &H::Output,
    ) -> Result<Said> {
        let device = global.device()?;
        let given = Given {
            paths: &self.input,
            catalog: self.catalog.as_deref(),
        };
        let mut bar = Progress::new("preparing");
        let input = Input::<H>::open(config, given, out, &mut |done, all| bar.show(done, all));
        bar.finish();
        let input = input?;
        for note in input.notes() {
            log::info!("{note}");
        }
        let job = Job {
            config,
            seed: global.seed.unwrap_or(config.seed),
            input: &input,
            output,
            selection: self.selection(part),
            device,
        };
        let mut bar = Progress::new("restoring");
        let summary = restore(run, job, &mut |done, all| bar.show(done, all));
        bar.finish();
        Ok(report(out, summary?))
    }

    fn refuse_spectra(&self) -> Result<()> {
        if self.spectra.is_none() {
            return Ok(());
        }
        Err(Error::config(
            "selfsi restore",
            "--spectra",
            "for spectra, but this run restores images",
            "leave it out",
        ))
    }

    /// Whether the command line says which part it restores: then others may restore theirs beside it.
    pub(super) fn names_its_part(&self) -> bool {
        self.shard.as_deref().is_some_and(|s| s != SLURM)
    }

    /// The part that is asked for, or that this task of a SLURM array has; `None` for everything.
    fn part(&self) -> Result<Option<Part>> {
        let asked = self.shard.as_deref();
        let part = match asked {
            Some(text) if text != SLURM => Some(Part::parse(text)?),
            _ => Part::of_slurm(|key| std::env::var(key).ok())?,
        };
        match (asked, part) {
            (Some(_), None) => Err(Error::config(
                "selfsi restore",
                "--shard",
                "SLURM_ARRAY_TASK_ID is not set: this is not a task of a job array",
                "give --shard I/N",
            )),
            (None, Some(p)) if !p.is_whole() => {
                let path = p.path(&self.out);
                log::info!(
                    "this is a task of a SLURM job array, so only {} is written; --shard 1/1 restores everything",
                    path.display()
                );
                Ok(part)
            }
            _ => Ok(part.filter(|p| !p.is_whole())),
        }
    }

    fn selection(&self, part: Option<Part>) -> Selection {
        Selection {
            heldout_only: self.heldout,
            first: self.mintarget,
            count: self.ntargets.unwrap_or(usize::MAX),
            part,
        }
    }
}

fn report(out: &Path, summary: Summary) -> Said {
    let json = serde_json::json!({"rows": summary.rows, "restored": summary.restored, "unlikely": summary.unlikely});
    let mut text = format!(
        "{}: {} of {} rows restored, the others flagged",
        out.display(),
        summary.restored,
        summary.rows
    );
    if summary.unlikely > 0 {
        let (are, perhaps) = match summary.unlikely {
            1 => ("is", "another object, or at another redshift"),
            _ => ("are", "other objects, or at other redshifts"),
        };
        text += &format!(
            "\n  {} of them {are} unlikely under the population that the run learned (WARNING, LOGLIKE_P): perhaps {perhaps} (selfsi audit)",
            summary.unlikely
        );
    }
    Said::both(text, json)
}
