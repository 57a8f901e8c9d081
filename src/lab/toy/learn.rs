//! Algorithm 2 on points: what one arm of the study learns from noisy observations alone.

use super::arm::Arm;
use super::settings::Settings;
use super::shapes::Shape;
use crate::Result;
use crate::base::random::{Purpose, Rows};
use crate::config::InterpolantConfig;
use crate::fit::{Learner, Sampler, Stride, learning_rate};
use crate::forward::{CorrelatedNoise, ForwardModel, Gaussian, Latent};
use crate::nets::{Mlp, VelocityField};
use crate::population::{GaussianStart, Joint};
use crate::ranks::Place;
use crate::train::{EStep, Observations, Rule, evaluations, refreshes};
use crate::transport::Transport;
use std::sync::Arc;
use tch::{Device, Kind, Tensor};

/// Width and depth of the perceptron.
const WIDTH: i64 = 128;
const DEPTH: usize = 3;

/// A transport map of points under noise of standard deviation σ.
pub struct Learned {
    network: Mlp,
    transport: Transport,
    sigma: f64,
}

impl Learned {
    /// Φ(y) of observations [N, d], with one random stream for each.
    pub fn restore(&self, y: &Tensor, random: &Rows) -> Tensor {
        let latent = latent(y, self.sigma);
        self.transport.run(&self.network, y, &latent, random, false)
    }

    /// One draw for each of the observations, [N, d].
    pub fn draw(&self, observed: &Observations, random: &Rows) -> Tensor {
        let Observations { flux, latent } = observed;
        (self.transport).run(&self.network, flux, latent, random, false)
    }

    /// Their posterior means in one evaluation, for [`Arm::Posterior`].
    pub fn mean(&self, observed: &Observations, random: &Rows) -> Tensor {
        let Observations { flux, latent } = observed;
        self.transport.mean(&self.network, flux, latent, random)
    }
}

/// The map that `arm` learns with `settings` from observations `y` [N, d]. The second value is what it
/// cost: passes of one observation through the network, of the E-step and of the gradients.
///
/// # Errors
/// As [`Rule::loss`].
pub fn learn(
    arm: Arm,
    settings: &Settings,
    y: &Tensor,
    sigma: f64,
    seed: u64,
) -> Result<(Learned, [u64; 2])> {
    let observed = Observations {
        latent: latent(y, sigma),
        flux: y.shallow_clone(),
    };
    let forward = Gaussian::new(sigma, CorrelatedNoise::new(&[], Device::Cpu));
    let (learned, cost) = learn_behind(arm, settings, &observed, &forward, seed)?;
    Ok((Learned { sigma, ..learned }, cost))
}

/// As [`learn`], from observations of any channel.
///
/// # Errors
/// As [`Rule::loss`].
pub fn learn_behind(
    arm: Arm,
    settings: &Settings,
    observed: &Observations,
    forward: &dyn ForwardModel,
    seed: u64,
) -> Result<(Learned, [u64; 2])> {
    let train = &settings.train;
    let interpolant = arm.interpolant();
    let mut transport = Transport::new(&interpolant, &settings.transport, false);
    if let InterpolantConfig::Posterior { erased } = interpolant {
        let (flux, latent) = (&observed.flux, &observed.latent);
        let joint = Joint::learned(flux, latent, forward, erased, seed)?;
        transport = transport.from(Arc::new(GaussianStart::new(&joint, Device::Cpu)));
    }
    let rule = Rule {
        forward,
        transport: &transport,
        train,
        noise_known: false,
        clean: None,
        seed,
        place: Place::whole(),
    };
    let (d, numbers) = (observed.flux.size()[1], observed.latent.vector.size()[1]);
    let heads = transport.interpolant.heads();
    let new = || match arm {
        Arm::Posterior => Mlp::anchored(d, numbers, WIDTH, DEPTH, seed, Device::Cpu),
        _ => Mlp::told(d, numbers, WIDTH, DEPTH, heads, seed, Device::Cpu),
    };
    let (mut learner, teacher) = (Learner::new(Box::new(new())), new());
    let mut estep = EStep::default();
    let mut sampler = Sampler::new(seed, observed.len(), train.batch);
    let mut batch = |step| Ok(observed.select(&Tensor::from_slice(&sampler.rows(step))));
    for step in 0..train.steps {
        if refreshes(train, step) {
            teacher.params().set_flat(&learner.averaged);
        }
        let pairs = estep.pairs(&rule, &teacher, step, &mut batch)?;
        let stride = Stride {
            rate: learning_rate(step, train.steps, train.warmup, train.learning_rate),
            clip: train.clip,
            ema: train.ema,
        };
        let portions = rule.portions(&pairs, step)?;
        let (_, gradient) = learner.gradient(portions, |n, p| rule.loss(n, p, step))?;
        learner.follow(&gradient, stride);
    }
    teacher.params().set_flat(&learner.averaged);
    let cost = evaluations(train, &transport, train.steps);
    let learned = Learned {
        network: teacher,
        transport,
        sigma: f64::NAN,
    };
    Ok((learned, cost))
}

/// Every coordinate observed, with noise of one level.
fn latent(y: &Tensor, sigma: f64) -> Latent {
    let ones = y.ones_like();
    let (level, width) = (&ones * sigma, ones.zeros_like());
    Latent::of_pixels(ones, level, width)
}

/// Points of a shape and observations of them: number `index` of a study.
///
/// # Errors
/// As [`ForwardModel::observe`].
pub fn observed(
    shape: Shape,
    sigma: f64,
    n: i64,
    seed: u64,
    index: u64,
) -> Result<(Tensor, Observations)> {
    let rows = Rows::range(seed, Purpose::Toy, index, n, Device::Cpu);
    let clean = shape.sample(&rows);
    let latent = shape.latent(sigma, &rows.child(1));
    let (flux, latent) = if shape.is_blind() {
        shape
            .channel(sigma)
            .observe(&clean, &latent, &rows.child(0))?
    } else {
        let noise = rows.child(0).normal(0, 2).to_kind(Kind::Float);
        (&clean + noise * sigma, latent)
    };
    Ok((clean, Observations { flux, latent }))
}
