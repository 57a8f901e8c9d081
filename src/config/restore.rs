//! `[restore]`: draws, quantiles and the batch of a restoration.

use super::number_or;
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
    /// Rows that go through the network at once; `None`: `"auto"`, as many as a GPU's memory holds, and
    /// on the processor as many as keep its cores busy.
    #[serde(with = "number_or::Auto")]
    pub batch: Option<usize>,
}

impl Default for RestoreConfig {
    fn default() -> Self {
        Self {
            draws: 16,
            quantiles: vec![],
            shapes: false,
            batch: None,
        }
    }
}

impl RestoreConfig {
    /// Rows at once where neither the config nor the memory of a GPU says how many.
    pub(crate) const OBJECTS: usize = 64;

    /// In the digest of a config whose `[restore]` does not matter: the default of the first version, so that
    /// digests stay what they are.
    #[must_use]
    pub fn immaterial() -> Self {
        Self {
            batch: Some(Self::OBJECTS),
            ..Self::default()
        }
    }

    /// Rows at once, whatever the machine: of so many are the parts of a restoration.
    pub(crate) fn objects(&self) -> usize {
        self.batch.unwrap_or(Self::OBJECTS)
    }
}

#[cfg(test)]
mod tests {
    use super::RestoreConfig;

    fn read(text: &str) -> Result<RestoreConfig, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn the_batch_is_a_number_or_auto_and_is_written_as_it_was_read() {
        for (text, batch) in [
            ("batch = 7", Some(7)),
            ("batch = \"auto\"", None),
            ("", None),
        ] {
            let config = read(text).unwrap();
            assert_eq!(config.batch, batch);
            let written = toml::to_string(&config).unwrap();
            assert_eq!(read(&written).unwrap(), config, "{written}");
        }
        for text in [
            "batch = -1",
            "batch = \"all\"",
            "batch = 1.5",
            "batch = true",
        ] {
            let e = read(text).unwrap_err().to_string();
            assert!(e.contains("a whole number or \"auto\""), "{e}");
        }
    }
}
