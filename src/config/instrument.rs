//! What an instrument does to a spectrum: its line-spread function and its noise.

use super::require::require;
use crate::Result;
use serde::{Deserialize, Serialize};

/// Where the width of the smoothing comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "lowercase", deny_unknown_fields)]
pub enum SmoothingFrom {
    /// σ = 1/`resolution` in natural-log wavelength, varied ±`spread` per spectrum.
    Resolution {
        /// λ/σ_λ.
        resolution: f64,
        /// Relative, of a uniform distribution.
        spread: f64,
    },
    /// Each spectrum's own line-spread function (SDSS `wdisp`).
    Lsf,
    /// Each spectrum's own resolution matrix (DESI `RESOLUTION`).
    Matrix,
}

/// Where the noise level comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "lowercase", deny_unknown_fields)]
pub enum NoiseFrom {
    /// Standard deviation mean(flux)/SNR + 1e-4 with SNR uniform in [`min`, `max`] per spectrum.
    Snr {
        /// Least SNR.
        min: f64,
        /// Largest SNR.
        max: f64,
    },
    /// Each spectrum's own inverse variance.
    Ivar,
}

impl SmoothingFrom {
    pub(super) fn check(&self, key: &str, origin: &str) -> Result<()> {
        let Self::Resolution { resolution, spread } = self else {
            return Ok(());
        };
        require(
            *resolution > 0.0 && resolution.is_finite() && (0.0..1.0).contains(spread),
            origin,
            key,
            "resolution must be positive and spread in 0..1",
            "give e.g. resolution = 5000, spread = 0.05",
        )
    }
}
