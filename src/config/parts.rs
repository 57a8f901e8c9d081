//! What of a config a step goes by: the rest at its default, so that what a step made stays good when
//! something else changes.

use super::{Config, ForwardConfig, NetworkConfig, RestoreConfig, TransportConfig};
use super::{LevelFrom, NoiseStage, StageConfig};

impl Config {
    /// What `selfsi prepare` goes by.
    #[must_use]
    pub fn of_preparation(&self) -> Self {
        Self {
            seed: 0,
            // Of F preparing asks only whether to measure the noise.
            forward: match self.forward.measures_background() {
                true => ForwardConfig::Stages {
                    stages: vec![StageConfig::Noise(NoiseStage::from(LevelFrom::Background))],
                    units: None,
                },
                false => ForwardConfig::Gaussian { sigma: 1.0 },
            },
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
