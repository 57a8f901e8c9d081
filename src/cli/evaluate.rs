//! `selfsi evaluate`.

use super::global::Global;
use super::output;
use super::said::Said;
use crate::base::atomic;
use crate::base::messages::PROGRESS;
use crate::evaluate::images::{Features, Lpips, Networks};
use crate::evaluate::{self, images};
use crate::evaluate::{Baseline, RunFiles, Sampling};
use crate::lab;
use crate::lab::baselines;
use crate::lab::baselines::Settings;
use crate::restore::restored_in;
use crate::train::Run;
use crate::{Error, Result};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// Names of the baselines.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Named {
    /// Diffusion posterior sampling.
    Dps,
    /// EM with posterior sampling.
    Em,
    /// Weighted principal components in the rest frame.
    Empca,
    /// A U-Net by Stein's estimate, from the observations alone.
    Sure,
    /// The run's network on clean pairs.
    Control,
}

impl From<Named> for Baseline {
    fn from(named: Named) -> Self {
        match named {
            Named::Dps => Self::Dps,
            Named::Em => Self::EmPosterior,
            Named::Empca => Self::Empca,
            Named::Sure => Self::SureUnet,
            Named::Control => Self::Control,
        }
    }
}

/// Compare restored catalogs and baselines with a known truth.
///
/// Writes evaluation.json and evaluation.md: errors, distances to the clean population, lines, and the
/// calibration of the draws. Only held-out objects are scored.
#[derive(Debug, Args)]
pub struct Evaluate {
    /// Run folders of one survey; with --report, folders that hold evaluation.json.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Clean spectra of the survey (HDF5: flux, loglam, id), or any clean images that `selfsi prepare` reads.
    #[arg(long, value_name = "FILE", required_unless_present = "report")]
    truth: Option<PathBuf>,
    /// Restored catalogs of a single RUN [default: RUN/restored*.fits, for images also .h5, without audits and shards].
    #[arg(long, value_name = "FILE", num_args = 1..)]
    restored: Vec<PathBuf>,
    /// Folder for evaluation.json and evaluation.md [default: RUN, if there is only one].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Score at most this many of the held-out objects [default: 2000; with --baselines, 300].
    #[arg(long, value_name = "N")]
    most: Option<usize>,
    /// Also score other methods: all, or those named: --baselines=empca,sure. Most train networks, which takes
    /// minutes; `sure` and `control` take as long as the run's own training.
    #[arg(
        long,
        value_name = "NAME,...",
        num_args = 0..=1,
        require_equals = true,
        value_delimiter = ',',
        default_missing_value = "dps,em,empca,sure,control"
    )]
    baselines: Option<Vec<Named>>,
    /// Bound the steps of training and sampling of these baselines.
    #[arg(long, value_name = "N", requires = "baselines", hide = true)]
    baseline_steps: Option<u64>,
    /// Images: TorchScript network that gives the LPIPS [N] of two batches in -1..1.
    #[arg(long, value_name = "FILE")]
    lpips: Option<PathBuf>,
    /// Images: TorchScript network that gives the features [N, F] of a batch in 0..1, for the FID.
    #[arg(long, value_name = "FILE")]
    fid: Option<PathBuf>,
    /// Write a Markdown file that combines the evaluations and the pictures (PNG) beside them.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["truth", "restored", "out", "lpips", "fid", "most", "baselines"])]
    report: Option<PathBuf>,
}

/// What it writes.
const FILES: [&str; 2] = ["evaluation.json", "evaluation.md"];

impl Evaluate {
    pub fn run(&self, global: &Global) -> Result<Said> {
        if let Some(target) = &self.report {
            let evaluations: Vec<PathBuf> = self.runs.iter().map(|r| r.join(FILES[0])).collect();
            output::check(target, evaluations.iter().map(PathBuf::as_path))?;
            atomic::write(target, lab::report(&self.runs, target)?.as_bytes())?;
            return Ok(Said::nothing());
        }
        let Some(truth) = &self.truth else {
            return Err(refused("neither --truth nor --report", "give one of them"));
        };
        if self.runs.len() > 1 && !self.restored.is_empty() {
            return Err(refused(
                "--restored with several runs",
                "give one run, or leave the catalogs in the run folders",
            ));
        }
        let out = match (&self.out, &self.runs[..]) {
            (Some(out), _) => out,
            (None, [run]) => run,
            _ => return Err(refused("several runs without --out", "give --out DIR")),
        };
        for file in FILES {
            output::check(&out.join(file), self.inputs())?;
        }
        let runs = self
            .runs
            .iter()
            .map(|r| self.files(r, global))
            .collect::<Result<Vec<_>>>()?;
        let name = file_name(out);
        let most = self.most.unwrap_or(match self.baselines {
            Some(_) => 300,
            None => 2000,
        });
        let asked = self.baselines.as_ref();
        let sample = asked.map(|b| self.sampler(b, global)).transpose()?;
        let samplers = sample.as_ref().map(|s| s as &evaluate::Samplers);
        if runs.iter().any(|r| r.config.image.is_some()) {
            let networks = self.networks()?;
            let e = images::evaluate_images(&name, &runs, truth, most, &networks, samplers)?;
            for warning in e.warnings() {
                log::warn!("{warning}");
            }
            return written(out, &e, &images::markdown(&e), &images::text(&e));
        }
        if self.lpips.is_some() || self.fid.is_some() {
            return Err(refused(
                "--lpips and --fid are for images, but this run restores spectra",
                "leave them out",
            ));
        }
        let outcome = evaluate::evaluate_runs(&name, &runs, truth, most, samplers)?;
        if outcome.not_finite > 0 {
            log::warn!(
                "{} restorations are not finite and were left out",
                outcome.not_finite
            );
        }
        let e = &outcome.evaluation;
        written(out, e, &evaluate::markdown(e), &evaluate::text(e))
    }

    /// The files that it reads.
    fn inputs(&self) -> impl Iterator<Item = &Path> {
        let networks = self.lpips.iter().chain(&self.fid);
        let given = self.truth.iter().chain(&self.restored).chain(networks);
        given.map(PathBuf::as_path)
    }

    /// What makes the rows of the baselines that sample.
    fn sampler(
        &self,
        baselines: &[Named],
        global: &Global,
    ) -> Result<impl Fn(&Sampling) -> Result<evaluate::Answer> + use<>> {
        let device = global.device()?;
        let asked = |b: &Baseline| baselines.iter().any(|named| Baseline::from(*named) == *b);
        let all = Settings {
            methods: Baseline::ALL.into_iter().filter(asked).collect(),
            ..Settings::default()
        };
        let settings = match self.baseline_steps {
            Some(steps) => all.at_most(steps),
            None => all,
        };
        Ok(move |task: &Sampling| {
            baselines::sampled(task, &settings, device, &|what| {
                log::info!(target: PROGRESS, "{what}");
            })
        })
    }

    fn networks(&self) -> Result<Networks> {
        Ok(Networks {
            lpips: self.lpips.as_deref().map(Lpips::load).transpose()?,
            fid: self.fid.as_deref().map(Features::load).transpose()?,
        })
    }

    fn files(&self, run: &Path, global: &Global) -> Result<RunFiles> {
        let path = Run::open_whole(run)?.folder().join("config.toml");
        let config = global.config(&path)?;
        let restored = match &self.restored[..] {
            [] => restored_in(run, config.image.is_some()),
            given => given.to_vec(),
        };
        if restored.is_empty() {
            return Err(Error::run(
                run,
                "there is no restored*.fits in this run",
                "make one: selfsi restore RUN INPUT --out RUN/restored.fits",
            ));
        }
        Ok(RunFiles {
            name: file_name(run),
            cpu_s: Run::open(run)?.cpu_seconds(),
            config,
            restored,
        })
    }
}

/// Writes evaluation.json and evaluation.md to the folder `out`.
fn written(
    out: &Path,
    evaluation: &impl serde::Serialize,
    markdown: &str,
    text: &str,
) -> Result<Said> {
    std::fs::create_dir_all(out)
        .map_err(|e| Error::output(out, e, "choose a folder that can be written"))?;
    let [target, table] = FILES.map(|file| out.join(file));
    let json = serde_json::to_string_pretty(evaluation)
        .map_err(|e| Error::output(&target, e, "report this"))?
        + "\n";
    atomic::write(&target, json.as_bytes())?;
    atomic::write(table, markdown.as_bytes())?;
    Ok(Said::both(text.trim_end_matches('\n'), json.trim_end()))
}

fn refused(problem: &str, fix: &str) -> Error {
    Error::config("evaluate", "arguments", problem, fix)
}

fn file_name(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or(folder.as_os_str());
    name.to_string_lossy().into_owned()
}
