//! `selfsi generate`.

use super::bounded::at_most;
use super::global::Global;
use super::output;
use super::progress::Progress;
use super::say::say;
use super::train::stop_on_signal;
use crate::config::DiffusionConfig;
use crate::generate::{GenerateJob, RestoredSamples, Summary, config_of, generate};
use crate::train::Run;
use crate::{Error, Result};
use clap::Args;
use std::path::PathBuf;

/// Draw new samples of a restored population.
///
/// The first call trains a diffusion model on the restored catalog (on single draws, where it holds
/// draws) and keeps it in RUN/diffusion; Ctrl-C saves and stops, and the same command continues. Later
/// calls draw from the trained model. Spectra are in normalised flux, without redshifts; images are in
/// the units of the observations.
#[derive(Debug, Args)]
pub struct Generate {
    /// Run folder that `selfsi train` wrote.
    run: PathBuf,
    /// File to write: .fits or .h5.
    #[arg(short, long, visible_alias = "outfile")]
    out: PathBuf,
    /// How many samples to draw. Sample k depends on --seed and k alone.
    #[arg(short, long, default_value_t = 1000)]
    ntargets: usize,
    /// Restored catalog to train on [default: the only RUN/restored*.fits, or .h5].
    #[arg(long, value_name = "CATALOG")]
    restored: Option<PathBuf>,
    /// Steps of the sampler [default: diffusion.sampler.steps of the config].
    #[arg(long)]
    steps: Option<usize>,
    /// Train a new model, in place of the one in RUN/diffusion.
    #[arg(long)]
    retrain: bool,
}

impl Generate {
    /// `--set` reaches [diffusion] of the run's config, `--seed` the samples.
    pub fn run(&self, global: &Global) -> Result<()> {
        if self.ntargets == 0 {
            return Err(Error::config(
                "selfsi generate",
                "-n",
                "no samples",
                "give at least 1",
            ));
        }
        at_most("selfsi generate", "-n", self.ntargets, 100_000_000)?;
        let run = Run::open_whole(&self.run)?;
        let mut set = global.set.clone();
        set.extend(self.steps.map(|n| format!("diffusion.sampler.steps={n}")));
        let config = config_of(&run, &set)?;
        let restored = RestoredSamples::open(&run, self.restored.as_deref())?;
        let inputs = config.inputs().into_iter().chain([restored.path()]);
        output::check(&self.out, inputs)?;
        let stop = stop_on_signal()?;
        let job = GenerateJob {
            config: &config,
            restored: &restored,
            out: &self.out,
            count: self.ntargets,
            seed: global.seed.unwrap_or(config.seed),
            retrain: self.retrain,
            device: global.device()?,
            stop: &stop,
            quiet: global.json,
        };
        let mut bar = Progress::new("generating");
        let summary = generate(&run, job, &mut |done, all| bar.show(done, all));
        bar.finish();
        self.report(global, &config.diffusion_or_default(), &summary?)
    }

    fn report(&self, global: &Global, config: &DiffusionConfig, s: &Summary) -> Result<()> {
        let (record, model) = (&s.record, &s.model);
        let losses = model.denoising;
        if global.json {
            return say(serde_json::json!({
                "samples": s.samples,
                "finite": s.finite,
                "sampler": config.sampler,
                "model": {
                    "folder": s.folder,
                    "steps": model.step,
                    "trained_on": record.samples,
                    "training": record.training,
                    "heldout": record.heldout,
                    "clean_fraction": record.clean_fraction,
                    "sigma_data": model.sigma_data,
                    "denoising": losses,
                },
            }));
        }
        let clean = match record.clean_fraction {
            0.0 => String::new(),
            f => format!(", clean data in {f} of each batch"),
        };
        let loss = losses.map_or(String::new(), |l| {
            let heldout = l
                .heldout
                .map_or(String::new(), |h| format!(", {h:.4} on held-out ones"));
            format!("; denoising loss {:.4}{heldout}", l.training)
        });
        say(format!(
            "{}: {} samples, {} flagged\n{}: {} steps on {} of {} restored objects{clean}{loss}",
            self.out.display(),
            s.samples,
            s.samples - s.finite,
            s.folder.display(),
            model.step,
            record.samples,
            record.training,
        ))
    }
}
