//! A whole job: every table of the TOML file.

use super::diffusion::DiffusionConfig;
use super::forward::ForwardConfig;
use super::grid::GridConfig;
use super::image::ImageConfig;
use super::interpolant::InterpolantConfig;
use super::mock::MockConfig;
use super::network::NetworkConfig;
use super::normalise::NormaliseConfig;
use super::restore::RestoreConfig;
use super::select::SelectConfig;
use super::survey::SurveyConfig;
use super::train::TrainConfig;
use super::transport::TransportConfig;
use crate::Result;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A whole job. See `survey_configs/` for examples with comments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Every random number derives from this seed.
    #[serde(default)]
    pub seed: u64,
    /// `[grid]`: the wavelengths of spectra.
    #[serde(default)]
    pub grid: GridConfig,
    /// The data are images of this shape, not spectra on a grid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageConfig>,
    /// `[survey]`: the input and the prepared set.
    pub survey: SurveyConfig,
    /// `[select]`: which spectra take part.
    #[serde(default)]
    pub select: SelectConfig,
    /// `[normalise]`: how data are brought to order 1.
    #[serde(default)]
    pub normalise: NormaliseConfig,
    /// `[forward]`: F.
    pub forward: ForwardConfig,
    /// `[network]`: the velocity field.
    #[serde(default)]
    pub network: NetworkConfig,
    /// `[interpolant]`: the path between clean data and observations.
    #[serde(default)]
    pub interpolant: InterpolantConfig,
    /// `[transport]`: how Φ is integrated.
    #[serde(default)]
    pub transport: TransportConfig,
    /// `[train]`: Algorithm 2.
    #[serde(default)]
    pub train: TrainConfig,
    /// `[restore]`: how much of a restoration is computed at once and written.
    #[serde(default)]
    pub restore: RestoreConfig,
    /// Only for `selfsi generate`; absent: its defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diffusion: Option<DiffusionConfig>,
    /// Only for `selfsi mock`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mock: Option<MockConfig>,
}

impl Config {
    /// Every file and folder that it names to be read, once the survey is prepared; also the words of a
    /// program that is the forward model, of which some are files.
    #[must_use]
    pub fn inputs(&self) -> Vec<&Path> {
        let program = match &self.forward {
            ForwardConfig::Command { program, .. } => &program[..],
            _ => &[],
        };
        let clean = self.train.clean.iter().map(|c| c.prepared.as_path());
        let mut inputs = self.survey.source.paths();
        inputs.push(&self.survey.prepared);
        inputs.extend(clean.chain(program.iter().map(Path::new)));
        inputs
    }

    /// `[diffusion]`, or its defaults where it is left out.
    #[must_use]
    pub fn diffusion_or_default(&self) -> DiffusionConfig {
        self.diffusion.clone().unwrap_or_default()
    }

    /// The network of the diffusion model: its own, or one like the run's.
    #[must_use]
    pub fn diffusion_network(&self) -> NetworkConfig {
        let own = self.diffusion_or_default().network;
        own.unwrap_or_else(|| self.network.clone())
    }

    /// Whether that network can run on the grid; to be asked before training.
    ///
    /// # Errors
    /// As [`Config::check_network_fits_grid`].
    pub fn check_diffusion_network(&self, origin: &str) -> Result<()> {
        let with = Self {
            network: self.diffusion_network(),
            ..self.clone()
        };
        with.check_network_fits_grid(&format!("{origin} [diffusion]"))
    }
}
