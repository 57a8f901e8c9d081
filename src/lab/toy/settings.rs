//! How the trainings of a study are made, and what `--set` may change of it.

use super::learn::Arm;
use crate::Result;
use crate::config::{TrainConfig, TransportConfig, check_training, overridden};
use serde::{Deserialize, Serialize};

/// The sections of a config that a training on points has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub transport: TransportConfig,
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
        check_training(&settings.train, &settings.transport, "--set")?;
        Ok(settings)
    }
}
