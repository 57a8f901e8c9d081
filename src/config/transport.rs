//! `[transport]`: how Φ is integrated.

use super::bf16::Bf16;
use super::require::require;
use crate::Result;
use serde::{Deserialize, Serialize};

/// How the steps from t = 1 to 0 are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// One evaluation a step, first order: its error destroys weak modes of the population, which
    /// the self-consistent loop amplifies it in. For comparison with the paper.
    Euler,
    /// Two evaluations a step, second order, for the ODE and for the SDE.
    Heun,
    /// One evaluation a step, second order, exact where the noise outweighs the signal. For the
    /// ODE; draws from the SDE take Heun steps instead.
    Multistep,
}

/// `[transport]`: how Φ is integrated from t = 1 to 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TransportConfig {
    /// The integrator.
    pub scheme: Scheme,
    /// Its steps from t = 1 to 0.
    pub steps: usize,
    /// The steps end at t = (1 − k/steps)^`grading`: above 1, they shrink towards the clean side,
    /// where the fine structure is made.
    pub grading: f64,
    /// Whether the network of spectra computes in bfloat16 wherever Φ is run.
    #[serde(skip_serializing_if = "Bf16::is_off")]
    pub bf16: Bf16,
}

impl Default for TransportConfig {
    fn default() -> Self {
        Self {
            scheme: Scheme::Multistep,
            steps: 16,
            grading: 2.5,
            bf16: Bf16::Off,
        }
    }
}

impl TransportConfig {
    /// Checks the table by itself.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the key that is out of range.
    pub(crate) fn check(&self, origin: &str) -> Result<()> {
        let ok = |yes: bool, key: &str, problem: &str, fix: &str| {
            require(yes, origin, key, problem, fix)
        };
        ok(
            self.steps > 0,
            "transport.steps",
            "no steps",
            "give at least 1",
        )?;
        ok(
            self.grading > 0.0 && self.grading.is_finite(),
            "transport.grading",
            "not positive",
            "give 1 for equal steps, 2 for finer ones at the clean side",
        )
    }
}
