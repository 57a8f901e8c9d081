//! Training of a diffusion model on restored samples.

use super::edm::{Edm, Portion, portions};
use super::model::{checkpoints, network};
use super::record::ModelRecord;
use super::state;
use super::state::{Header, State};
use crate::base::random::{Purpose, Rows, derive, seed_dropout};
use crate::base::workers;
use crate::config::{Config, DiffusionConfig};
use crate::data::Layout;
use crate::fit::checkpoint::{drop_old, newest};
use crate::fit::log::Log;
use crate::fit::losses::Losses;
use crate::fit::{Adam, Denoising, Learner, Sampler, Stride, learning_rate};
use crate::nets::Pass;
use crate::train::Clean;
use crate::{Error, Result};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use tch::{Device, Tensor, no_grad};

/// Steps between lines of the log.
const LOG_EVERY: u64 = 20;
/// Samples of either kind that the losses of [`Denoising`] are measured on, at most.
pub const MEASURED: usize = 512;
/// Number of the random stream of that measurement: no step has it.
const MEASUREMENT: u64 = u64::MAX;

/// What a model is trained on: complete, clean and normalised.
#[derive(Debug)]
pub struct Samples {
    /// What the D values of a row are.
    pub layout: Layout,
    /// [N, D].
    pub training: Tensor,
    /// Kept aside, [M, D], at most [`MEASURED`]; M may be 0.
    pub heldout: Tensor,
    /// Clean data that stand in for a part of each batch.
    pub clean: Option<Clean>,
}

/// A model in training.
pub struct DiffusionTrainer<'a> {
    folder: PathBuf,
    record_sha256: String,
    config: DiffusionConfig,
    seed: u64,
    samples: &'a Samples,
    device: Device,
    learner: Learner,
    edm: Edm,
    /// Since the last line of the log.
    losses: Losses,
    denoising: Option<Denoising>,
}

impl<'a> DiffusionTrainer<'a> {
    /// Where the newest checkpoint in `folder` left off, or at step 0.
    ///
    /// # Errors
    /// [`Error::Run`] if a checkpoint is of another model than `record`'s, [`Error::Config`] if the
    /// network does not fit the samples.
    pub fn new(
        folder: &Path,
        record: &ModelRecord,
        config: &Config,
        samples: &'a Samples,
        device: Device,
    ) -> Result<Self> {
        let network = network(config, &samples.layout, device)?;
        let mut trainer = Self {
            folder: folder.to_path_buf(),
            record_sha256: record.sha256(),
            config: config.diffusion_or_default(),
            seed: derive(config.seed, Purpose::Diffusion, 0),
            samples,
            device,
            learner: Learner::new(network),
            edm: Edm::of(&samples.training),
            losses: Losses::default(),
            denoising: None,
        };
        if let Some(path) = newest(&checkpoints(folder)) {
            trainer.restore(&path)?;
            drop_old(&checkpoints(folder));
        }
        Ok(trainer)
    }

    fn restore(&mut self, path: &Path) -> Result<()> {
        let saved = state::open(path, &self.record_sha256)?;
        let learner = &mut self.learner;
        let state = state::state(&saved, learner.network.params(), self.device)?;
        learner.network.params().set_flat(&state.weights);
        (learner.averaged, learner.adam) = (state.averaged, state.adam);
        self.edm = state::edm(path, &saved, self.device)?;
        self.losses = Losses::recorded(&saved.header.losses, self.device);
        self.denoising = saved.header.denoising;
        Ok(())
    }

    /// Trains to the end, or until `stop` is set.
    ///
    /// # Errors
    /// [`Error::Stopped`] after `stop`: the checkpoint is complete; [`Error::Diverged`] when a loss or
    /// the weights are not finite; [`Error::Output`] if the disk is full.
    pub fn train(&mut self, stop: &AtomicBool, quiet: bool) -> Result<()> {
        let (steps, batch) = (self.config.steps, self.config.batch);
        let mut log = Log::open(&self.folder, self.learner.adam.step, steps, batch, quiet)?;
        let mut sampler = Sampler::new(self.seed, self.samples.training.size()[0], batch);
        while self.learner.adam.step < steps {
            let step = self.learner.adam.step;
            self.descend(step, &mut sampler);
            let done = self.learner.adam.step;
            let due = |every: u64| done.is_multiple_of(every) || done == steps;
            let checkpoint = due(self.config.checkpoint_every);
            if due(LOG_EVERY) || checkpoint {
                self.check_finite()?;
                log.progress(done, self.losses.take_mean(), self.rate(step), None)?;
            }
            if checkpoint {
                let found = self.measure();
                self.denoising = Some(found);
                log.denoising(done, found)?;
                self.save()?;
            } else if stop.load(Ordering::Relaxed) {
                self.check_finite()?;
                self.save()?;
            }
            if stop.load(Ordering::Relaxed) && done < steps {
                log.finish();
                return Err(Error::stopped(
                    &self.folder,
                    format!("stopped at step {done} by a signal; the checkpoint is complete"),
                    "give the same command again to continue",
                ));
            }
        }
        log.finish();
        Ok(())
    }

    /// One optimiser step; the loss stays on the device.
    fn descend(&mut self, step: u64, sampler: &mut Sampler) {
        let x0 = self.batch(step, sampler);
        seed_dropout(self.seed, step);
        let pass = Pass {
            dropout: true,
            phase: step,
            ..Pass::default()
        };
        let (portions, edm) = (self.portions(&x0, step), &self.edm);
        let stride = Stride {
            rate: self.rate(step),
            clip: self.config.clip,
            ema: self.config.ema,
        };
        let Ok(loss) = (self.learner).descend(
            portions,
            |network, rows| Ok::<_, Infallible>(edm.part_of_loss(network, &rows, pass)),
            stride,
        );
        self.losses.push(&loss);
    }

    /// Samples [B, D] of a step, clean data in their leading rows.
    fn batch(&self, step: u64, sampler: &mut Sampler) -> Tensor {
        let rows = Tensor::from_slice(&sampler.rows(step)).to_device(self.device);
        let restored = self.samples.training.index_select(0, &rows);
        let Some(clean) = &self.samples.clean else {
            return restored;
        };
        let batch = restored.size()[0];
        let n = clean.count(self.seed, step, batch);
        let clean = clean.draw(self.seed, step, n);
        Tensor::cat(&[clean, restored.narrow(0, n, batch - n)], 0)
    }

    /// Samples `x0` [B, D] with noise levels and noise of the stream `step`.
    fn portions(&self, x0: &Tensor, step: u64) -> Vec<Portion> {
        let (b, d) = (x0.size()[0], x0.size()[1]);
        let random = Rows::range(self.seed, Purpose::Diffusion, step, b, self.device);
        let sigma = (random.normal(0, 1) * self.config.p_std + self.config.p_mean).exp();
        portions(x0, &random.normal(1, d), &sigma)
    }

    /// The losses of the averaged weights.
    fn measure(&self) -> Denoising {
        let params = self.learner.network.params();
        let live = params.flat();
        params.set_flat(&self.learner.averaged);
        let loss = |x: &Tensor| {
            let x = x.narrow(0, 0, x.size()[0].min(MEASURED as i64));
            let (network, pass) = (self.learner.network.as_ref(), Pass::default());
            let edm = &self.edm;
            let parts = workers::each(self.portions(&x, MEASUREMENT), |p| {
                no_grad(|| edm.part_of_loss(network, &p, pass))
            });
            parts.iter().map(|l| l.double_value(&[])).sum()
        };
        let heldout = &self.samples.heldout;
        let found = Denoising {
            training: loss(&self.samples.training),
            heldout: (heldout.size()[0] > 0).then(|| loss(heldout)),
        };
        params.set_flat(&live);
        found
    }

    fn rate(&self, step: u64) -> f64 {
        let c = &self.config;
        learning_rate(step, c.steps, c.warmup, c.learning_rate)
    }

    fn save(&self) -> Result<PathBuf> {
        let header = Header {
            step: self.learner.adam.step,
            record_sha256: self.record_sha256.clone(),
            sigma_data: self.edm.sigma_data,
            denoising: self.denoising,
            losses: self.losses.to_vec()?,
        };
        let folder = checkpoints(&self.folder);
        let params = self.learner.network.params();
        state::save(&folder, &header, params, &self.state(), &self.edm)
    }

    fn state(&self) -> State {
        State {
            weights: self.learner.network.params().flat(),
            averaged: self.learner.averaged.shallow_clone(),
            adam: Adam {
                first: self.learner.adam.first.shallow_clone(),
                second: self.learner.adam.second.shallow_clone(),
                step: self.learner.adam.step,
            },
        }
    }

    fn check_finite(&self) -> Result<()> {
        let finite = self.learner.averaged.isfinite().all().int64_value(&[]) != 0;
        let problem = if !self.losses.are_finite() {
            "the loss of the diffusion model is not finite"
        } else if !finite {
            "the weights of the diffusion model are not finite"
        } else {
            return Ok(());
        };
        let newest = newest(&checkpoints(&self.folder));
        Err(Error::Diverged {
            step: self.learner.adam.step,
            problem: problem.into(),
            checkpoint: newest.unwrap_or_else(|| PathBuf::from("none")),
            fix: "give --retrain with a lower --set diffusion.learning_rate".into(),
        })
    }
}
