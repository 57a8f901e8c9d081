//! How the trainings of a study are made, and what `--set` may change of it.

use super::arm::Arm;
use crate::Result;
use crate::config::Scheme;
use crate::config::{TrainConfig, TransportConfig, check_bounds, overridden};
use serde::{Deserialize, Serialize};

/// Evaluations of the network along the path; the paper has 40.
const EVALUATIONS: usize = 20;

/// The sections of a config that a training on points has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `[transport]`.
    pub transport: TransportConfig,
    /// `[train]`.
    pub train: TrainConfig,
}

/// The keys that mean something here: there is no warm start, no validation and no checkpoint.
const KEYS: [&str; 14] = [
    "transport.scheme",
    "transport.steps",
    "transport.grading",
    "train.batch",
    "train.resamplings",
    "train.reuse",
    "train.pool",
    "train.growth",
    "train.refresh",
    "train.mix",
    "train.learning_rate",
    "train.warmup",
    "train.clip",
    "train.ema",
];

impl Settings {
    /// Those of `arm` for `steps` steps, with `overrides` of the form `section.key=value`.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for a key that is unknown or means nothing here, and
    /// for a value out of range.
    pub fn of(arm: Arm, steps: u64, overrides: &[String]) -> Result<Self> {
        let settings = overridden(&arm.settings(steps), overrides, &KEYS)?;
        check_bounds(&settings, "--set")?;
        settings.transport.check("--set")?;
        settings.train.check(&settings.transport, "--set")?;
        Ok(settings)
    }
}

impl Arm {
    /// What the arm is trained with unless `--set` says otherwise: the same for every arm except for the
    /// recorded observations, which are no end of the Fokker–Planck path, and for its scheme.
    #[must_use]
    pub fn settings(self, steps: u64) -> Settings {
        let (scheme, path, mix) = match self {
            // As in the paper.
            Self::Ode | Self::Sde => (Scheme::Euler, EVALUATIONS, 0.9),
            // Of its doubled drift Euler's error is a sixth of a variance as large as the noise's.
            Self::FokkerPlanck => (Scheme::Heun, EVALUATIONS / 2, 1.0),
            Self::Posterior => (Scheme::Multistep, 8, 1.0),
        };
        let (grading, pool) = match self {
            Self::Posterior => (2.0, 8),
            _ => (1.0, 1),
        };
        Settings {
            transport: TransportConfig {
                scheme,
                steps: path,
                grading,
                ..TransportConfig::default()
            },
            train: TrainConfig {
                steps,
                warm_start: 0,
                batch: 256,
                resamplings: 2,
                reuse: 8,
                pool,
                mix,
                learning_rate: 3e-3,
                ema: 0.95,
                ..TrainConfig::default()
            },
        }
    }
}
