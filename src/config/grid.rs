//! `[grid]`: the common wavelength grid.

use serde::{Deserialize, Serialize};

/// What wavelengths a grid is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Frame {
    /// Those that the survey measured.
    #[default]
    Observed,
    /// Those in the rest frame of each object: every spectrum is moved by its redshift.
    Rest,
}

/// The common grid: `pixels` of equal width in log wavelength, vacuum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GridConfig {
    /// Blue edge of the first pixel, Å in the frame of the grid.
    pub min: f64,
    /// Red edge of the last pixel, Å in the frame of the grid.
    pub max: f64,
    /// Number of pixels.
    pub pixels: usize,
    /// `observed`, or `rest`: one grid for objects of all redshifts, each of which covers a part of it.
    pub frame: Frame,
}

impl Default for GridConfig {
    fn default() -> Self {
        Self {
            min: 4000.0,
            max: 6500.0,
            pixels: 1024,
            frame: Frame::Observed,
        }
    }
}

impl Frame {
    /// Its name in configs and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Rest => "rest",
        }
    }

    /// The frame of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Observed, Self::Rest]
            .into_iter()
            .find(|f| f.name() == name)
    }
}
