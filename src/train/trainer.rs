//! The loop of Algorithm 2: transport, corrupt anew, fit the interpolant; validate, checkpoint.

use super::data::Data;
use super::doubt::Doubt;
use super::estep::{EStep, evaluations, refreshes};
use super::feed::Feed;
use super::known;
use super::pairs::Pairs;
use super::resumed::misfit;
use super::rule::Rule;
use super::run::Run;
use super::start::{self, Beginning};
use super::sure::Sure;
use super::validate::Validator;
use super::warm_start::GaussianPopulation;
use crate::base::memory::caught;
use crate::base::messages::PROGRESS;
use crate::base::random::seed_dropout;
use crate::config::{Config, InterpolantConfig};
use crate::data::Layout;
use crate::fit::Header;
use crate::fit::checkpoint::{State, drop_old, save_state, save_weights};
use crate::fit::log::Log;
use crate::fit::losses::Losses;
use crate::fit::{Adam, learning_rate};
use crate::fit::{Learner, Stride};
use crate::forward;
use crate::forward::ForwardModel;
use crate::nets::{Background, Population, VelocityField};
use crate::ranks::{Place, Ranks};
use crate::transport::Transport;
use crate::{Error, Result};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use tch::{Device, Tensor};

/// Steps between lines of the log: often enough to watch, rare enough not to wait for the device.
const LOG_EVERY: u64 = 20;

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Steps done.
    pub step: u64,
    /// Rule and score of the best validation.
    pub best: Option<(u64, f64)>,
    /// Whether the patience ran out before the steps did.
    pub stopped_early: bool,
}

/// A run in progress.
pub struct Trainer<'a> {
    run: &'a Run,
    data: &'a Data,
    device: Device,
    /// The first one validates, writes and speaks; all hold the same weights.
    ranks: &'a Ranks,
    forward: Box<dyn ForwardModel>,
    transport: Transport,
    learner: Learner,
    /// Weights of Φ in the E-step.
    teacher: Box<dyn VelocityField>,
    estep: EStep,
    /// Since the last line of the log.
    losses: Losses,
    validator: Validator,
    population: Option<GaussianPopulation>,
    /// The known part of the fields, where there is one.
    known: Option<Population>,
    /// Where the path begins, if not at the observations.
    start: Option<Beginning>,
    /// The rule of a run whose posterior's mean is learned, in place of Algorithm 2.
    sure: Option<Sure>,
    best: Option<(u64, f64)>,
    stale: usize,
    /// The validation that belongs to the last step is still to be made.
    unvalidated: bool,
}

impl<'a> Trainer<'a> {
    /// At step 0, or, with `resume`, where the newest checkpoint left off, on whatever number of
    /// `ranks`.
    ///
    /// # Errors
    /// [`Error::Run`] if a checkpoint does not fit the config; as [`forward::build`].
    pub fn new(
        run: &'a Run,
        data: &'a Data,
        device: Device,
        resume: bool,
        ranks: &'a Ranks,
    ) -> Result<Self> {
        let config = run.config();
        let known = (config.network.gaussian())
            .then(|| known_of(run, data))
            .transpose()?;
        let background = known.as_ref().map(|p| run.background(p, device));
        let other = background.as_ref().map(Background::shallow_clone);
        let (live, teacher) = (
            run.network(&data.layout, background, device)?,
            run.network(&data.layout, other, device)?,
        );
        let mut forward = forward::build(&config.forward, &data.layout, device)?;
        data.check_latents(&config.forward, &*forward, &config.survey.prepared)?;
        forward.take_psfs(&data.psfs(device)?);
        let transport = Transport::new(
            &config.interpolant,
            &config.transport,
            config.network.noise_input(),
        );
        transport.check_noise(&data.layout)?;
        let mut e_step = transport.with_epsilon(config.train.epsilon);
        e_step.check_noise(&data.layout)?;
        let start = start_of(run, data, &*forward)?;
        if let Some(start) = &start {
            e_step = e_step.from(start.start(config, &data.layout, device)?);
        }
        let mut trainer = Self {
            run,
            data,
            device,
            ranks,
            forward,
            transport: e_step,
            learner: Learner::new(live),
            estep: EStep::default(),
            losses: Losses::default(),
            validator: Validator::new(data, config.seed, config.train.batch)?,
            population: None,
            known,
            start,
            sure: (config.interpolant.is_sure())
                .then(|| Sure::new(run, data, device))
                .transpose()?,
            teacher,
            best: None,
            stale: 0,
            unvalidated: false,
        };
        if resume && let Some(path) = run.newest() {
            trainer.restore(&path)?;
            drop_old(&run.checkpoints());
        }
        Ok(trainer)
    }

    fn restore(&mut self, path: &std::path::Path) -> Result<()> {
        log::debug!("continuing from {}", path.display());
        let checkpoint = self.run.seal()?.open_weights(path)?;
        let header = &checkpoint.header;
        let learner = &mut self.learner;
        let state = checkpoint.state(learner.network.params(), self.device)?;
        let train = &self.run.config().train;
        if let Some(problem) = misfit(header, &state, train, &self.data.heldout.flux) {
            let fix = "use another checkpoint or train again";
            return Err(Error::run(path, format!("{problem}: damaged"), fix));
        }
        learner.network.params().set_flat(&state.weights);
        self.teacher.params().set_flat(&state.teacher);
        learner.averaged = state.averaged;
        self.validator.last = state.restored;
        self.losses = Losses::recorded(&header.losses, self.device);
        learner.adam = Adam {
            first: state.adam_first,
            second: state.adam_second,
            step: header.step,
        };
        (self.best, self.stale) = (header.best, header.stale);
        self.unvalidated = header.unvalidated;
        if let Some(x0) = &state.pool {
            let mut feed = self.feed();
            let mut batch = |step| feed.batch(step);
            self.estep = EStep::restored(&self.rule(), &header.pool, x0, &mut batch)?;
        }
        Ok(())
    }

    /// This rank's share of the observations of each step.
    fn feed(&self) -> Feed<'a> {
        let config = self.config();
        let batch = config.train.batch;
        let share = self.ranks.share(batch as i64);
        let feed = Feed::new(&self.data.training, config.seed, batch).of(share);
        // What is learned from recorded observations alone sees their redshifts' errors as they are.
        if !config.network.redshift_input() || self.sure.is_some() {
            return feed;
        }
        feed.doubting(Doubt {
            seed: config.seed,
            scatter: config.network.redshift_scatter(),
        })
    }

    fn config(&self) -> &'a Config {
        self.run.config()
    }

    /// Trains to the end of the schedule, until the patience runs out, or until `stop` is set. The
    /// run folder is made when nothing but the training itself can fail any more.
    ///
    /// # Errors
    /// [`Error::Interrupted`] after `stop`, [`Error::Diverged`] when a loss or the state is not
    /// finite, [`Error::Halted`] when F fails; in all three cases the last good checkpoint is
    /// complete. [`Error::Output`] if the disk is full.
    pub fn train(&mut self, stop: &AtomicBool, quiet: bool) -> Result<Outcome> {
        let config = self.config();
        let t = &config.train;
        if self.learner.adam.step < t.warm_start {
            if !quiet && self.ranks.is_first() {
                log::info!(
                    target: PROGRESS,
                    "warm start: learning the Gaussian population behind the observations"
                );
            }
            self.population = Some(self.ranks.agree(GaussianPopulation::of(
                config,
                self.data,
                self.device,
            ))?);
        }
        let mut log = self.ranks.on_first(|| {
            self.run.create()?;
            if let Some(known) = &self.known {
                known::write(&self.run.population(), self.run.seal()?, known)?;
            }
            if let Some(start) = &self.start {
                start::write(&self.run.start(), self.run.seal()?, start)?;
            }
            if let Some(sure) = &self.sure {
                sure.write(self.run)?;
            }
            Log::open(
                self.run.folder(),
                self.learner.adam.step,
                t.steps,
                t.batch,
                quiet,
            )
        })?;
        let sky = self.sure.as_ref().and_then(|s| s.sky(self.config()));
        if let Some((log, words)) = log.as_ref().zip(sky) {
            log.say(&words);
        }
        let mut feed = self.feed();
        while self.unvalidated || (self.learner.adam.step < t.steps && !self.patience_over()) {
            if !self.unvalidated {
                self.one_step(&mut feed, &mut log)?;
            }
            let done = self.learner.adam.step;
            let due = |every: u64| done.is_multiple_of(every) || done == t.steps;
            if self.unvalidated {
                self.validate(&mut log)?;
            }
            let stopping = self.ranks.any(stop.load(Ordering::Relaxed));
            if stopping {
                self.check_finite()?;
            }
            if due(t.checkpoint_every) || self.patience_over() || stopping {
                let path = self.save()?;
                if stopping && done < t.steps {
                    log.iter().for_each(Log::finish);
                    return self.ranks.agree(Err(Error::Interrupted {
                        step: done,
                        checkpoint: path,
                    }));
                }
            }
        }
        if let Some(log) = &log {
            if self.patience_over() {
                log.say(&format!(
                    "step {}: no better validation in the last {}; stopping",
                    self.learner.adam.step, t.patience
                ));
            }
            log.finish();
        }
        Ok(Outcome {
            step: self.learner.adam.step,
            best: self.best,
            stopped_early: self.learner.adam.step < t.steps,
        })
    }

    /// One optimiser step with its line in the log. Where F or the memory fails, the state of before is saved.
    fn one_step(&mut self, feed: &mut Feed<'_>, log: &mut Option<Log>) -> Result<()> {
        let t = &self.config().train;
        let step = self.learner.adam.step;
        if let Err(problem) = self.descend(step, feed) {
            return Err(self.halted(problem));
        }
        let done = self.learner.adam.step;
        let due = |every: u64| done.is_multiple_of(every) || done == t.steps;
        if [LOG_EVERY, t.checkpoint_every, t.validate_every]
            .map(due)
            .contains(&true)
        {
            self.check_finite()?;
            let mean = self.losses.take_mean();
            let cost = evaluations(t, &self.transport, done);
            let rate = self.rate(step);
            self.note(log, |log| log.progress(done, mean, rate, Some(cost)))?;
        }
        self.unvalidated = due(t.validate_every);
        Ok(())
    }

    /// Writes into the log, which the first rank has.
    fn note(
        &self,
        log: &mut Option<Log>,
        write: impl FnOnce(&mut Log) -> Result<()>,
    ) -> Result<()> {
        self.ranks.agree(log.as_mut().map_or(Ok(()), write))
    }

    /// Saves the state of the last whole step, if it is one to continue from.
    fn halted(&self, problem: Error) -> Error {
        match self.check_finite().and_then(|()| self.save()) {
            Ok(checkpoint) => Error::Halted {
                step: self.learner.adam.step,
                checkpoint,
                problem: Box::new(problem),
            },
            Err(e) => e,
        }
    }

    /// One optimiser step; the loss stays on the device.
    fn descend(&mut self, step: u64, feed: &mut Feed<'_>) -> Result<()> {
        let t = &self.config().train;
        let found = match &self.sure {
            Some(sure) => caught(|| {
                let portions = sure.portions(&feed.batch(step)?, self.place(), step)?;
                let blur = sure.blur();
                (self.learner).gradient(portions, |n, p| Ok(p.loss(n, blur, step)))
            }),
            None => self.pairs(step, feed).and_then(|pairs| {
                seed_dropout(self.config().seed, self.place().index(2 * step));
                caught(|| {
                    let (rule, learner) = (self.rule(), &self.learner);
                    let portions = rule.portions(&pairs, step)?;
                    learner.gradient(portions, |n, p| rule.loss(n, p, step))
                })
            }),
        };
        let (loss, gradient) = self.ranks.agree(found)?;
        let stride = Stride {
            rate: self.rate(step),
            clip: t.clip,
            ema: t.ema,
        };
        let mean = self.ranks.mean(gradient, loss, t.batch as i64);
        let (gradient, loss) = self.ranks.agree(mean)?;
        self.learner.follow(&gradient, stride);
        self.losses.push(&loss);
        Ok(())
    }

    /// What the interpolant is fitted to in this step.
    fn pairs(&mut self, step: u64, feed: &mut Feed<'_>) -> Result<Pairs> {
        let t = &self.config().train;
        if let (true, Some(population)) = (step < t.warm_start, &self.population) {
            return caught(|| Ok(self.rule().draw(population, &feed.batch(step)?, step)));
        }
        if refreshes(t, step) {
            let weights = if t.ema_teacher {
                self.learner.averaged.shallow_clone()
            } else {
                self.learner.network.params().flat()
            };
            self.teacher.params().set_flat(&weights);
        }
        let mut estep = std::mem::take(&mut self.estep);
        let mut batch = |step| feed.batch(step);
        let (rule, teacher) = (self.rule(), self.teacher.as_ref());
        let pairs = caught(|| estep.pairs(&rule, teacher, step, &mut batch));
        self.estep = estep;
        pairs
    }

    fn rule(&self) -> Rule<'_> {
        let config = self.config();
        Rule {
            forward: self.forward.as_ref(),
            transport: &self.transport,
            train: &config.train,
            noise_known: config.network.noise_input(),
            clean: self.data.clean.as_ref(),
            seed: config.seed,
            place: self.place(),
        }
    }

    fn place(&self) -> Place {
        self.ranks.place(self.config().train.batch as i64)
    }

    fn rate(&self, step: u64) -> f64 {
        let t = &self.config().train;
        learning_rate(step, t.steps, t.warmup, t.learning_rate)
    }

    fn patience_over(&self) -> bool {
        let patience = self.config().train.patience;
        patience > 0 && self.stale >= patience
    }

    fn validate(&mut self, log: &mut Option<Log>) -> Result<()> {
        let frozen = self.teacher.params().flat();
        self.teacher.params().set_flat(&self.learner.averaged);
        let found = self.ranks.on_first(|| {
            let (network, forward) = (self.teacher.as_ref(), self.forward.as_ref());
            caught(|| match &mut self.sure {
                Some(sure) => sure
                    .validate(network, &mut self.validator, forward)
                    .map(|(v, spread)| (v, Some(spread.tensor()))),
                None => (self.validator.run(network, &self.transport, forward)).map(|v| (v, None)),
            })
        });
        self.teacher.params().set_flat(&frozen);
        // Still unvalidated: a resumed run begins with this validation.
        let (v, spread) = found.map_err(|e| self.halted(e))?.unzip();
        let spread = spread.flatten();
        self.unvalidated = false;
        let mut score = [v.as_ref().map_or(f64::NAN, |v| v.score)];
        self.ranks.tell(&mut score);
        let ([score], step) = (score, self.learner.adam.step);
        let better = score.is_finite() && self.best.is_none_or(|(_, s)| score < s);
        if better {
            (self.best, self.stale) = (Some((step, score)), 0);
            self.ranks.on_first(|| {
                let (params, averaged) = (self.learner.network.params(), &self.learner.averaged);
                save_weights(
                    &self.run.best(),
                    &self.header()?,
                    self.run.seal()?.provenance(),
                    params,
                    averaged,
                    spread.as_ref(),
                )
            })?;
        } else {
            self.stale += 1;
        }
        self.note(log, |log| {
            v.map_or(Ok(()), |v| log.validation(step, &v, better))
        })
    }

    fn header(&self) -> Result<Header> {
        Ok(Header {
            step: self.learner.adam.step,
            config_sha256: self.run.seal()?.config().to_owned(),
            best: self.best,
            stale: self.stale,
            unvalidated: self.unvalidated,
            losses: self.losses.to_vec()?,
            pool: self.estep.steps(),
        })
    }

    fn state(&self) -> State {
        State {
            weights: self.learner.network.params().flat(),
            averaged: self.learner.averaged.shallow_clone(),
            adam_first: self.learner.adam.first.shallow_clone(),
            adam_second: self.learner.adam.second.shallow_clone(),
            teacher: self.teacher.params().flat(),
            restored: self.validator.last.as_ref().map(Tensor::shallow_clone),
            pool: None,
        }
    }

    /// Writes a checkpoint, which does not tell on how many ranks it was made. Its path on the first.
    fn save(&self) -> Result<PathBuf> {
        let rows = self.config().train.batch as i64;
        let batches = self.estep.steps().len() as i64;
        let whole = |x0| {
            let joined = self.ranks.joined(x0, batches, rows);
            self.ranks.agree(joined)
        };
        let state = State {
            pool: self.estep.transported().map(whole).transpose()?,
            ..self.state()
        };
        let path = self.ranks.on_first(|| {
            let (folder, params) = (self.run.checkpoints(), self.learner.network.params());
            let provenance = self.run.seal()?.provenance();
            save_state(&folder, &self.header()?, provenance, params, &state)
        })?;
        Ok(path.unwrap_or_default())
    }

    /// Looks at the losses and at all that a checkpoint would hold.
    fn check_finite(&self) -> Result<()> {
        let problem = if !self.losses.are_finite() {
            "the loss is not finite"
        } else if !self.state().is_finite() {
            "the weights or their optimiser's state are not finite"
        } else {
            return self.ranks.agree(Ok(()));
        };
        let none = || PathBuf::from("none");
        self.ranks.agree(Err(Error::Diverged {
            step: self.learner.adam.step,
            problem: problem.into(),
            checkpoint: self.run.newest().unwrap_or_else(none),
            fix: "start a new run with a lower train.learning_rate, or check the data with selfsi inspect"
                .into(),
        }))
    }
}

/// Where the path of a run begins, if not at the observations: as its folder holds it, or learned.
fn start_of(run: &Run, data: &Data, forward: &dyn ForwardModel) -> Result<Option<Beginning>> {
    let InterpolantConfig::Posterior { erased } = run.config().interpolant else {
        return Ok(None);
    };
    if run.start().is_file() {
        return start::read(&run.start(), run.seal()?, run.config(), &data.layout).map(Some);
    }
    start::learn(run.config(), data, forward, erased).map(Some)
}

/// The Gaussian population of a run: as its folder holds it, or learned.
fn known_of(run: &Run, data: &Data) -> Result<Population> {
    match &data.layout {
        Layout::Spectra { grid, .. } if run.population().is_file() => {
            known::read(&run.population(), run.seal()?, grid.pixels)
        }
        _ => known::learn(run.config(), data),
    }
}
