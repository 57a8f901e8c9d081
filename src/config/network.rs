//! `[network]`: the velocity field.

use super::require::require;
use crate::Result;
use serde::{Deserialize, Serialize};

/// `[network]`. `kind` may be left out: images take the 2-D U-Net, spectra the 1-D one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum NetworkConfig {
    /// For spectra.
    Unet1d(UNet1dConfig),
    /// For images.
    Unet2d(UNet2dConfig),
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self::Unet1d(UNet1dConfig::default())
    }
}

impl NetworkConfig {
    /// Whether the network is told the noise level of each pixel.
    #[must_use]
    pub fn noise_input(&self) -> bool {
        match self {
            Self::Unet1d(c) => c.noise_input,
            Self::Unet2d(c) => c.noise_input,
        }
    }

    /// Whether a run with this config tells the network the rest wavelength of each pixel.
    #[must_use]
    pub fn redshift_input(&self) -> bool {
        matches!(self, Self::Unet1d(c) if c.redshift == Some(true))
    }

    /// Whether a Gaussian population is the known part of the fields.
    #[must_use]
    pub fn gaussian(&self) -> bool {
        matches!(self, Self::Unet1d(c) if c.gaussian)
    }

    /// Scatter of ln(1 + z) that training adds to recorded redshifts.
    #[must_use]
    pub fn redshift_scatter(&self) -> f64 {
        match self {
            Self::Unet1d(c) => c.redshift_error.unwrap_or(REDSHIFT_ERROR) / LIGHT,
            Self::Unet2d(_) => 0.0,
        }
    }

    /// The same with what it leaves open about redshifts decided for data that `have` them or not.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) if it asks for redshifts that there are not.
    pub fn with_redshifts(&self, have: bool, origin: &str) -> Result<Self> {
        let mut network = self.clone();
        if let Self::Unet1d(c) = &mut network {
            require(
                have || c.redshift != Some(true),
                origin,
                "network.redshift",
                "no usable row of the prepared set has a redshift",
                "leave it out, or prepare the set with redshifts",
            )?;
            let told = *c.redshift.get_or_insert(have);
            c.redshift_error = told.then(|| c.redshift_error.unwrap_or(REDSHIFT_ERROR));
        }
        Ok(network)
    }
}

/// km/s: what different lines of one quasar disagree by.
const REDSHIFT_ERROR: f64 = 300.0;
/// Speed of light, km/s.
const LIGHT: f64 = 299_792.458;

/// The 1-D U-Net.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UNet1dConfig {
    /// Channels at each level, finest first.
    pub channels: Vec<i64>,
    /// Pixels (even) per point of the finest level; each further level is coarser by 2.
    pub patch: i64,
    /// Pixels by which the spectrum is extended by reflection at either end.
    pub margin: i64,
    /// Residual blocks per level and side.
    pub blocks: usize,
    /// Taps of each convolution (odd).
    pub kernel: i64,
    /// Self-attention at the coarsest level.
    pub attention: bool,
    /// Width of the time embedding.
    pub embedding: i64,
    /// Part of the activations that training silences.
    pub dropout: f64,
    /// Whether the noise level of each pixel (from ivar) is an input, besides the mask.
    pub noise_input: bool,
    /// Whether the network is told each pixel's rest wavelength. Absent from a config: where the
    /// prepared set holds redshifts. A run's own config.toml says it; where it does not, the run is
    /// of a time when no network was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redshift: Option<bool>,
    /// Scatter of the redshifts that training adds to the recorded ones, km/s, so that a wrong one
    /// does little harm. Absent: 300 where the network is told of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redshift_error: Option<f64>,
    /// Whether the posterior of the Gaussian population behind the observations, learned from them in
    /// the rest frame, is the known part of the fields: a network that says nothing is that posterior,
    /// and no warm start is needed. For channels in closed form.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub gaussian: bool,
}

impl UNet1dConfig {
    /// Whether such a network takes spectra of so many pixels.
    #[must_use]
    pub(crate) fn fits(&self, pixels: usize) -> bool {
        let (pixels, total) = (pixels as i64, self.patch << (self.channels.len() - 1));
        self.margin + self.patch < pixels && (pixels + 2 * self.margin) % total == 0
    }
}

impl Default for UNet1dConfig {
    fn default() -> Self {
        Self {
            channels: vec![48, 64, 96],
            patch: 8,
            margin: 64,
            blocks: 1,
            kernel: 5,
            attention: true,
            embedding: 64,
            dropout: 0.0,
            noise_input: true,
            redshift: None,
            redshift_error: None,
            gaussian: false,
        }
    }
}

/// The 2-D U-Net of Dhariwal & Nichol in the form of EDM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UNet2dConfig {
    /// Channels C of the finest level.
    pub channels: i64,
    /// Channels of each level in units of C, finest first; each further level is coarser by 2.
    pub multipliers: Vec<i64>,
    /// Width of the embedding of the time in units of C.
    pub embedding: i64,
    /// Residual blocks per level on the way down; one more on the way up.
    pub blocks: usize,
    /// Heights of the image at which all blocks have self-attention. Whatever is given here, the
    /// first block after the way down has it.
    pub attention: Vec<i64>,
    /// Channels per attention head, or the next larger number that divides a level's channels.
    pub head: i64,
    /// Part of the activations that training silences.
    pub dropout: f64,
    /// Whether the network is told which pixels are masked.
    pub mask_input: bool,
    /// Whether the network is told the noise level of each pixel.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub noise_input: bool,
    /// Whether the network is told each image's point-spread function, by its Fourier modulus on a few
    /// modes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub psf_input: bool,
    /// Tensors in the channels-last layout.
    pub channels_last: bool,
    /// Convolutions and matrix products in bfloat16.
    pub bf16: bool,
}

impl UNet2dConfig {
    /// Whether such a network takes images of so many pixels.
    #[must_use]
    pub(crate) fn fits(&self, height: usize, width: usize) -> bool {
        let unit = 1usize << (self.multipliers.len().max(1) - 1);
        height.is_multiple_of(unit) && width.is_multiple_of(unit)
    }
}

impl Default for UNet2dConfig {
    fn default() -> Self {
        Self {
            channels: 64,
            multipliers: vec![1, 2, 3, 4],
            embedding: 4,
            blocks: 3,
            attention: vec![32, 16, 8],
            head: 64,
            dropout: 0.1,
            mask_input: true,
            noise_input: false,
            psf_input: false,
            channels_last: false,
            bf16: false,
        }
    }
}

pub(super) fn check(network: &NetworkConfig, origin: &str) -> Result<()> {
    match network {
        NetworkConfig::Unet1d(c) => check_1d(c, origin),
        NetworkConfig::Unet2d(c) => check_2d(c, origin),
    }
}

fn check_1d(n: &UNet1dConfig, origin: &str) -> Result<()> {
    let ok =
        |yes: bool, key: &str, problem: &str, fix: &str| require(yes, origin, key, problem, fix);
    ok(
        !n.channels.is_empty() && n.channels.iter().all(|c| *c > 0),
        "network.channels",
        "not a list of positive widths",
        "give e.g. channels = [16, 32, 64]",
    )?;
    ok(
        n.patch >= 2 && n.patch % 2 == 0,
        "network.patch",
        "not a positive even number",
        "give e.g. patch = 8",
    )?;
    ok(
        n.margin >= n.patch,
        "network.margin",
        "less than network.patch",
        "give e.g. margin = 64",
    )?;
    ok(
        n.blocks > 0,
        "network.blocks",
        "no blocks",
        "give at least 1",
    )?;
    ok(
        n.kernel > 0 && n.kernel % 2 == 1,
        "network.kernel",
        "not odd",
        "give e.g. kernel = 5",
    )?;
    ok(
        n.embedding > 0 && n.embedding % 2 == 0,
        "network.embedding",
        "not an even number",
        "give e.g. embedding = 64",
    )?;
    ok(
        !n.gaussian || n.noise_input,
        "network.gaussian",
        "needs the noise level of each pixel",
        "give network.noise_input = true",
    )?;
    ok(
        n.redshift_error.is_none_or(|e| (0.0..LIGHT).contains(&e)),
        "network.redshift_error",
        "not a velocity in km/s",
        "give e.g. 300",
    )?;
    ok(
        (0.0..1.0).contains(&n.dropout),
        "network.dropout",
        "not in 0..1",
        "give e.g. 0.1",
    )
}

fn check_2d(n: &UNet2dConfig, origin: &str) -> Result<()> {
    let ok =
        |yes: bool, key: &str, problem: &str, fix: &str| require(yes, origin, key, problem, fix);
    ok(
        n.channels > 0 && n.channels % 4 == 0,
        "network.channels",
        "not a positive multiple of 4",
        "give e.g. channels = 64",
    )?;
    ok(
        !n.multipliers.is_empty() && n.multipliers.iter().all(|m| *m > 0),
        "network.multipliers",
        "not a list of positive numbers",
        "give e.g. multipliers = [1, 2, 3, 4]",
    )?;
    ok(
        n.embedding > 0 && n.blocks > 0 && n.head > 0,
        "network.embedding",
        "embedding, blocks and head must be positive",
        "give e.g. embedding = 4, blocks = 3, head = 64",
    )?;
    ok(
        (0.0..1.0).contains(&n.dropout),
        "network.dropout",
        "not in 0..1",
        "give e.g. 0.1",
    )
}
