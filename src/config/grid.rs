//! `[grid]`: the common wavelength grid.

use serde::{Deserialize, Serialize};

/// The common grid: `pixels` of equal width in log wavelength, observed frame, vacuum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GridConfig {
    /// Blue edge of the first pixel, Å.
    pub min: f64,
    /// Red edge of the last pixel, Å.
    pub max: f64,
    /// Number of pixels.
    pub pixels: usize,
}

impl Default for GridConfig {
    fn default() -> Self {
        Self {
            min: 4000.0,
            max: 6500.0,
            pixels: 1024,
        }
    }
}
