//! Algorithm 2 on points: what one arm of the study learns from noisy observations alone.

use crate::Result;
use crate::config::{Diffusion, InterpolantConfig, Scheme, TrainConfig, TransportConfig};
use crate::forward::{CorrelatedNoise, Gaussian, Latent};
use crate::nets::{Mlp, VelocityField};
use crate::random::{Purpose, Rows};
use crate::train::{Adam, Observations, Sampler, Step, learning_rate};
use crate::transport::Transport;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, no_grad};

/// Width and depth of the perceptron.
const WIDTH: i64 = 128;
const DEPTH: usize = 3;
/// Evaluations of the network along the path; the source has 40.
const EVALUATIONS: usize = 20;

/// The interpolant of an arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Arm {
    /// γ = 0.
    Ode,
    /// γ = t(1 − t), ε = 0.1: the source's.
    Sde,
    /// I_t = x0 + √t σ ξ (eq. 12), carried back by the reverse of the heat flow.
    FokkerPlanck,
}

impl Arm {
    /// Its name in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ode => "ODE",
            Self::Sde => "SDE",
            Self::FokkerPlanck => "Fokker–Planck",
        }
    }

    fn interpolant(self) -> InterpolantConfig {
        match self {
            Self::Ode => InterpolantConfig::Ode,
            Self::Sde => InterpolantConfig::Sde {
                gamma: 1.0,
                diffusion: Diffusion::Constant,
                epsilon: 0.1,
            },
            Self::FokkerPlanck => InterpolantConfig::FokkerPlanck { epsilon: 1.0 },
        }
    }

    /// The transport of training and of restoring alike.
    fn transport(self) -> Transport {
        let (scheme, steps) = match self {
            // As in the source.
            Self::Ode | Self::Sde => (Scheme::Euler, EVALUATIONS),
            // Of its doubled drift Euler's error is a sixth of a variance as large as the noise's.
            Self::FokkerPlanck => (Scheme::Heun, EVALUATIONS / 2),
        };
        let config = TransportConfig {
            scheme,
            steps,
            grading: 1.0,
        };
        Transport::new(&self.interpolant(), &config, false)
    }

    /// Settings of training, the same for every arm but for the recorded observations, which are no
    /// end of the Fokker–Planck path.
    fn train(self, steps: u64) -> TrainConfig {
        TrainConfig {
            steps,
            batch: 256,
            resamplings: 2,
            reuse: 8,
            mix: if self == Self::FokkerPlanck { 1.0 } else { 0.9 },
            learning_rate: 3e-3,
            ema: 0.95,
            ..TrainConfig::default()
        }
    }
}

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
}

/// The map that `arm` learns in `steps` steps from observations `y` [N, d].
///
/// # Errors
/// As [`Step::loss`].
pub fn learn(arm: Arm, y: &Tensor, sigma: f64, steps: u64, seed: u64) -> Result<Learned> {
    let (transport, train) = (arm.transport(), arm.train(steps));
    let observed = Observations {
        latent: latent(y, sigma),
        flux: y.shallow_clone(),
    };
    let forward = Gaussian::new(sigma, CorrelatedNoise::new(&[], Device::Cpu));
    let rule = Step {
        forward: &forward,
        transport: &transport,
        train: &train,
        noise_known: false,
        clean: None,
        seed,
    };
    let new = || {
        Mlp::new(
            y.size()[1],
            WIDTH,
            DEPTH,
            transport.interpolant.heads(),
            seed,
            Device::Cpu,
        )
    };
    let (live, teacher) = (new(), new());
    let mut averaged = live.params().flat();
    let mut adam = Adam::new(&averaged);
    let mut sampler = Sampler::new(seed, observed.len(), train.batch);
    let mut pairs = None;
    for step in 0..steps {
        if step.is_multiple_of(train.reuse) {
            teacher.params().set_flat(&averaged);
            let batch = observed.select(&Tensor::from_slice(&sampler.rows(step)));
            pairs = Some(rule.transport(&teacher, &batch, step));
        }
        let Some(pairs) = &pairs else { continue };
        rule.loss(&live, pairs, step)?.backward();
        let gradient = live.params().take_gradient();
        let rate = learning_rate(step, steps, train.warmup, train.learning_rate);
        let weights = adam.update(&live.params().flat(), &gradient, rate, train.clip);
        live.params().set_flat(&weights);
        let decay = train.ema.min((1.0 + step as f64) / (10.0 + step as f64));
        averaged = no_grad(|| &averaged * decay + weights * (1.0 - decay));
    }
    teacher.params().set_flat(&averaged);
    Ok(Learned {
        network: teacher,
        transport,
        sigma,
    })
}

/// Every coordinate observed, with noise of one level.
fn latent(y: &Tensor, sigma: f64) -> Latent {
    let ones = y.ones_like();
    let (level, width) = (&ones * sigma, ones.zeros_like());
    Latent::of_pixels(ones, level, width)
}

/// Points of a shape and noisy observations of them: number `index` of a study.
pub(super) fn points(
    shape: super::Shape,
    sigma: f64,
    n: usize,
    seed: u64,
    index: u64,
) -> (Tensor, Tensor) {
    let rows = Rows::range(seed, Purpose::Toy, index, n as i64, Device::Cpu);
    let clean = shape.sample(&rows);
    let observed = &clean + rows.child(0).normal(0, 2).to_kind(Kind::Float) * sigma;
    (clean, observed)
}
