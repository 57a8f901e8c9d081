//! The arms of the study: one interpolant each.

use crate::config::{EpsilonShape, InterpolantConfig};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The interpolant of an arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Arm {
    /// γ = 0.
    Ode,
    /// γ = t(1 − t), ε = 0.1: the paper's.
    Sde,
    /// I_t = x0 + √t σ ξ (eq. 12), carried back by the reverse of the heat flow.
    FokkerPlanck,
    /// From draws of a Gaussian posterior on, with fields that are told of the observation.
    Posterior,
}

impl Arm {
    /// Its name in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ode => "ODE",
            Self::Sde => "SDE",
            Self::FokkerPlanck => "Fokker–Planck",
            Self::Posterior => "posterior",
        }
    }

    pub(super) fn interpolant(self) -> InterpolantConfig {
        match self {
            Self::Ode => InterpolantConfig::Ode,
            Self::Sde => InterpolantConfig::Sde {
                gamma: 1.0,
                diffusion: EpsilonShape::Constant,
                epsilon: 0.1,
            },
            Self::FokkerPlanck => InterpolantConfig::FokkerPlanck { epsilon: 1.0 },
            Self::Posterior => InterpolantConfig::Posterior { erased: 1.0 },
        }
    }
}
