//! One step of Algorithm 2, and of the warm start before it.

use super::clean::Clean;
use super::growth::path;
use super::observations::Observations;
use super::pairs::Pairs;
use super::warm_start::GaussianPopulation;
use crate::Result;
use crate::base::random::{Purpose, Rows};
use crate::base::workers;
use crate::config::TrainConfig;
use crate::forward::{ForwardModel, Latent};
use crate::interpolant::loss;
use crate::nets::{Pass, VelocityField};
use crate::ranks::Place;
use crate::transport::Transport;
use std::ops::Range;
use tch::{Kind, Tensor};

/// What stays the same from step to step.
pub struct Rule<'a> {
    /// F.
    pub forward: &'a dyn ForwardModel,
    /// Φ, as the E-step integrates it.
    pub transport: &'a Transport,
    /// `[train]`.
    pub train: &'a TrainConfig,
    /// Whether the network is told the noise level of each pixel.
    pub noise_known: bool,
    /// Clean data that stand in for a part of each batch.
    pub clean: Option<&'a Clean>,
    /// Of all that a step draws.
    pub seed: u64,
    /// Which rows of the whole batch the rows at hand are.
    pub place: Place,
}

/// Some rows of a batch.
#[derive(Debug)]
pub struct Portion {
    pairs: Pairs,
    /// What F makes of them, where it takes whole batches.
    fresh: Option<(Tensor, Latent)>,
    /// The random streams of F and of all else.
    channel: Rows,
    random: Rows,
    /// The part of the batch that they are.
    share: f64,
}

impl Rule<'_> {
    /// E-step: x = Φ(y) with the teacher's weights, without gradient, each x for `resamplings` rows;
    /// `step` seeds it.
    pub fn transport(&self, teacher: &dyn VelocityField, batch: &Observations, step: u64) -> Pairs {
        self.transported(teacher, batch, step).repeat(self.copies())
    }

    /// As [`Rule::transport`], each x once.
    pub(super) fn transported(
        &self,
        teacher: &dyn VelocityField,
        batch: &Observations,
        step: u64,
    ) -> Pairs {
        let y = self.filled(batch, step);
        let clean = self.clean_rows(step, &y, self.place);
        let (n, rest) = (clean.size()[0], batch.len() - clean.size()[0]);
        // The paper runs the live weights with dropout on, averaged ones in evaluation mode.
        let dropout = !self.train.ema_teacher && self.train.refresh == 1;
        if rest == 0 {
            return self.paired(clean, y, batch, step);
        }
        let x = path(self.train, self.transport, step).run(
            teacher,
            &y.narrow(0, n, rest),
            &batch.latent.narrow(n, rest),
            &self.rows(Purpose::Transport, step, batch).narrow(n, rest),
            dropout,
        );
        self.paired(Tensor::cat(&[clean, x], 0), y, batch, step)
    }

    /// The pairs of a batch whose transported rows `x0` [B, D] were made by [`Rule::transported`] of
    /// its `filled` observations.
    pub(super) fn paired(
        &self,
        x0: Tensor,
        filled: Tensor,
        batch: &Observations,
        step: u64,
    ) -> Pairs {
        let n = batch.len();
        let clean = self.clean_count(step, n, self.place);
        let row = Tensor::arange(n, (Kind::Int64, x0.device())).unsqueeze(1);
        Pairs {
            x0,
            recorded: Some(filled),
            clean: row.lt(clean),
            latent: self.with_clean(batch.latent.shallow_clone(), step, clean, self.place),
        }
    }

    /// The observations with normals on their masked pixels, as Φ takes them.
    pub(super) fn filled(&self, batch: &Observations, step: u64) -> Tensor {
        batch.filled(&self.rows(Purpose::MaskFill, step, batch))
    }

    fn rows(&self, purpose: Purpose, step: u64, batch: &Observations) -> Rows {
        let (n, device) = (batch.len(), batch.flux.device());
        self.place.streams(self.seed, purpose, step, n, device)
    }

    /// Draws from `population` in place of transported observations.
    pub fn draw(&self, population: &GaussianPopulation, batch: &Observations, step: u64) -> Pairs {
        let (n, device) = (batch.len() * self.copies(), batch.flux.device());
        let place = self.place.repeated(self.copies());
        let rows = place.streams(self.seed, Purpose::WarmStart, step, n, device);
        let latent = batch.latent.repeat(self.copies());
        let clean = self.clean_rows(step, &latent.sigma, place);
        let k = clean.size()[0];
        let row = Tensor::arange(n, (Kind::Int64, device)).unsqueeze(1);
        let rest = latent.redshift.narrow(0, k, n - k);
        let [x, told] = population.draw_at(&rows.narrow(k, n - k), &rest);
        let redshift = Tensor::cat(&[latent.redshift.narrow(0, 0, k), told], 0);
        let latent = latent.at(&redshift);
        Pairs {
            x0: Tensor::cat(&[clean, x], 0),
            recorded: None,
            clean: row.lt(k),
            latent: self.with_clean(latent, step, k, place),
        }
    }

    /// The rows of a batch, shared out for [`Rule::loss`].
    ///
    /// # Errors
    /// As [`ForwardModel::observe`], where F takes whole batches.
    pub fn portions(&self, pairs: &Pairs, step: u64) -> Result<Vec<Portion>> {
        let place = self.place.repeated(self.copies());
        let (n, device) = (pairs.x0.size()[0], pairs.x0.device());
        let rows = |purpose| place.streams(self.seed, purpose, step, n, device);
        let (channel, random) = (rows(Purpose::Forward), rows(Purpose::Interpolant));
        let fresh = match self.forward.takes_parts() {
            true => None,
            false => Some((self.forward).observe(&pairs.x0, &pairs.latent, &channel)?),
        };
        let order = pairs.latent.by_redshift();
        let portion = |r: Range<i64>| {
            let k = r.end - r.start;
            let rows = order.narrow(0, r.start, k);
            let select = |(y, l): &(Tensor, Latent)| (y.index_select(0, &rows), l.select(&rows));
            Portion {
                pairs: pairs.select(&rows),
                fresh: fresh.as_ref().map(select),
                channel: channel.select(&rows),
                random: random.select(&rows),
                share: k as f64 / n as f64,
            }
        };
        let parts = workers::parts(n, pairs.x0.size()[1], device);
        Ok(parts.into_iter().map(portion).collect())
    }

    /// What some rows of a batch contribute to its loss, which is that of the interpolant between x and
    /// fresh (or, with probability 1 − p, the recorded) observations.
    ///
    /// # Errors
    /// As [`ForwardModel::observe`].
    pub fn loss(&self, field: &dyn VelocityField, portion: Portion, step: u64) -> Result<Tensor> {
        let Portion {
            pairs,
            fresh,
            channel,
            random,
            share,
        } = portion;
        let Pairs {
            x0,
            recorded,
            clean,
            latent,
        } = &pairs;
        let (fresh, drawn) = match fresh {
            Some(fresh) => fresh,
            None => self.forward.observe(x0, latent, &channel)?,
        };
        let (x1, latent) = match recorded {
            None => (fresh, drawn),
            Some(y) => {
                let keep = random.uniform(0, 1).lt(self.train.mix).logical_or(clean);
                (fresh.where_self(&keep, y), drawn.or_else(&keep, latent))
            }
        };
        let (x1, latent) = (self.transport).beginning(&x1, &latent, &random.child(0));
        let t = random.uniform(1, 1);
        let sample = self
            .transport
            .interpolant
            .sample(&t, x0, &x1, &latent, || random.normal(2, x0.size()[1]));
        let pass = Pass {
            dropout: true,
            phase: step,
            bf16: false,
        };
        let fields = field.fields(&t, &sample.point, &latent, pass);
        Ok(loss(&fields, &sample, &self.weight(&latent)) * share)
    }

    /// Clean data for those leading rows of a batch that are among the ones at hand, which are
    /// like `of` [n, D] and lie at `place`: [k, D], k = 0 where there are none.
    fn clean_rows(&self, step: u64, of: &Tensor, place: Place) -> Tensor {
        let Some(clean) = self.clean else {
            return of.narrow(0, 0, 0);
        };
        let n = of.size()[0];
        let all = clean.count(self.seed, step, place.of(n));
        let k = place.among_leading(n, all);
        clean
            .draw(self.seed, step, all)
            .narrow(0, place.first.min(all), k)
    }

    /// The latent of a batch whose first `k` rows [`Rule::clean_rows`] gave: with their redshifts.
    fn with_clean(&self, latent: Latent, step: u64, k: i64, place: Place) -> Latent {
        let n = latent.redshift.size()[0];
        let Some(clean) = self.clean.filter(|_| k > 0) else {
            return latent;
        };
        let all = clean.count(self.seed, step, place.of(n));
        let own = clean.redshift(self.seed, step, all);
        let own = own.narrow(0, place.first.min(all), k);
        let rest = latent.redshift.narrow(0, k, n - k);
        let redshift = Tensor::cat(&[own, rest], 0);
        latent.at(&redshift)
    }

    /// How many rows [`Rule::clean_rows`] gives for `n` rows at `place`.
    fn clean_count(&self, step: u64, n: i64, place: Place) -> i64 {
        let all = |c: &Clean| c.count(self.seed, step, place.of(n));
        self.clean.map_or(0, |c| place.among_leading(n, all(c)))
    }

    pub(super) fn copies(&self) -> i64 {
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
