//! From a config to a trained run, step by step.

use super::global::Global;
use super::parsed::parsed;
use super::prepare::Prepare;
use super::steps::{Done, Source, Steps};
use super::stop::Stop;
use super::train::Train;
use crate::Result;
use crate::config::Config;
use crate::prepare::rejected_path;
use crate::survey;
use crate::train;
use std::path::{Path, PathBuf};

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
