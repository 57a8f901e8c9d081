//! What of a config a step goes by: the rest at its default, so that what a step made stays good when
//! something else changes.

use super::{Config, NetworkConfig, RestoreConfig, TransportConfig};

impl Config {
    /// What `selfsi prepare` goes by.
    #[must_use]
    pub fn of_preparation(&self) -> Self {
        Self {
            seed: 0,
            forward: self.forward.as_prepared(),
            network: NetworkConfig::default(),
            interpolant: super::InterpolantConfig::default(),
            transport: TransportConfig::default(),
            train: super::TrainConfig::default(),
            ..self.of_training()
        }
    }

    /// The same with what is left to the machine decided: `quick_bf16` says whether bfloat16 is the
    /// faster there.
    #[must_use]
    pub fn decided(&self, quick_bf16: bool) -> Self {
        let mut config = self.clone();
        config.transport.bf16 = config.transport.bf16.decided(quick_bf16);
        config
    }

    /// What `selfsi train` goes by.
    #[must_use]
    pub fn of_training(&self) -> Self {
        Self {
            restore: RestoreConfig::immaterial(),
            diffusion: None,
            mock: None,
            ..self.clone()
        }
    }

    /// What `selfsi mock` goes by.
    #[must_use]
    pub fn of_mock(&self) -> Self {
        Self {
            seed: self.seed,
            mock: self.mock.clone(),
            ..self.of_preparation()
        }
    }
}
