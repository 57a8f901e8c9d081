//! `[restore]`: draws, quantiles and the batch of a restoration.

use serde::{Deserialize, Serialize};

/// `[restore]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RestoreConfig {
    /// SDE draws per observation (ignored by the ODE, whose map is deterministic).
    pub draws: usize,
    /// Quantiles of the draws to write, e.g. [0.16, 0.5, 0.84].
    pub quantiles: Vec<f64>,
    /// Whether flux, half-light radius and ellipticity of the galaxy in the middle of each image are measured
    /// on its draws and written into the table.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shapes: bool,
    /// Rows that go through the network at once.
    pub batch: usize,
}

impl Default for RestoreConfig {
    fn default() -> Self {
        Self {
            draws: 16,
            quantiles: vec![],
            shapes: false,
            batch: 64,
        }
    }
}
