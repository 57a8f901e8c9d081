//! Which rows of the table and which calibration belong to one method, and what it cost.

use serde::{Deserialize, Serialize};

/// What a method is in the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The run that is judged.
    Run,
    /// Another method that learns from the observations alone.
    Peer,
    /// The run's network, trained on what nobody has: clean spectra with their observations.
    Control,
    /// What knows the population, or clean data, otherwise.
    Reference,
}

/// A method: names of its rows and of its calibration in the same [`super::Evaluation`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Method {
    /// In tables.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// The row of its estimates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<String>,
    /// The row of one draw of each object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw: Option<String>,
    /// The calibration of its draws.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<String>,
    /// Processor seconds of its training; of baselines, with all that it restores here.
    #[serde(default = "super::json_nan::nan", with = "super::json_nan")]
    pub cpu_s: f64,
}
