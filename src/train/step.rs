//! One step of Algorithm 2, and of the warm start before it.

use super::data::Observations;
use super::warm_start::GaussianPopulation;
use crate::Result;
use crate::config::TrainConfig;
use crate::forward::{ForwardModel, Latent};
use crate::interpolant::loss;
use crate::nets::{Pass, VelocityField};
use crate::random::{Purpose, Rows};
use crate::transport::Transport;
use tch::Tensor;

/// What stays the same from step to step.
pub struct Step<'a> {
    pub forward: &'a dyn ForwardModel,
    pub transport: &'a Transport,
    pub train: &'a TrainConfig,
    /// Whether the network is told the noise level of each pixel.
    pub noise_known: bool,
    pub seed: u64,
}

/// Clean spectra with the observations they came from: what the interpolant is fitted to.
#[derive(Debug)]
pub struct Pairs {
    /// [B, D], each serving as often as `resamplings` says.
    x0: Tensor,
    /// The recorded observations of the same rows; none in the warm start.
    recorded: Option<Tensor>,
    latent: Latent,
}

impl Step<'_> {
    /// E-step: x = Φ(y) with the teacher's weights, without gradient; `step` seeds it.
    pub fn transport(&self, teacher: &dyn VelocityField, batch: &Observations, step: u64) -> Pairs {
        let device = batch.flux.device();
        let rows = |purpose| Rows::range(self.seed, purpose, step, batch.len(), device);
        let y = batch.filled(&rows(Purpose::MaskFill));
        // The source runs the live weights with dropout on, averaged ones in evaluation mode.
        let dropout = !self.train.ema_teacher && self.train.refresh == 1;
        let x = self.transport.run(
            teacher,
            &y,
            &batch.latent,
            &rows(Purpose::Transport),
            dropout,
        );
        let repeat = |t: &Tensor| t.repeat_interleave_self_int(self.copies(), 0, None);
        Pairs {
            x0: repeat(&x),
            recorded: Some(repeat(&y)),
            latent: batch.latent.repeat(self.copies()),
        }
    }

    /// Draws from `population` in place of transported observations.
    pub fn draw(&self, population: &GaussianPopulation, batch: &Observations, step: u64) -> Pairs {
        let n = batch.len() * self.copies();
        let rows = Rows::range(self.seed, Purpose::WarmStart, step, n, batch.flux.device());
        Pairs {
            x0: population.draw(&rows),
            recorded: None,
            latent: batch.latent.repeat(self.copies()),
        }
    }

    /// Loss of the interpolant between x and fresh (or, with probability 1 − p, the recorded)
    /// observations.
    ///
    /// # Errors
    /// As [`ForwardModel::observe`].
    pub fn loss(&self, field: &dyn VelocityField, pairs: &Pairs, step: u64) -> Result<Tensor> {
        let Pairs {
            x0,
            recorded,
            latent,
        } = pairs;
        let rows = |purpose| Rows::range(self.seed, purpose, step, x0.size()[0], x0.device());
        let (fresh, drawn) = self.forward.observe(x0, latent, &rows(Purpose::Forward))?;
        let random = rows(Purpose::Interpolant);
        let (x1, latent) = match recorded {
            None => (fresh, drawn),
            Some(y) => {
                let keep = random.uniform(0, 1).lt(self.train.mix);
                (fresh.where_self(&keep, y), drawn.or_else(&keep, latent))
            }
        };
        let t = random.uniform(1, 1);
        let sample = self
            .transport
            .interpolant
            .sample(&t, x0, &x1, &latent, || random.normal(2, x0.size()[1]));
        let pass = Pass {
            dropout: true,
            phase: step,
        };
        Ok(loss(
            &field.fields(&t, &sample.point, &latent, pass),
            &sample,
            &self.weight(&latent),
        ))
    }

    fn copies(&self) -> i64 {
        self.train.resamplings as i64
    }

    /// 1/scale² for each pixel, so that noisy ones do not drown the others. Only where the network
    /// is told σ: otherwise the weight would shift the conditional expectation.
    fn weight(&self, latent: &Latent) -> Tensor {
        if self.noise_known {
            latent.scale().square().reciprocal()
        } else {
            latent.sigma.ones_like()
        }
    }
}
