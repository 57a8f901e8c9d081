//! The training of baselines that are as large as the run: for so many steps, or so much processor time.

use crate::Result;
use crate::base::cpu;
use crate::config::TrainConfig;
use crate::fit::{Learner, Stride, learning_rate};
use crate::nets::VelocityField;
use tch::Tensor;

/// Parts of a bound that the learning rate distinguishes.
const PARTS: u64 = 10_000;

/// How long a training may take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// Optimiser steps.
    Steps(u64),
    /// Processor seconds: the last step is the one that passes them.
    Cpu(f64),
}

impl Bound {
    /// The part of it that is used up, after so many `steps` and `seconds`.
    fn used(self, steps: u64, seconds: f64) -> f64 {
        match self {
            Self::Steps(all) => steps as f64 / all.max(1) as f64,
            Self::Cpu(all) => seconds / all.max(f64::MIN_POSITIVE),
        }
    }
}

/// Trains `network` on the `loss` of the `portions` of each step until `bound` is used up, with the rates of `train`, and
/// leaves it with its averaged weights. How many steps that were.
///
/// # Errors
/// The first of `portions` and `loss`.
pub fn descend<P: Send>(
    network: Box<dyn VelocityField>,
    bound: Bound,
    train: &TrainConfig,
    mut portions: impl FnMut(u64) -> Result<Vec<P>>,
    loss: impl Fn(&dyn VelocityField, P, u64) -> Result<Tensor> + Sync,
) -> Result<(Box<dyn VelocityField>, u64)> {
    let mut learner = Learner::new(network);
    let begun = cpu::seconds();
    let mut step = 0;
    loop {
        let used = bound.used(step, cpu::seconds() - begun);
        // NaN, where the system tells no processor time, ends it, too.
        if used >= 1.0 || used.is_nan() {
            break;
        }
        let part = (used * PARTS as f64) as u64;
        let rate = learning_rate(part, PARTS, train.warmup, train.learning_rate);
        let stride = Stride {
            rate,
            clip: train.clip,
            ema: train.ema,
        };
        let (_, gradient) = learner.gradient(portions(step)?, |n, p| loss(n, p, step))?;
        learner.follow(&gradient, stride);
        step += 1;
    }
    learner.network.params().set_flat(&learner.averaged);
    Ok((learner.network, step))
}
