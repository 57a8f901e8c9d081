//! `[normalise]`: the level by which each spectrum is divided, or the scale of images.

use serde::{Deserialize, Serialize};

/// `[normalise]`: the level by which each spectrum is divided; recorded and undone on writing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum NormaliseConfig {
    /// A robust mean over `[min, max]` Å (observed), best outside the restored range: there its
    /// error is independent of the noise that the forward model adds inside.
    Window {
        /// Blue end, Å.
        min: f64,
        /// Red end, Å.
        max: f64,
        /// Levels less significant than this many sigma are refused.
        snr_min: f64,
    },
    /// The mean flux of each spectrum, as its scale against the mean spectrum of the survey tells it: for
    /// surveys whose objects share no window. Mean and scales are found in turn from the survey itself.
    Amplitude {
        /// Amplitudes less significant than this many sigma are refused.
        snr_min: f64,
    },
    /// The catalog's `level` column or dataset.
    Column,
    /// Images: an asinh stretch where `softening` (in the file's units) is given, then mean 0 and
    /// standard deviation 1 in each channel. Without `mean` and `std` both are measured.
    Pixels {
        /// Mean of the stretched values, per channel.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mean: Option<Vec<f64>>,
        /// Their standard deviation, per channel.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        std: Option<Vec<f64>>,
        /// Values well below it are stretched linearly, those well above it logarithmically.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        softening: Option<f64>,
    },
    /// Fluxes as they are.
    None,
}

impl Default for NormaliseConfig {
    fn default() -> Self {
        Self::Window {
            min: 6600.0,
            max: 8000.0,
            snr_min: 5.0,
        }
    }
}
