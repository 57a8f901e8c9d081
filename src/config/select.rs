//! `[select]`: which spectra take part.

use serde::{Deserialize, Serialize};

/// `[select]`: which spectra take part. Those left out stay in the output, flagged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SelectConfig {
    /// Least redshift.
    pub z_min: f64,
    /// Largest redshift.
    pub z_max: f64,
    /// Smallest fraction of grid pixels that must hold good data.
    pub coverage_min: f64,
    /// Smallest median S/N per grid pixel.
    pub snr_min: f64,
    /// Whether a nonzero ZWARNING excludes a spectrum (where the survey has one).
    pub zwarning: bool,
}

impl Default for SelectConfig {
    fn default() -> Self {
        Self {
            z_min: f64::NEG_INFINITY,
            z_max: f64::INFINITY,
            coverage_min: 0.8,
            snr_min: f64::NEG_INFINITY,
            zwarning: true,
        }
    }
}
