//! `selfsi train`.

use super::global::Global;
use super::said::Said;
use crate::base::lock::FolderLock;
use crate::base::machine::quick_bf16;
use crate::base::messages::{PROGRESS, driven};
use crate::base::signals::{SIGUSR1, on_stop};
use crate::config::Config;
use crate::data::{Object, flag};
use crate::prepare::{ImageSet, Prepared, with_scale_of};
use crate::ranks;
use crate::ranks::Ranks;
use crate::train::{Data, Outcome, Run, Trainer};
use crate::{Error, Result};
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tch::Device;

/// Learn the transport map from a prepared set.
///
/// Ctrl-C, SIGTERM, SIGHUP and SIGUSR1 write a checkpoint and stop; --resume continues. Under mpirun or srun
/// each process takes its share of every batch, if selfsi was built with --features mpi.
#[derive(Debug, Args)]
pub struct Train {
    /// TOML config of the run.
    config: PathBuf,
    /// Run folder to make.
    #[arg(short, long)]
    out: PathBuf,
    /// Continue the run in --out from its newest checkpoint, with the same config.
    #[arg(long)]
    resume: bool,
}

impl Train {
    pub fn run(&self, global: &Global) -> Result<Said> {
        self.until(stop_on_signal, global)
    }

    /// Trains until it is done, or until what `stop` gives is set.
    pub(super) fn until(
        &self,
        stop: impl FnOnce() -> Result<Arc<AtomicBool>>,
        global: &Global,
    ) -> Result<Said> {
        let ranks = Ranks::start()?;
        let found = self.on(&ranks, stop, global);
        ranks.end(found)
    }

    /// As one of `ranks`: every error is one that all agree on, so that none waits for the others.
    fn on(
        &self,
        ranks: &Ranks,
        stop: impl FnOnce() -> Result<Arc<AtomicBool>>,
        global: &Global,
    ) -> Result<Said> {
        // Until the end: whoever else would write into the folder is told so at once.
        let _lock = ranks.on_first(|| FolderLock::take(&self.out))?;
        // All ranks compute alike.
        let quick = global.device_of(ranks).is_ok_and(quick_bf16);
        let quick = !ranks.any(!quick);
        let (run, data, device) = ranks.agree(self.set_up(ranks, global, quick))?;
        let trainer = Trainer::new(&run, &data, device, self.resume, ranks);
        let mut trainer = ranks.agree(trainer)?;
        let stop = ranks.agree(stop())?;
        if ranks.size() > 1 && ranks.is_first() && !global.json {
            log::info!(target: PROGRESS, "training on {} ranks", ranks.size());
        }
        let outcome = trainer.train(&stop, global.json)?;
        // What one rank has to say is said once.
        Ok(match ranks.is_first() {
            true => self.report(&outcome),
            false => Said::nothing(),
        })
    }

    /// `quick_bf16`: whether bfloat16 is the faster on all ranks.
    fn set_up(
        &self,
        ranks: &Ranks,
        global: &Global,
        quick_bf16: bool,
    ) -> Result<(Run, Data, Device)> {
        let device = global.device_of(ranks)?;
        let config = self.decided(global.config(&self.config)?, quick_bf16)?;
        if config.train.batch < ranks.size() {
            return Err(Error::config(
                self.config.display(),
                "train.batch",
                format!("{} rows for {} ranks", config.train.batch, ranks.size()),
                "give each rank at least one row",
            ));
        }
        // The run's config says how its images were scaled: new ones must be scaled alike.
        let set = |_| ImageSet::open(&config.survey.prepared);
        let images = config.image.map(set).transpose()?;
        let (run, data) = match &images {
            Some(set) => {
                let config = with_scale_of(&config, set)?;
                let run = self.plan(&config, &config)?;
                (run, Data::load(set, config.seed, &config.train, device)?)
            }
            None => {
                // That the set is another one is said before what is wrong with it.
                if self.resume {
                    Run::open(&self.out)?.check_prepared()?;
                }
                let set = Prepared::open(&config.survey.prepared)?;
                let origin = self.config.display().to_string();
                let run = self.plan(&with_redshifts_of(&config, &set, &origin)?, &config)?;
                (run, Data::load(&set, config.seed, &config.train, device)?)
            }
        };
        let data = data.with_clean(run.config(), device)?;
        Ok((run, data, device))
    }

    /// `config` with what it leaves to the machine decided: a run that is continued has decided it.
    fn decided(&self, config: Config, quick_bf16: bool) -> Result<Config> {
        if self.resume {
            return Ok(as_decided_by(&Run::open(&self.out)?, &config));
        }
        Ok(config.decided(quick_bf16))
    }

    /// Whether `run` is one of `config`, on the set that it was started on; what `selfsi restore` and other
    /// commands alone go by may differ.
    pub(super) fn is_of(run: &Run, config: &Config, origin: &str) -> Result<bool> {
        let config = &as_decided_by(run, config);
        let set = &config.survey.prepared;
        let resolved = match config.image {
            Some(_) => with_scale_of(config, &ImageSet::open(set)?)?,
            None => with_redshifts_of(config, &Prepared::open(set)?, origin)?,
        };
        let made = run.config().of_training();
        let alike = [&resolved, config].iter().any(|c| c.of_training() == made);
        Ok(alike && run.check_prepared().is_ok())
    }

    /// The run to make, or to continue; one of a time when no network was told of redshifts holds the
    /// config as it was `given`.
    fn plan(&self, config: &Config, given: &Config) -> Result<Run> {
        if !self.resume {
            return Run::plan(&self.out, config);
        }
        let run = Run::open(&self.out)?;
        run.check_prepared()?;
        if [config, given].contains(&run.config()) {
            return Ok(run);
        }
        Err(Error::run(
            &self.out,
            "the config differs from the one this run was started with",
            "resume with the same config and --set options, or start a new run",
        ))
    }

    fn report(&self, outcome: &Outcome) -> Said {
        let best = outcome
            .best
            .map(|(step, score)| serde_json::json!({"step": step, "score": score}));
        let json = serde_json::json!({"step": outcome.step, "best": best, "stopped_early": outcome.stopped_early});
        let text = outcome.best.map(|(step, score)| {
            format!(
                "{}: {} steps; best validation at step {step}, score {score:.4}",
                self.out.display(),
                outcome.step
            )
        });
        Said::both(text.unwrap_or_default(), json)
    }
}

/// The config with what it leaves to the machine as the run has decided it.
fn as_decided_by(run: &Run, config: &Config) -> Config {
    config.decided(run.config().transport.bf16.is_on())
}

/// The config with what it leaves open about redshifts decided by the set.
fn with_redshifts_of(config: &Config, set: &Prepared, origin: &str) -> Result<Config> {
    let usable = |o: &Object| o.flag == flag::GOOD && o.z > -1.0;
    let have = set.objects().iter().any(usable);
    Ok(Config {
        network: config.network.with_redshifts(have, origin)?,
        ..config.clone()
    })
}

/// Set by Ctrl-C, SIGTERM, SIGHUP and SIGUSR1, which launchers of several processes pass on; a second one
/// of the first three ends the process at once.
pub(super) fn stop_on_signal() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let mut first = None;
    on_stop(&[SIGUSR1], move |signal| {
        flag.store(true, Ordering::Relaxed);
        match first {
            _ if signal == SIGUSR1 => {}
            None => first = Some(Instant::now()),
            Some(since) if since.elapsed() < again() => {}
            Some(_) => crate::base::atomic::abandon(130),
        }
    })?;
    Ok(stop)
}

/// How long after the first signal another one counts as a second: one Ctrl-C may reach a rank, or a
/// process that another program started, both from the terminal and from who started it.
pub(super) fn again() -> Duration {
    if ranks::here().is_some() || driven() {
        Duration::from_secs(1)
    } else {
        Duration::ZERO
    }
}
