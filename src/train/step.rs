//! One step of Algorithm 2, and of the warm start before it.

use super::clean::Clean;
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
    /// Clean data that stand in for a part of each batch.
    pub clean: Option<&'a Clean>,
    pub seed: u64,
}

/// Clean spectra with the observations they came from: what the interpolant is fitted to.
#[derive(Debug)]
pub struct Pairs {
    /// [B, D], each serving as often as `resamplings` says.
    x0: Tensor,
    /// The recorded observations of the same rows; none in the warm start.
    recorded: Option<Tensor>,
    /// How many of the leading rows are clean data, for which the recorded ones say nothing.
    clean: i64,
    latent: Latent,
}

impl Step<'_> {
    /// E-step: x = Φ(y) with the teacher's weights, without gradient; `step` seeds it.
    pub fn transport(&self, teacher: &dyn VelocityField, batch: &Observations, step: u64) -> Pairs {
        let device = batch.flux.device();
        let rows = |purpose| Rows::range(self.seed, purpose, step, batch.len(), device);
        let y = batch.filled(&rows(Purpose::MaskFill));
        let clean = self.clean_rows(step, &y, batch.len());
        let (n, rest) = (clean.size()[0], batch.len() - clean.size()[0]);
        // The source runs the live weights with dropout on, averaged ones in evaluation mode.
        let dropout = !self.train.ema_teacher && self.train.refresh == 1;
        let x = self.transport.run(
            teacher,
            &y.narrow(0, n, rest),
            &batch.latent.narrow(n, rest),
            &rows(Purpose::Transport).narrow(n, rest),
            dropout,
        );
        let repeat = |t: &Tensor| t.repeat_interleave_self_int(self.copies(), 0, None);
        Pairs {
            x0: repeat(&Tensor::cat(&[clean, x], 0)),
            recorded: Some(repeat(&y)),
            clean: n * self.copies(),
            latent: batch.latent.repeat(self.copies()),
        }
    }

    /// Draws from `population` in place of transported observations.
    pub fn draw(&self, population: &GaussianPopulation, batch: &Observations, step: u64) -> Pairs {
        let n = batch.len() * self.copies();
        let rows = Rows::range(self.seed, Purpose::WarmStart, step, n, batch.flux.device());
        let clean = self.clean_rows(step, &batch.flux, n);
        let k = clean.size()[0];
        Pairs {
            x0: Tensor::cat(&[clean, population.draw(&rows.narrow(k, n - k))], 0),
            recorded: None,
            clean: k,
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
            clean,
            latent,
        } = pairs;
        let rows = |purpose| Rows::range(self.seed, purpose, step, x0.size()[0], x0.device());
        let (fresh, drawn) = self.forward.observe(x0, latent, &rows(Purpose::Forward))?;
        let random = rows(Purpose::Interpolant);
        let (x1, latent) = match recorded {
            None => (fresh, drawn),
            Some(y) => {
                let keep = random.uniform(0, 1).lt(self.train.mix);
                let _ = keep.narrow(0, 0, *clean).fill_(1);
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

    /// Clean data for the leading rows of a batch like `of` [B, D]: [n, D], n = 0 where there are none.
    fn clean_rows(&self, step: u64, of: &Tensor, batch: i64) -> Tensor {
        match self.clean {
            Some(clean) => clean.draw(self.seed, step, clean.count(self.seed, step, batch)),
            None => of.narrow(0, 0, 0),
        }
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
