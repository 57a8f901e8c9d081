//! `selfsi train`.

use super::Global;
use super::say::say;
use crate::catalog::{ImageSet, Prepared, with_scale_of};
use crate::train::{Data, Run, Trainer};
use crate::{Error, Result};
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Learns the transport map from a prepared set, with Algorithm 2 of the method.
#[derive(Debug, Args)]
pub struct Train {
    /// The TOML config.
    config: PathBuf,
    /// The run folder to make.
    #[arg(short, long)]
    out: PathBuf,
    /// Continue the run in --out from its newest checkpoint; the config must be the same.
    #[arg(long)]
    resume: bool,
}

impl Train {
    pub fn run(&self, global: &Global) -> Result<()> {
        let device = global.device()?;
        let config = global.config(&self.config)?;
        // The run's config says how its images were scaled: new ones must be scaled alike.
        let set = |_| ImageSet::open(&config.survey.prepared);
        let images = config.image.map(set).transpose()?;
        let config = match &images {
            Some(set) => with_scale_of(&config, set)?,
            None => config,
        };
        let run = if self.resume {
            let run = Run::open(&self.out)?;
            run.check_prepared()?;
            if *run.config() != config {
                return Err(Error::run(
                    &self.out,
                    "the config differs from the one this run was started with",
                    "resume with the same config and --set options, or start a new run",
                ));
            }
            run
        } else {
            Run::plan(&self.out, &config)?
        };
        let (seed, train) = (config.seed, &config.train);
        let data = match &images {
            Some(set) => Data::load_images(set, seed, train, device)?,
            None => {
                let set = Prepared::open(&config.survey.prepared)?;
                Data::load(&set, seed, train, device)?
            }
        }
        .with_clean(&config, device)?;
        let mut trainer = Trainer::new(&run, &data, device, self.resume)?;
        let stop = stop_on_signal()?;
        let outcome = trainer.train(&stop, global.json)?;
        if global.json {
            let best = outcome
                .best
                .map(|(step, score)| serde_json::json!({"step": step, "score": score}));
            say(
                serde_json::json!({"step": outcome.step, "best": best, "stopped_early": outcome.stopped_early}),
            )?;
        } else if let Some((step, score)) = outcome.best {
            say(format!(
                "{}: {} steps; best validation at step {step}, score {score:.4}",
                self.out.display(),
                outcome.step
            ))?;
        }
        Ok(())
    }
}

/// Set by Ctrl-C and SIGTERM; a second signal ends the process at once.
pub(super) fn stop_on_signal() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            crate::atomic::abandon(130);
        }
    })
    .map_err(|e| Error::config("signals", "SIGTERM", e, "run again"))?;
    Ok(stop)
}
