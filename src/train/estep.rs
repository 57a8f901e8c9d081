//! The E-step's economy: which transported spectra each gradient step is fitted to.
//!
//! Φ costs tens of network evaluations, a gradient step about six. The fixed point asks only that
//! the spectra come from Φ#μ of a recent Φ, so that each transported batch may serve several steps
//! (`train.reuse`), a pool of the latest ones may be drawn from (`train.pool`), the weights of Φ may
//! stand still for a while (`train.refresh`) and its path may be coarse at first (`train.growth`).

use super::growth::path;
use super::observations::Observations;
use super::pairs::Pairs;
use super::rule::Rule;
use crate::Result;
use crate::base::random::{Purpose, seed_dropout};
use crate::config::TrainConfig;
use crate::nets::VelocityField;
use crate::transport::Transport;
use std::collections::VecDeque;
use tch::{Kind, Tensor};

/// Forward passes that a gradient costs: its own and about two for the way back.
const GRADIENT: u64 = 3;

/// The transported batches in use.
#[derive(Debug, Default)]
pub(crate) struct EStep {
    /// Oldest first, with the step that each was made for.
    pool: VecDeque<(u64, Pairs)>,
    /// Their rows, one after the other; made when first asked for.
    rows: Option<Pairs>,
}

impl EStep {
    /// What step `step` is fitted to, each row as often as `train.resamplings` says; `batch` gives the
    /// observations of a step, `teacher` the weights of Φ.
    ///
    /// # Errors
    /// The first of `batch`; nothing has changed then.
    pub fn pairs(
        &mut self,
        rule: &Rule<'_>,
        teacher: &dyn VelocityField,
        step: u64,
        batch: &mut dyn FnMut(u64) -> Result<Observations>,
    ) -> Result<Pairs> {
        let made_for = transported_at(rule.train, step);
        if self.pool.back().is_none_or(|(s, _)| *s != made_for) {
            seed_dropout(rule.seed, rule.place.index(2 * made_for + 1));
            let pairs = rule.transported(teacher, &batch(made_for)?, made_for);
            self.push(made_for, pairs, rule.train.pool);
        }
        Ok(match self.pool.back() {
            // Nothing to draw from: the batch itself, without a copy of it.
            Some((_, only)) if self.pool.len() == 1 => only.repeat(rule.copies()),
            _ => self.drawn(rule, step).repeat(rule.copies()),
        })
    }

    fn push(&mut self, made_for: u64, pairs: Pairs, keep: usize) {
        self.pool.push_back((made_for, pairs));
        while self.pool.len() > keep {
            self.pool.pop_front();
        }
        self.rows = None;
    }

    /// For each place in the batch the row at that place of one of the batches, taken at random: no
    /// row comes twice, and what a place gets does not depend on the others.
    fn drawn(&mut self, rule: &Rule<'_>, step: u64) -> Pairs {
        let batches = self.pool.iter().map(|(_, pairs)| pairs);
        let k = batches.len() as i64;
        let all = self.rows.get_or_insert_with(|| Pairs::concatenate(batches));
        let b = all.x0.size()[0] / k;
        let device = all.x0.device();
        let random = (rule.place).streams(rule.seed, Purpose::Pool, step, b, device);
        let pick = (random.uniform(0, 1).squeeze_dim(1) * k).to_kind(Kind::Int64);
        let place = Tensor::arange(b, (Kind::Int64, device));
        all.select(&(pick.clamp_max(k - 1) * b + place))
    }

    /// The steps that the batches in use were made for.
    pub fn steps(&self) -> Vec<u64> {
        self.pool.iter().map(|(step, _)| *step).collect()
    }

    /// Their transported rows [K B, D]; `None` for none.
    pub fn transported(&self) -> Option<Tensor> {
        let x0: Vec<&Tensor> = self.pool.iter().map(|(_, pairs)| &pairs.x0).collect();
        (!x0.is_empty()).then(|| Tensor::cat(&x0, 0))
    }

    /// As [`EStep::steps`] and [`EStep::transported`] told of whole batches.
    ///
    /// # Errors
    /// The first of `batch`.
    pub fn restored(
        rule: &Rule<'_>,
        steps: &[u64],
        x0: &Tensor,
        batch: &mut dyn FnMut(u64) -> Result<Observations>,
    ) -> Result<Self> {
        let mut estep = Self::default();
        let b = x0.size()[0] / steps.len().max(1) as i64;
        for (k, step) in steps.iter().enumerate() {
            let batch = batch(*step)?;
            let x0 = x0.narrow(0, k as i64 * b + rule.place.first, batch.len());
            let pairs = rule.paired(x0, rule.filled(&batch, *step), &batch, *step);
            estep.push(*step, pairs, rule.train.pool);
        }
        Ok(estep)
    }
}

/// The step for which the newest batch that `step` uses is transported.
pub(crate) fn transported_at(t: &TrainConfig, step: u64) -> u64 {
    step - (step - t.warm_start) % t.reuse
}

/// Whether Φ takes new weights in `step`.
pub(crate) fn refreshes(t: &TrainConfig, step: u64) -> bool {
    step == transported_at(t, step)
        && (t.refresh == 1 || (step - t.warm_start).is_multiple_of(t.refresh))
}

/// What the first `step` steps cost: passes of one observation through the network, forward, of the
/// E-step and of the gradients.
pub(crate) fn evaluations(t: &TrainConfig, full: &Transport, step: u64) -> [u64; 2] {
    let made_for = (t.warm_start..step).step_by(t.reuse as usize);
    let e_step: u64 = made_for.map(|s| path(t, full, s).evaluations()).sum();
    let b = t.batch as u64;
    [b * e_step, b * step * t.resamplings as u64 * GRADIENT]
}
