//! The diffusion ε of the reverse-time SDE and its score term ε/γ·g, finite at both ends.

use crate::config::{Diffusion, InterpolantConfig};
use crate::forward::Latent;
use crate::interpolant::{Gamma, Interpolant};
use tch::Tensor;

/// Added to γ under the score of a constant ε, as in the source.
const GAMMA_FLOOR: f64 = 1e-3;
/// Within this of t = 1, where γ → 0 and g says ever less, a diffusion that does not vanish with γ
/// is faded out linearly.
const FADE: f64 = 0.2;

/// ε of a config: `ratio` times the shape `kind`.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReverseDiffusion {
    kind: Diffusion,
    gamma: Gamma,
    ratio: f64,
}

impl ReverseDiffusion {
    /// `None` for the ODE.
    pub fn new(config: &InterpolantConfig, interpolant: &Interpolant) -> Option<Self> {
        match (config, interpolant) {
            (
                InterpolantConfig::Sde {
                    diffusion, epsilon, ..
                },
                Interpolant::Sde(gamma),
            ) => Some(Self {
                kind: *diffusion,
                gamma: *gamma,
                ratio: *epsilon,
            }),
            _ => None,
        }
    }

    /// With another ratio; `None` for 0.
    pub fn with_ratio(self, ratio: f64) -> Option<Self> {
        (ratio > 0.0).then_some(Self { ratio, ..self })
    }

    /// ε/γ at `t`, the weight of g in the drift, [B, D].
    pub fn over_gamma(&self, t: f64, latent: &Latent) -> Tensor {
        let gamma = &self.gamma;
        let unit = gamma.unit(latent);
        let weight = match self.kind {
            Diffusion::Channel => {
                // |t σ² + γ γ'|/γ, written so that nothing is divided by zero.
                let fade = (1.0 / FADE).min(1.0 / (1.0 - t).max(f64::MIN_POSITIVE));
                let own = &unit * (gamma.slope(t) * (1.0 - t) * fade);
                (latent.sigma.square() / &unit * (fade / gamma.scale) + own).abs()
            }
            Diffusion::Gamma => unit,
            Diffusion::Constant => (unit * gamma.at(t) + GAMMA_FLOOR).reciprocal(),
        };
        weight * self.ratio
    }

    /// Variance 2 ε (t − u) of the noise that the step from `t` to `u` adds, ε taken in its
    /// middle, [B, D].
    pub fn noise_variance(&self, t: f64, u: f64, latent: &Latent) -> Tensor {
        let middle = 0.5 * (t + u);
        let epsilon = match self.kind {
            Diffusion::Constant => latent.sigma.ones_like() * self.ratio,
            _ => self.over_gamma(middle, latent) * self.gamma.unit(latent) * self.gamma.at(middle),
        };
        epsilon * (2.0 * (t - u))
    }
}
