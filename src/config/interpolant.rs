//! `[interpolant]`: the path between clean data and observations.

use super::image;
use serde::{Deserialize, Serialize};

/// `[interpolant]`: ODE (γ = 0), SDE (γ = scale·t(1−t)), the Fokker–Planck interpolant (eq. 12), or
/// posterior draws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
#[derive(Default)]
pub enum InterpolantConfig {
    /// I_t = (1 − t) x0 + t x1; Φ is deterministic.
    #[default]
    Ode,
    /// The same + γ(t) z; Φ draws.
    Sde {
        /// γ(t) = `gamma`·t(1−t), in normalised flux; where the network is told the noise level σ,
        /// in units of √(σ² + 0.1) at each pixel.
        gamma: f64,
        /// The diffusion ε is `epsilon` times this.
        diffusion: EpsilonShape,
        /// Factor of the diffusion.
        epsilon: f64,
    },
    /// I_τ = x0 + τ σ ξ with τ = √t, for `forward.kind = "gaussian"` alone: the channel's own noise
    /// makes the path, and the recorded observations are no end of it (`train.mix` is 1).
    #[serde(rename = "fokker-planck")]
    FokkerPlanck {
        /// Diffusion ε in units of τ σ². 0: the probability-flow ODE. 1: the reverse of the
        /// channel's heat flow, whose draws are draws from the posterior.
        #[serde(default)]
        epsilon: f64,
    },
    /// I_t = (1−t) x0 + t x_G, x_G a draw of a Gaussian population's posterior given the observation
    /// y, with fields that are told of y: the transport of such draws gives draws from p(x0 | y),
    /// whatever the channel, and one evaluation at t = 1 their mean. Recorded observations are no end
    /// of the path (`train.mix` is 1), and no warm start is needed (`train.warm_start` is 0).
    Posterior {
        /// Variance that the Gaussian population is declared to have in modes that the channel erases,
        /// over the one that continues those that it passes, or in the rest frame that of the forest and
        /// of broad lines. What is declared is never corrected by the data.
        #[serde(default = "one")]
        erased: f64,
    },
    /// No path: the posterior of the Gaussian population behind the observations, about a mean that the
    /// network learns by Stein's unbiased risk estimate. For spectra behind a channel in closed form.
    Sure,
}

fn one() -> f64 {
    1.0
}

impl InterpolantConfig {
    /// Whether the posterior's mean is learned, and there is no path.
    #[must_use]
    pub fn is_sure(&self) -> bool {
        matches!(self, Self::Sure)
    }

    /// Whether it tells what of the draws' scatter is the population's and not the data's.
    #[must_use]
    pub fn tells_prior(&self) -> bool {
        matches!(self, Self::Posterior { .. } | Self::Sure)
    }

    /// Whether the transport draws random numbers, so that a restoration is several draws.
    #[must_use]
    pub fn makes_draws(&self) -> bool {
        match *self {
            Self::Ode => false,
            Self::Sde { .. } | Self::Posterior { .. } | Self::Sure => true,
            Self::FokkerPlanck { epsilon } => epsilon > 0.0,
        }
    }
}

/// The shape of the diffusion ε of the reverse-time SDE. Every choice leaves the law of I_t, and so
/// the restored population, as it is; it decides how far a restoration is tied to its observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EpsilonShape {
    /// Half the rate at which the path's noise variance t²σ² + γ² changes, pixel by pixel, with
    /// the recorded noise level σ; faded out within 0.2 of t = 1, where γ vanishes. For additive noise the draws are then draws from the posterior:
    /// their mean is the least-squares estimate.
    Channel,
    /// γ(t), whatever the noise.
    Gamma,
    /// 1 at all t, the paper's choice; its score term is divided by γ + 1e-3.
    Constant,
}

/// Sets what follows from the kind where it is left out: paths that end at fresh observations alone,
/// no path to warm up, and the steps along the path from a posterior, which differs little from the one
/// that it leads to.
pub(super) fn complete(table: &mut toml::Table) {
    let kind = table.get("interpolant").and_then(|i| i.get("kind"));
    match kind.and_then(toml::Value::as_str) {
        Some("fokker-planck") => image::default(table, "train", "mix", 1.0),
        Some("posterior") => {
            image::default(table, "train", "mix", 1.0);
            image::default(table, "train", "warm_start", 0);
            image::default(table, "train", "pool", 8);
            image::default(table, "transport", "steps", 8);
            image::default(table, "transport", "grading", 2.0);
        }
        Some("sure") => image::default(table, "train", "warm_start", 0),
        _ => {}
    }
}
