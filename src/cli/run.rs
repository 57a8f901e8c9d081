//! `selfsi run`.

use super::audit::Audit;
use super::global::Global;
use super::parsed::parsed;
use super::prepare::Prepare;
use super::restore::Restore;
use super::said::Said;
use super::steps::{Done, Source, Steps};
use super::stop::Stop;
use super::train::Train;
use crate::Result;
use crate::config::Config;
use crate::prepare::rejected_path;
use crate::survey;
use crate::train;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Prepare, train, restore and audit: from a config to a restored catalog.
///
/// Goes on where it was stopped: what a step made is kept as long as it is whole and was made from the
/// same config and input, by their digests in OUT/steps.json; an interrupted training continues. A line
/// for each step says what was made or kept. Where a training with another config or set is in OUT already,
/// its files are moved to OUT/before-1 (-2, ...), not removed.
#[derive(Debug, Args)]
pub struct Run {
    /// TOML config, such as `selfsi init` writes.
    config: PathBuf,
    /// Run folder, which receives the catalog (restored.fits) and the audit (restored.audit.fits), too.
    #[arg(short, long)]
    out: PathBuf,
}

impl Run {
    pub fn run(&self, global: &Global) -> Result<Said> {
        let stop = Stop::watch()?;
        let config = global.config(&self.config)?;
        // Said before a survey is prepared for hours.
        config.check_network_fits_grid(&self.config.display().to_string())?;
        global.device()?;
        let mut steps = Steps::of(&self.out, global);
        let made = Campaign {
            file: &self.config,
            config: &config,
            run: &self.out,
            stop: &stop,
            global,
        };
        let set = made.prepared(&mut steps)?;
        let trained = made.trained(&mut steps, &set)?;
        let restored = self.restored(
            global,
            &config,
            &mut steps,
            &[set, trained.clone()].concat(),
        )?;
        if config.image.is_some() {
            steps.left_out("audit", "which is for spectra")?;
        } else {
            self.audited(global, &config, &mut steps, &[restored, trained].concat())?;
        }
        let json = json!({ "folder": self.out, "steps": steps.told() });
        Ok(Said::both("", format!("{json:#}")))
    }

    fn restored(
        &self,
        global: &Global,
        config: &Config,
        steps: &mut Steps,
        inputs: &[PathBuf],
    ) -> Result<Vec<PathBuf>> {
        let of = Config {
            restore: config.restore.clone(),
            ..config.of_training()
        };
        let from = Source {
            config: &of,
            inputs: inputs.to_vec(),
        };
        let out = self.out.join("restored.fits");
        steps.step("restore", &from, || {
            // The run may have been trained when this table was another.
            let r = &config.restore;
            let global = Global {
                set: vec![
                    format!("restore.draws={}", r.draws),
                    format!("restore.batch={}", r.batch),
                    format!("restore.quantiles={:?}", r.quantiles),
                ],
                ..global.clone()
            };
            // All of it, also where this is a task of an array of jobs.
            let words = "@ --out @ --shard 1/1";
            let said = parsed::<Restore>(words, &[&self.out, &out])?.run(&global)?;
            Ok((vec![out.clone()], said))
        })
    }

    fn audited(
        &self,
        global: &Global,
        config: &Config,
        steps: &mut Steps,
        inputs: &[PathBuf],
    ) -> Result<Vec<PathBuf>> {
        let of = config.of_training();
        let from = Source {
            config: &of,
            inputs: inputs.to_vec(),
        };
        let restored = self.out.join("restored.fits");
        let out = self.out.join("restored.audit.fits");
        steps.step("audit", &from, || {
            let paths: [&Path; 3] = [&self.out, &restored, &out];
            let said = parsed::<Audit>("@ @ --out @", &paths)?.run(&of_the_run(global))?;
            Ok((vec![out.clone()], said))
        })
    }
}

/// What is made with a run, in its folder.
const MADE: [&str; 6] = [
    "restored.fits",
    "restored.audit.fits",
    "audit.fits",
    "evaluation.json",
    "evaluation.md",
    "view.html",
];

/// The options of a command that goes by the config of a run, which has what --set and --seed gave.
pub(super) fn of_the_run(global: &Global) -> Global {
    Global {
        set: Vec::new(),
        seed: None,
        ..global.clone()
    }
}

/// A config on its way to a trained run.
pub(super) struct Campaign<'a> {
    pub file: &'a Path,
    pub config: &'a Config,
    pub run: &'a Path,
    pub stop: &'a Stop,
    pub global: &'a Global,
}

impl Campaign<'_> {
    /// The prepared set, and the list of what was left out of it.
    pub fn prepared(&self, steps: &mut Steps) -> Result<Vec<PathBuf>> {
        let set = &self.config.survey.prepared;
        let files = vec![set.clone(), rejected_path(set)];
        let mut inputs = survey::inputs(&self.config.survey.source);
        // A folder of images may hold what is made of them.
        inputs.retain(|i| !files.contains(i) && !i.starts_with(self.run));
        let from = Source {
            config: &self.config.of_preparation(),
            inputs,
        };
        steps.step("prepare", &from, || {
            let said = parsed::<Prepare>("@", &[self.file])?.run(self.global)?;
            Ok((files, said))
        })
    }

    /// The files of the trained network: the run's config and its weights.
    pub fn trained(&self, steps: &mut Steps, set: &[PathBuf]) -> Result<Vec<PathBuf>> {
        let clean = self.config.train.clean.as_ref();
        let clean = clean.map(|c| c.prepared.clone());
        let from = Source {
            config: &self.config.of_training(),
            inputs: set[..1].iter().cloned().chain(clean).collect(),
        };
        steps.step("train", &from, || self.train())
    }

    fn train(&self) -> Result<Done> {
        let own = self.run.join("config.toml");
        let (config, resume, global) = match train::Run::open(self.run) {
            Err(_) => (self.file, false, self.global.clone()),
            Ok(run) if Train::is_of(&run, self.config, &self.file.display().to_string())? => {
                (&*own, true, of_the_run(self.global))
            }
            Ok(_) => {
                let aside = train::set_aside(self.run, &MADE)?;
                log::info!(
                    "{}: a run with another config or set, moved to {}",
                    self.run.display(),
                    aside.display()
                );
                (self.file, false, self.global.clone())
            }
        };
        let words = match resume {
            true => "@ --out @ --resume",
            false => "@ --out @",
        };
        let train = parsed::<Train>(words, &[config, self.run])?;
        let said = self
            .stop
            .heeded(|asked| train.until(|| Ok(asked), &global))?;
        let run = train::Run::open(self.run)?;
        Ok((vec![own, run.chosen()?], said))
    }
}
