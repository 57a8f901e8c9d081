//! `[train]`: Algorithm 2.

use super::require::require;
use super::transport::TransportConfig;
use crate::Result;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `[train]`: Algorithm 2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Optimiser steps, the warm start included.
    pub steps: u64,
    /// Of these, steps on draws from a Gaussian population whose mean and covariance are learned
    /// from the observations and the channel: a sounder Θ0 than the identity. 0: none.
    pub warm_start: u64,
    /// Observations transported per step.
    pub batch: usize,
    /// Fresh observations F(x) made of each transported x.
    pub resamplings: usize,
    /// Steps that each transported batch serves, with fresh F, t and z in each.
    pub reuse: u64,
    /// Transported batches that a step draws its rows from, the latest ones; the oldest makes room
    /// for the next every `reuse` steps. 1: the newest alone.
    #[serde(skip_serializing_if = "is_one")]
    pub pool: usize,
    /// A coarser Φ at first; absent: `transport.steps` throughout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub growth: Option<GrowthConfig>,
    /// T_tr: steps between refreshes of the transport map's frozen weights (a multiple of
    /// `reuse`); 1: the live ones.
    pub refresh: u64,
    /// Whether the transport map uses the averaged weights (else the live ones).
    pub ema_teacher: bool,
    /// Diffusion of the E-step, in place of `interpolant.epsilon`. 0 transports along the ODE of
    /// the same interpolant: the population does not depend on ε, the integrator's error does.
    pub epsilon: f64,
    /// p: probability that x1 is the fresh observation, not the recorded one.
    pub mix: f64,
    /// Clean data that take the place of a part of the transported ones; absent: there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clean: Option<CleanConfig>,
    /// GiB that the observations of training may take. A larger part stays in the prepared set and is
    /// read in windows of half of this, the next while the network computes; it is shuffled by chunks
    /// of the file, and within each window.
    #[serde(skip_serializing_if = "is_usual_memory")]
    pub memory: f64,
    /// Largest learning rate of Adam, after the warm-up.
    pub learning_rate: f64,
    /// Fraction of the steps over which the learning rate rises, before its cosine descent.
    pub warmup: f64,
    /// Largest norm of the gradient.
    pub clip: f64,
    /// Decay of the averaged weights, per step.
    pub ema: f64,
    /// Fraction of the observations kept out of training, for validation and evaluation.
    pub heldout: f64,
    /// 1 or 2: train on this random half of the others alone, for `selfsi audit --other`; absent: on
    /// all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub half: Option<u8>,
    /// Steps between validations.
    pub validate_every: u64,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Stop when this many validations in a row bring no better score; 0: never.
    pub patience: usize,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            steps: 20_000,
            warm_start: 2_000,
            batch: 64,
            resamplings: 2,
            reuse: 4,
            pool: 1,
            growth: None,
            refresh: 1,
            ema_teacher: true,
            epsilon: 0.0,
            mix: 0.9,
            clean: None,
            memory: MEMORY,
            learning_rate: 1e-3,
            warmup: 0.05,
            clip: 1.0,
            ema: 0.998,
            heldout: 0.05,
            half: None,
            validate_every: 500,
            checkpoint_every: 500,
            patience: 0,
        }
    }
}

impl TrainConfig {
    /// Rows of `pixels` numbers in single precision that the part `part` of `memory` holds; a few hundred at
    /// least.
    #[must_use]
    pub fn rows_in_memory(&self, part: f64, pixels: usize) -> usize {
        let bytes = self.memory * part * (1u64 << 30) as f64;
        ((bytes / (4 * pixels.max(1)) as f64) as usize).max(LEAST_ROWS)
    }
}

/// Rows that fit into any memory.
const LEAST_ROWS: usize = 512;

/// GiB of observations in memory, unless the config says otherwise.
const MEMORY: f64 = 2.0;

// serde's skip_serializing_if passes a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_usual_memory(memory: &f64) -> bool {
    *memory == MEMORY
}

/// `[train.growth]`: how the number of Φ's steps grows in training, linearly from `from` to
/// `transport.steps`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrowthConfig {
    /// Steps of Φ when the warm start is over.
    pub from: usize,
    /// Part of the training after the warm start that the growth takes: below 1, so that the end is
    /// trained on the full path.
    pub until: f64,
}

// serde's skip_serializing_if passes a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_one(n: &usize) -> bool {
    *n == 1
}

/// `[train.clean]`: partly clean data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CleanConfig {
    /// A set that `selfsi prepare` made of clean spectra or images, with the grid and normalisation
    /// of the observations. Rows with masked pixels take no part, nor do held-out objects.
    pub prepared: PathBuf,
    /// Part of each batch that is clean data.
    pub fraction: f64,
}

impl TrainConfig {
    /// Checks the table, beside the steps of Φ that `[transport]` gives.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the key that is out of range.
    pub(crate) fn check(&self, transport: &TransportConfig, origin: &str) -> Result<()> {
        let positive = |v: f64| v > 0.0 && v.is_finite();
        let ok = |yes: bool, key: &str, problem: &str, fix: &str| {
            require(yes, origin, key, problem, fix)
        };
        ok(
            self.steps > 0 && self.batch > 0,
            "train.steps",
            "steps and batch must be positive",
            "raise them",
        )?;
        ok(
            self.resamplings > 0,
            "train.resamplings",
            "must be positive",
            "give e.g. 2",
        )?;
        ok(
            self.reuse > 0,
            "train.reuse",
            "must be positive",
            "give 1 to transport anew in every step",
        )?;
        ok(
            self.pool > 0,
            "train.pool",
            "must be positive",
            "give 1 to fit each step to the newest transported batch alone",
        )?;
        ok(
            (self.growth.as_ref()).is_none_or(|g| (1..=transport.steps).contains(&g.from)),
            "train.growth.from",
            "not between 1 and transport.steps",
            "give e.g. 4",
        )?;
        ok(
            (self.growth.as_ref()).is_none_or(|g| g.until > 0.0 && g.until <= 1.0),
            "train.growth.until",
            "not in (0, 1]",
            "give e.g. 0.7",
        )?;
        ok(
            self.refresh > 0 && (self.refresh.is_multiple_of(self.reuse) || self.refresh == 1),
            "train.refresh",
            "neither 1 nor a multiple of train.reuse",
            "give 1 for the live weights",
        )?;
        ok(
            self.epsilon >= 0.0 && self.epsilon.is_finite(),
            "train.epsilon",
            "negative",
            "give 0 for the ODE",
        )?;
        ok(
            self.warm_start <= self.steps,
            "train.warm_start",
            "more than train.steps",
            "give fewer",
        )?;
        ok(
            self.mix > 0.0 && self.mix <= 1.0,
            "train.mix",
            "not in (0, 1]: with p = 0 the recorded observations would be fitted to themselves",
            "give e.g. 0.9",
        )?;
        ok(
            self.clean
                .as_ref()
                .is_none_or(|c| c.fraction > 0.0 && c.fraction <= 1.0),
            "train.clean.fraction",
            "not in (0, 1]",
            "give e.g. 0.1, or leave [train.clean] out",
        )?;
        ok(
            self.memory >= 0.0 && self.memory.is_finite(),
            "train.memory",
            "not a number of GiB",
            "give e.g. 2.0",
        )?;
        ok(
            positive(self.learning_rate),
            "train.learning_rate",
            "not positive",
            "give e.g. 1e-3",
        )?;
        ok(
            (0.0..1.0).contains(&self.warmup),
            "train.warmup",
            "not in 0..1",
            "give e.g. 0.05",
        )?;
        ok(
            positive(self.clip),
            "train.clip",
            "not positive",
            "give e.g. 1.0",
        )?;
        ok(
            (0.0..1.0).contains(&self.ema),
            "train.ema",
            "not in 0..1",
            "give e.g. 0.998",
        )?;
        ok(
            self.heldout > 0.0 && self.heldout < 1.0,
            "train.heldout",
            "not in (0, 1): validation needs observations that training does not see",
            "give e.g. 0.05",
        )?;
        ok(
            self.half.is_none_or(|h| h == 1 || h == 2),
            "train.half",
            "neither 1 nor 2",
            "give 1 or 2, or leave it out to train on all",
        )?;
        ok(
            self.validate_every > 0 && self.checkpoint_every > 0,
            "train.validate_every",
            "validate_every and checkpoint_every must be positive",
            "give e.g. 500",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{LEAST_ROWS, TrainConfig};

    #[test]
    fn memory_is_shared_out_in_rows_of_four_bytes_a_number() {
        let train = TrainConfig::default();
        assert_eq!(train.rows_in_memory(1.0, 1024), 524_288);
        assert_eq!(train.rows_in_memory(0.25, 1024), 131_072);
        let none = TrainConfig {
            memory: 0.0,
            ..train
        };
        assert_eq!(none.rows_in_memory(1.0, 1024), LEAST_ROWS);
    }
}
