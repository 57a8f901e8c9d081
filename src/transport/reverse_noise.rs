//! The diffusion ε of the reverse-time SDE and its score term −ε s, finite at both ends.

use crate::config::{EpsilonShape, InterpolantConfig};
use crate::forward::Latent;
use crate::interpolant::{Gamma, Interpolant};
use crate::nets::Fields;
use tch::Tensor;

/// Added to γ under the score of a constant ε, as in the paper.
const GAMMA_FLOOR: f64 = 1e-3;
/// Within this of t = 1, where γ → 0 and g says ever less, a diffusion that does not vanish with γ
/// is faded out linearly.
const FADE: f64 = 0.2;

/// ε of a config: `ratio` times a shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReverseNoise {
    shape: Shape,
    ratio: f64,
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    /// Along the noise γ z of the SDE's interpolant, s = −g/γ.
    Added(EpsilonShape, Gamma),
    /// Along the channel's own noise, ε = t σ²: I_t = x0 + t σ ξ has the score −E[ξ]/(t σ), which is
    /// −b/(t σ²), so that −ε s = b.
    Channel,
}

impl ReverseNoise {
    /// `None` for the ODE.
    pub fn new(config: &InterpolantConfig, interpolant: &Interpolant) -> Option<Self> {
        let (shape, ratio) = match (config, interpolant) {
            (
                InterpolantConfig::Sde {
                    diffusion, epsilon, ..
                },
                Interpolant::Sde(gamma),
            ) => (Shape::Added(*diffusion, *gamma), *epsilon),
            (InterpolantConfig::FokkerPlanck { epsilon }, _) => (Shape::Channel, *epsilon),
            _ => return None,
        };
        Some(Self { shape, ratio })
    }

    /// With another ratio.
    pub fn with_ratio(self, ratio: f64) -> Self {
        Self { ratio, ..self }
    }

    /// Whether ε is not 0.
    pub fn is_active(&self) -> bool {
        self.ratio > 0.0
    }

    /// Whether ε vanishes at t = 0. Where it does not, the drift of the last step makes room for
    /// noise, and without it the population would lose variance in every round of the loop.
    pub fn vanishes(&self) -> bool {
        !matches!(self.shape, Shape::Added(EpsilonShape::Constant, _))
    }

    /// −ε s at `t`, [B, D]; `None` where the network does not tell.
    pub fn drift(&self, t: f64, fields: &Fields, latent: &Latent) -> Option<Tensor> {
        match self.shape {
            Shape::Added(kind, gamma) => {
                let g = fields.denoiser.as_ref()?;
                Some(over_gamma(kind, gamma, t, latent) * self.ratio * g)
            }
            // A masked pixel does not lie on the channel's path: it keeps to the ODE.
            Shape::Channel => Some(&fields.velocity * &latent.good * self.ratio),
        }
    }

    /// Variance 2 ε (t − u) of the noise that the step from `t` to `u` adds, ε taken in its
    /// middle, [B, D].
    pub fn noise_variance(&self, t: f64, u: f64, latent: &Latent) -> Tensor {
        let middle = 0.5 * (t + u);
        let epsilon = match self.shape {
            Shape::Added(EpsilonShape::Constant, _) => latent.sigma.ones_like(),
            Shape::Added(kind, gamma) => {
                over_gamma(kind, gamma, middle, latent) * gamma.unit(latent) * gamma.at(middle)
            }
            Shape::Channel => latent.sigma.square() * &latent.good * middle,
        };
        epsilon * (2.0 * self.ratio * (t - u))
    }
}

/// ε/γ at `t` for a ratio of 1, the weight of g in the drift, [B, D].
fn over_gamma(kind: EpsilonShape, gamma: Gamma, t: f64, latent: &Latent) -> Tensor {
    let unit = gamma.unit(latent);
    match kind {
        EpsilonShape::Channel => {
            // |t σ² + γ γ'|/γ, written so that nothing is divided by zero.
            let fade = (1.0 / FADE).min(1.0 / (1.0 - t).max(f64::MIN_POSITIVE));
            let own = &unit * (gamma.slope(t) * (1.0 - t) * fade);
            (latent.sigma.square() / &unit * (fade / gamma.scale) + own).abs()
        }
        EpsilonShape::Gamma => unit,
        // At the ends I_t says nothing of z and g is 0: only its error would count.
        EpsilonShape::Constant if gamma.at(t) == 0.0 => unit.zeros_like(),
        EpsilonShape::Constant => (unit * gamma.at(t) + GAMMA_FLOOR).reciprocal(),
    }
}
