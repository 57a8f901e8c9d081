//! The rows of the two baselines with a diffusion prior.

use super::dps::Dps;
use super::em;
use super::em::Rounds;
use super::gaussian::Gaussian;
use super::linear::Linear;
use super::posterior::Posterior;
use super::prior::{Fit, Prior};
use super::settings::Settings;
use crate::Result;
use crate::base::cpu;
use crate::base::random::{Purpose, Rows, derive};
use crate::base::tensors::{matrix, tensor};
use crate::evaluate::{Answer, Baseline, Observed, Sampled, Sampling};
use crate::population::Moments;
use crate::train::{Observable, Observations};
use ndarray::Array2;
use tch::{Device, Kind, Tensor};

/// Fewest clean objects to train a prior on, observations to learn one from, objects to tune on.
const LEAST: (usize, usize) = (16, 4);
const BATCH: i64 = 64;
const RATE: f64 = 1e-3;
/// Strengths ζ of the guidance that DPS chooses from.
const STRENGTHS: [f64; 7] = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];

/// The rows "DPS" and "EM with posterior sampling" for the scored observations, those of them that are
/// asked for: one draw of each object. Where a channel is not linear with Gaussian noise there are none, and
/// a note says why.
///
/// # Errors
/// [`crate::Error::Torch`] if numbers cannot be brought to the host.
pub(super) fn with_prior(
    task: &Sampling,
    settings: &Settings,
    device: Device,
    say: &dyn Fn(&str),
) -> Result<Answer> {
    let [dps, em] = [Baseline::Dps, Baseline::EmPosterior].map(|b| settings.methods.contains(&b));
    if !dps && !em {
        return Ok(Answer::default());
    }
    let channel = match Linear::new(task.forward, &task.layout, device) {
        Ok(channel) => channel,
        Err(why) => return Ok(left_out("DPS and EM with posterior sampling", &why)),
    };
    let mut answer = Answer::default();
    let work = Work {
        task,
        settings,
        channel: &channel,
        scored: on_device(&task.scored, device),
        device,
        say,
    };
    if dps {
        answer.extend(work.dps()?);
    }
    if em {
        answer.extend(work.em()?);
    }
    if !answer.rows.is_empty() && !channel.ignored().is_empty() {
        answer.notes.push(format!(
            "In the linear channel of DPS and EM, {}",
            channel.ignored().join(", ")
        ));
    }
    Ok(answer)
}

struct Work<'a> {
    task: &'a Sampling<'a>,
    settings: &'a Settings,
    channel: &'a Linear,
    scored: Observations,
    device: Device,
    say: &'a dyn Fn(&str),
}

impl Work<'_> {
    fn dps(&self) -> Result<Answer> {
        let begun = cpu::seconds();
        let (tuning, truth) = &self.task.tuning;
        let clean = &self.task.clean;
        if clean.nrows() < LEAST.0 || truth.nrows() < LEAST.1 {
            let why = format!(
                "only {} clean objects are not scored (give a smaller --most)",
                clean.nrows() + truth.nrows()
            );
            return Ok(left_out("DPS", &why));
        }
        let clean = tensor(clean, self.device);
        let prior = match Prior::new(&self.task.layout, &clean, self.seed(0)) {
            Ok(prior) => prior,
            Err(why) => return Ok(left_out("DPS", &why)),
        };
        let steps = self.settings.training;
        (self.say)("DPS: training its prior on clean data");
        prior.fit(&clean, self.fit(steps, 1));
        let dps = Dps {
            prior: &prior,
            channel: self.channel,
            steps: self.settings.dps_steps,
        };
        (self.say)("DPS: tuning its strength, sampling");
        let tuning = on_device(tuning, self.device);
        let truth = tensor(truth, self.device);
        let zeta = dps.best(&tuning, &truth, &STRENGTHS, &self.rows(2, tuning.len()));
        let draws = dps.draw(&self.scored, zeta, &self.rows(3, self.scored.len()));
        let note = format!(
            "DPS: a diffusion prior ({} weights, {steps} steps of {BATCH}) trained on {} clean objects and guided by the \
             gradient of F, {} steps, one draw; its strength ζ = {zeta} is the best of {} on the truth of {} others, \
             which flatters it",
            prior.weights(),
            clean.size()[0],
            self.settings.dps_steps,
            STRENGTHS.len(),
            tuning.len(),
        );
        self.answer(
            Baseline::Dps,
            "DPS (clean data, gradient of F)",
            (&draws, begun),
            note,
        )
    }

    fn em(&self) -> Result<Answer> {
        let begun = cpu::seconds();
        let observed = on_device(&self.task.learning, self.device);
        if observed.len() < LEAST.0 as i64 {
            let why = format!(
                "there are only {} observations to learn from",
                observed.len()
            );
            return Ok(left_out("EM with posterior sampling", &why));
        }
        let (gaussian, diffusion) = self.settings.rounds;
        let each = (self.settings.training / diffusion.max(1)).max(1);
        let rounds = Rounds {
            gaussian: if self.task.moments.is_some() {
                0
            } else {
                gaussian
            },
            diffusion,
            fit: self.fit(each, 4),
            steps: self.settings.em_steps,
            iterations: self.settings.iterations,
        };
        (self.say)("EM with posterior sampling: learning its prior from the observations");
        let start = self.start(observed.flux.size()[1]);
        let found = match em::learn(start, self.channel, &observed, &self.task.layout, &rounds) {
            Ok(found) => found,
            Err(why) => return Ok(left_out("EM with posterior sampling", &why)),
        };
        let posterior = Posterior {
            prior: &found.prior,
            shape: &found.gaussian,
            channel: self.channel,
            steps: rounds.steps,
            iterations: rounds.iterations,
        };
        (self.say)("EM with posterior sampling: sampling");
        let draws = posterior.draw(&self.scored, &self.rows(5, self.scored.len()));
        let note = format!(
            "EM with posterior sampling: a diffusion prior ({} weights) from {} observations, {} Gaussian rounds and {} \
             rounds of {each} steps of {BATCH}; A, its transpose and the covariance of the noise are known to it; {} \
             steps of Heun with {} conjugate gradients per evaluation, a Gaussian for the prior's covariance, one draw",
            found.prior.weights(),
            observed.len(),
            rounds.gaussian,
            rounds.diffusion,
            rounds.steps,
            rounds.iterations,
        );
        self.answer(
            Baseline::EmPosterior,
            "EM with posterior sampling (observations alone)",
            (&draws, begun),
            note,
        )
    }

    /// What the observations tell of the population in closed form, or white noise of variance 1.
    fn start(&self, pixels: i64) -> Gaussian {
        let options = (Kind::Float, self.device);
        match self.task.moments {
            Some(Moments {
                mean, covariance, ..
            }) => {
                let mean: Vec<f32> = mean.iter().map(|v| *v as f32).collect();
                let covariance: Array2<f32> = covariance.mapv(|v| v as f32);
                let mean = Tensor::from_slice(&mean)
                    .unsqueeze(0)
                    .to_device(self.device);
                Gaussian::new(&mean, &tensor(&covariance, self.device))
            }
            None => Gaussian::new(
                &Tensor::zeros([1, pixels], options),
                &Tensor::eye(pixels, options),
            ),
        }
    }

    fn answer(
        &self,
        baseline: Baseline,
        name: &str,
        (draws, begun): (&Tensor, f64),
        note: String,
    ) -> Result<Answer> {
        let values = matrix(draws)?;
        if values.iter().any(|v| !v.is_finite()) {
            return Ok(left_out(name, "its draws are not finite"));
        }
        let name = name.to_owned();
        Ok(Answer {
            rows: vec![Sampled {
                baseline,
                name,
                values,
                draws: None,
                cpu_s: cpu::seconds() - begun,
            }],
            notes: vec![note],
        })
    }

    fn fit(&self, steps: u64, purpose: u64) -> Fit {
        Fit {
            steps,
            batch: BATCH,
            rate: RATE,
            seed: self.seed(purpose),
        }
    }

    fn rows(&self, purpose: u64, n: i64) -> Rows {
        Rows::range(self.seed(purpose), Purpose::Baselines, 0, n, self.device)
    }

    fn seed(&self, purpose: u64) -> u64 {
        derive(self.task.seed, Purpose::Baselines, purpose)
    }
}

pub(super) fn left_out(what: &str, why: &str) -> Answer {
    Answer {
        rows: Vec::new(),
        notes: vec![format!("Left out: {what}, because {why}")],
    }
}

fn on_device(observed: &Observed, device: Device) -> Observations {
    match observed {
        Observed::Spectra(block) => block.observations(device),
        Observed::Images(block) => block.observations(device),
    }
}
