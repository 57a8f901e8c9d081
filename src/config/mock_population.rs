//! `[mock.population]`: what the quasars of a mock are drawn from.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// `[mock.population]`: continua and emission lines of mock quasars.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum PopulationConfig {
    /// A power law and the line list of `data/lines.toml`.
    #[default]
    Lines,
    /// A factor model in rest wavelength: mean, components and the law of their scores.
    Factors {
        /// An HDF5 file ([`crate::mock::Factors`]).
        file: PathBuf,
        /// Wavelengths that the model does not have.
        #[serde(default)]
        beyond: Beyond,
    },
}

/// What becomes of rest wavelengths that a factor model does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Beyond {
    /// A survey that needs them is refused.
    #[default]
    Refuse,
    /// A spectrum of [`PopulationConfig::Lines`], joined on at the end of the model.
    Lines,
}

impl PopulationConfig {
    /// The file of a factor model.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Lines => None,
            Self::Factors { file, .. } => Some(file),
        }
    }
}
