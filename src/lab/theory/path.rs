//! The three interpolants of the method between x0 ~ N(0, v) and x1 = x0 + σ ξ, one coordinate.
//!
//! I_t is Gaussian with the variance s(t) = v + r(t), where r(t) does not depend on v. Regression
//! on I_t gives b(t, x) = ½ s'/s · x and the score −x/s, so that the drift of the SDE forward in
//! time is b + ε ∇log p = (½ s' − ε)/s · x.

use super::integral::integral;
use serde::Serialize;

/// Which interpolant, and the diffusion ε of its backward SDE.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Path {
    /// I_t = (1−t) x0 + t x1; ε = 0.
    Ode,
    /// The same + γ z with γ = `gamma`·t(1−t); `epsilon` is constant.
    Sde {
        /// Four times γ at t = ½.
        gamma: f64,
        /// Diffusion of the backward SDE.
        epsilon: f64,
    },
    /// I_t = x0 + √t σ ξ (eq. 12), with the channel's own diffusion ε = σ²/2: the backward SDE is
    /// the channel reversed in time.
    FokkerPlanck,
}

impl Path {
    /// ε behind noise of standard deviation `sigma`.
    #[must_use]
    pub fn epsilon(&self, sigma: f64) -> f64 {
        match *self {
            Self::Ode => 0.0,
            Self::Sde { epsilon, .. } => epsilon,
            Self::FokkerPlanck => 0.5 * sigma * sigma,
        }
    }

    /// r(t), what the path adds to the variance of x0.
    #[must_use]
    pub fn added_variance(&self, sigma: f64, t: f64) -> f64 {
        match *self {
            Self::Ode => (t * sigma).powi(2),
            Self::Sde { gamma, .. } => (t * sigma).powi(2) + (gamma * t * (1.0 - t)).powi(2),
            Self::FokkerPlanck => t * sigma * sigma,
        }
    }

    /// ½ s'(t) − ε, the forward drift times s/x: 0 at all t for the Fokker–Planck interpolant.
    #[must_use]
    pub fn forward_rate(&self, sigma: f64, t: f64) -> f64 {
        match *self {
            Self::Ode => t * sigma * sigma,
            Self::Sde { gamma, epsilon } => {
                t * sigma * sigma + gamma * gamma * t * (1.0 - t) * (1.0 - 2.0 * t) - epsilon
            }
            Self::FokkerPlanck => 0.0,
        }
    }

    /// J(v) = ∫ ε/s dt over [0, 1].
    #[must_use]
    pub fn diffusion_integral(&self, sigma: f64, v: f64) -> f64 {
        match *self {
            Self::Ode => 0.0,
            Self::Sde { epsilon, .. } => {
                epsilon
                    * integral(self.width(sigma, v), |t| {
                        1.0 / (v + self.added_variance(sigma, t))
                    })
            }
            Self::FokkerPlanck => 0.5 * (sigma * sigma / v).ln_1p(),
        }
    }

    /// The t at which r(t) has grown to about `v`.
    pub(super) fn width(&self, sigma: f64, v: f64) -> f64 {
        let gamma = match *self {
            Self::Sde { gamma, .. } => gamma,
            Self::Ode | Self::FokkerPlanck => 0.0,
        };
        v.sqrt() / sigma.hypot(gamma)
    }
}
