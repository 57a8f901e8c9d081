//! The stochastic interpolant I_t = (1−t) x0 + t x1 + γ(t) z (eq. 1, 6) and its losses (eq. 3, 5).
//!
//! x0 is the clean side (t = 0), x1 = F(x0) the observed side (t = 1): coupled, not independent.
//!
//! The Fokker–Planck interpolant (eq. 12) is I_t = x0 + √t σ ξ, where F(x0) = x0 + σ ξ. Its velocity
//! is singular at t = 0 in t, and constant along each path in τ = √t: τ is the time here, in which
//! I_τ = x0 + τ (x1 − x0).

use crate::config::InterpolantConfig;
use crate::forward::Latent;
use crate::nets::Fields;
use tch::{Kind, Tensor};

/// γ(t) = scale·t(1−t), in normalised flux or in units of each pixel's [`Latent::scale`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gamma {
    /// Four times the largest value, which γ has at t = ½.
    pub scale: f64,
    /// Whether z is multiplied by the pixel's scale: only where the network knows it.
    pub by_pixel: bool,
}

impl Gamma {
    /// γ at a number t.
    #[must_use]
    pub fn at(&self, t: f64) -> f64 {
        self.scale * t * (1.0 - t)
    }

    /// The unit of γ at each pixel, `[B, D]`.
    pub fn unit(&self, latent: &Latent) -> Tensor {
        if self.by_pixel {
            latent.scale()
        } else {
            latent.sigma.ones_like()
        }
    }

    /// dγ/dt.
    #[must_use]
    pub fn slope(&self, t: f64) -> f64 {
        self.scale * (1.0 - 2.0 * t)
    }
}

/// ODE (γ = 0), SDE, the heat flow of additive Gaussian noise, or the path from a posterior.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Interpolant {
    /// γ = 0.
    Ode,
    /// With γ.
    Sde(Gamma),
    /// x1 must be a fresh F(x0): its noise x1 − x0 = σ ξ makes the path.
    FokkerPlanck,
    /// x1 is a draw x_G of a Gaussian posterior given F(x0), and γ = 0.
    Posterior,
}

/// A point of the path and what the networks should say there; all `[B, D]`.
#[derive(Debug)]
pub struct Sample {
    /// I_t.
    pub point: Tensor,
    /// dI/dt, the target of b̂.
    pub velocity: Tensor,
    /// z, the target of ĝ; only for the SDE.
    pub z: Option<Tensor>,
    /// x0.
    pub clean: Tensor,
}

impl Interpolant {
    /// The interpolant of a config; `noise_known`: whether the network is told the noise level.
    #[must_use]
    pub fn new(config: &InterpolantConfig, noise_known: bool) -> Self {
        match *config {
            // Of `sure` the path is not used.
            InterpolantConfig::Ode | InterpolantConfig::Sure => Self::Ode,
            InterpolantConfig::Sde { gamma, .. } => Self::Sde(Gamma {
                scale: gamma,
                by_pixel: noise_known,
            }),
            InterpolantConfig::FokkerPlanck { .. } => Self::FokkerPlanck,
            InterpolantConfig::Posterior { .. } => Self::Posterior,
        }
    }

    /// How many fields the network must give: b̂, and ĝ for the SDE.
    #[must_use]
    pub fn heads(&self) -> i64 {
        match self {
            Self::Ode | Self::FokkerPlanck | Self::Posterior => 1,
            Self::Sde(_) => 2,
        }
    }

    /// γ₁ of γ = γ₁ t (1 − t); 0 but for the SDE.
    #[must_use]
    pub fn gamma(&self) -> f64 {
        match self {
            Self::Ode | Self::FokkerPlanck | Self::Posterior => 0.0,
            Self::Sde(gamma) => gamma.scale,
        }
    }

    /// I_t and its derivative at times `t` `[B, 1]` between `x0` and `x1` `[B, D]`, with `z` standard
    /// normal `[B, D]` (for the SDE alone).
    pub fn sample(
        &self,
        t: &Tensor,
        x0: &Tensor,
        x1: &Tensor,
        latent: &Latent,
        z: impl FnOnce() -> Tensor,
    ) -> Sample {
        let difference = x1 - x0;
        let point = x0 + t * &difference;
        match self {
            Self::Ode | Self::FokkerPlanck | Self::Posterior => Sample {
                point,
                velocity: difference,
                z: None,
                clean: x0.shallow_clone(),
            },
            Self::Sde(gamma) => {
                let z = z();
                let value: Tensor = t * (1.0 - t) * gamma.scale;
                let slope: Tensor = (1.0 - t * 2.0) * gamma.scale;
                let shift = gamma.unit(latent) * &z;
                Sample {
                    point: point + value * &shift,
                    velocity: difference + slope * shift,
                    z: Some(z),
                    clean: x0.shallow_clone(),
                }
            }
        }
    }
}

/// Losses (3) and (5), added: the mean over pixels of w |b̂ − dI/dt|² (+ |ĝ − z|²), with `weight`
/// w > 0, `[B, D]`. A weight that depends only on what the network is told leaves the optimum, the
/// conditional expectation, unchanged. A network that is fitted to x0 says so, with a weight of its own.
pub fn loss(fields: &Fields, sample: &Sample, weight: &Tensor) -> Tensor {
    let squared = |a: &Tensor, b: &Tensor| (a - b).square();
    let mut loss = match &fields.clean {
        Some([clean, weight]) => squared(clean, &sample.clean) * weight,
        None => squared(&fields.velocity, &sample.velocity) * weight,
    };
    if let (Some(g), Some(z)) = (&fields.denoiser, &sample.z) {
        loss += squared(g, z);
    }
    loss.mean(Kind::Float)
}
