//! `selfsi evaluate`.

use super::Global;
use crate::{Error, Result, atomic, evaluate};
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct Evaluate {
    /// Run folder that `selfsi train` wrote (with --report: several)
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Clean spectra of the survey (HDF5): flux, loglam, id
    #[arg(long, value_name = "FILE", required_unless_present = "report")]
    truth: Option<PathBuf>,
    /// Restored catalogs; default: RUN/restored*.fits
    #[arg(long, value_name = "FILE", num_args = 1..)]
    restored: Vec<PathBuf>,
    /// Folder for evaluation.json and evaluation.md; default: RUN
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Put the runs' evaluation.json and pictures together in this Markdown file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["truth", "restored", "out"])]
    report: Option<PathBuf>,
}

impl Evaluate {
    pub fn run(&self, global: &Global) -> Result<()> {
        if let Some(target) = &self.report {
            return atomic::write(target, evaluate::report(&self.runs, target)?.as_bytes());
        }
        let ([run], Some(truth)) = (&self.runs[..], &self.truth) else {
            return Err(Error::config(
                "evaluate",
                "RUN",
                "several runs without --report",
                "give one run, or --report FILE",
            ));
        };
        self.one(run, truth, global)
    }

    fn one(&self, run: &Path, truth: &Path, global: &Global) -> Result<()> {
        let path = run.join("config.toml");
        if !path.is_file() {
            return Err(Error::run(
                run,
                "not a run folder: it holds no config.toml",
                "give the folder that selfsi train wrote",
            ));
        }
        let config = global.config(&path)?;
        let restored = if self.restored.is_empty() {
            restored_files(run)?
        } else {
            self.restored.clone()
        };
        let name = run.file_name().unwrap_or(run.as_os_str()).to_string_lossy();
        let outcome = evaluate::evaluate_run(&name, &config, truth, &restored)?;
        if outcome.not_finite > 0 {
            eprintln!(
                "selfsi: warning: {} restorations are not finite and were left out",
                outcome.not_finite
            );
        }
        let e = &outcome.evaluation;
        let out = self.out.as_deref().unwrap_or(run);
        let target = out.join("evaluation.json");
        let json = serde_json::to_string_pretty(e)
            .map_err(|e| Error::output(&target, e, "report this"))?
            + "\n";
        atomic::write(&target, json.as_bytes())?;
        atomic::write(out.join("evaluation.md"), evaluate::markdown(e).as_bytes())?;
        if global.json {
            print!("{json}");
        } else {
            print!("{}", evaluate::text(e));
        }
        Ok(())
    }
}

/// RUN/restored*.fits, in the order of their names.
fn restored_files(run: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(run).map_err(|e| Error::run(run, e, "check the folder's permissions"))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| {
            let name = p.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("restored") && name.ends_with(".fits")
        })
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(Error::run(
            run,
            "there is no restored*.fits in this run",
            "make one: selfsi restore RUN INPUT --out RUN/restored.fits",
        ));
    }
    Ok(files)
}
