//! `selfsi run`.

use super::audit::Audit;
use super::campaign::{Campaign, of_the_run};
use super::global::Global;
use super::parsed::parsed;
use super::restore::Restore;
use super::said::Said;
use super::steps::{Source, Steps};
use super::stop::Stop;
use super::view::View;
use crate::Result;
use crate::config::Config;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Prepare, train, restore, audit and show: from a config to a restored catalog.
///
/// Goes on where it was stopped: what a step made is kept as long as it is whole and was made from the
/// same config and input, by their digests in OUT/steps.json; an interrupted training continues. A line
/// for each step says what was made or kept. Where a training with another config or set is in OUT already,
/// its files are moved to OUT/before-1 (-2, ...), not removed.
#[derive(Debug, Args)]
pub struct Run {
    /// TOML config, such as `selfsi init` writes.
    config: PathBuf,
    /// Run folder, which receives the catalog (restored.fits), its audit (restored.audit.fits) and a page to
    /// look at (view.html), too.
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
        let training = config.of_training();
        let from = |inputs: &[&[PathBuf]]| Source {
            config: &training,
            inputs: inputs.concat(),
        };
        let own = of_the_run(global);

        let catalog = self.restored(
            global,
            &config,
            &mut steps,
            &[set, trained.clone()].concat(),
        )?;
        let (run, restored): (&Path, &Path) = (&self.out, &catalog[0]);
        let audit = steps.step("audit", &from(&[&catalog, &trained]), || {
            let out = self.out.join("restored.audit.fits");
            let said = parsed::<Audit>("@ @ --out @", &[run, restored, &out])?.run(&own)?;
            Ok((vec![out], said))
        })?;
        steps.step("view", &from(&[&catalog, &trained, &audit]), || {
            let page = self.out.join("view.html");
            let said = parsed::<View>("@ --out @", &[restored, &page])?.run(&own)?;
            Ok((vec![page], said))
        })?;
        let json = json!({ "folder": self.out, "steps": steps.told() });
        Ok(Said::both("", format!("{json:#}")))
    }

    /// The restored catalog, by the table [restore] of the config, whatever the run was trained with.
    fn restored(
        &self,
        global: &Global,
        config: &Config,
        steps: &mut Steps,
        inputs: &[PathBuf],
    ) -> Result<Vec<PathBuf>> {
        let from = Source {
            config: &Config {
                restore: config.restore.clone(),
                ..config.of_training()
            },
            inputs: inputs.to_vec(),
        };
        steps.step("restore", &from, || {
            let r = &config.restore;
            let batch = r.batch.map_or("auto".to_owned(), |b| b.to_string());
            let own = Global {
                set: vec![
                    format!("restore.draws={}", r.draws),
                    format!("restore.batch={batch}"),
                    format!("restore.quantiles={:?}", r.quantiles),
                ],
                ..of_the_run(global)
            };
            let out = self.out.join("restored.fits");
            // All of it, also where this is a task of an array of jobs.
            let words = "@ --out @ --shard 1/1";
            let said = parsed::<Restore>(words, &[&self.out, &out])?.run(&own)?;
            Ok((vec![out], said))
        })
    }
}
