//! `[[forward.stages]] kind = "noise"`: where the level of the noise comes from.

use super::require::require;
use crate::Result;
use serde::{Deserialize, Serialize};

/// Noise of the detector.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoiseStage {
    /// Where its level comes from.
    #[serde(default, skip_serializing_if = "LevelFrom::is_sigma")]
    pub from: LevelFrom,
    /// Its standard deviation; 0 where it comes from elsewhere.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sigma: f64,
    /// Range of the signal-to-noise ratios of `from = "snr"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snr: Option<[f64; 2]>,
    /// Electrons per pixel of the normalised flux 1, for `from = "photon"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub electrons: Option<f64>,
    /// Electrons per pixel of what was subtracted (the sky), for `from = "photon"`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub background: f64,
    /// Read noise, electrons per pixel, for `from = "photon"`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub read: f64,
    /// Images: rows of the kernel that makes white noise correlated (coadds that were resampled), [P, P], P
    /// odd; noise keeps its standard deviation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kernel: Vec<Vec<f64>>,
}

/// Where the level of a noise stage comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LevelFrom {
    /// The stage's `sigma`.
    #[default]
    Sigma,
    /// Each observation's own inverse variance.
    Ivar,
    /// Images: the same, and where an image comes without one, the scatter of its background, which
    /// `selfsi prepare` measures.
    Background,
    /// Spectra: a standard deviation mean(flux)/SNR + 10⁻⁴ with a random SNR.
    Snr,
    /// Spectra: photons, those of a background too, and read noise.
    Photon,
}

pub(super) fn is_zero(v: &f64) -> bool {
    *v == 0.0
}

impl LevelFrom {
    pub(super) fn is_sigma(&self) -> bool {
        *self == Self::Sigma
    }

    /// Whether it is what the observations record.
    #[must_use]
    pub fn is_recorded(self) -> bool {
        matches!(self, Self::Ivar | Self::Background)
    }
}

impl NoiseStage {
    /// Of standard deviation `sigma`.
    #[must_use]
    pub fn of(sigma: f64) -> Self {
        Self {
            sigma,
            ..Self::default()
        }
    }

    /// Of the level that the observations tell.
    #[must_use]
    pub fn from(from: LevelFrom) -> Self {
        Self {
            from,
            ..Self::default()
        }
    }

    pub(super) fn check(&self, key: &str, origin: &str) -> Result<()> {
        let ok = |yes: bool, problem: &str, fix: &str| require(yes, origin, key, problem, fix);
        let positive = |v: f64| v > 0.0 && v.is_finite();
        let from = |from| self.from == from;
        match from(LevelFrom::Sigma) {
            true => ok(
                positive(self.sigma),
                "sigma is not positive",
                "give e.g. sigma = 0.1, or from = \"ivar\"",
            )?,
            false => ok(
                self.sigma == 0.0,
                "sigma beside `from`",
                "give one of the two",
            )?,
        }
        ok(
            from(LevelFrom::Snr) == self.snr.is_some()
                && self
                    .snr
                    .is_none_or(|[a, b]| positive(a) && b >= a && b.is_finite()),
            "`snr`, a range of positive numbers, belongs to from = \"snr\", which needs it",
            "give e.g. from = \"snr\", snr = [0.5, 2.0]",
        )?;
        ok(
            from(LevelFrom::Photon) == self.electrons.is_some()
                && self.electrons.is_none_or(positive),
            "`electrons`, a positive number, belongs to from = \"photon\", which needs it",
            "give e.g. from = \"photon\", electrons = 400.0, background = 200.0, read = 3.0",
        )?;
        let side = self.kernel.len();
        ok(
            side == 0
                || side % 2 == 1
                    && self.kernel.iter().all(|row| row.len() == side)
                    && self.kernel.iter().flatten().any(|v| *v != 0.0),
            "`kernel` is not a square of an odd number of rows, or all zero",
            "give e.g. kernel = [[0.1, 0.2, 0.1], [0.2, 1.0, 0.2], [0.1, 0.2, 0.1]]",
        )?;
        let extra = [self.background, self.read];
        ok(
            extra.iter().all(|v| *v >= 0.0 && v.is_finite())
                && (from(LevelFrom::Photon) || extra == [0.0; 2]),
            "`background` and `read`, which are not negative, belong to from = \"photon\"",
            "leave them out, or give e.g. background = 200.0, read = 3.0",
        )
    }

    /// Whether images, or spectra, can have such noise.
    pub(super) fn check_data(&self, of_images: bool, key: &str, origin: &str) -> Result<()> {
        let refused = match of_images {
            true => matches!(self.from, LevelFrom::Snr | LevelFrom::Photon),
            false => self.from == LevelFrom::Background,
        };
        let (data, fix) = match of_images {
            true => (
                "spectra",
                "give `sigma`, from = \"ivar\" or \"background\", or kind = \"photon\"",
            ),
            false => (
                "images",
                "give `sigma`, or from = \"ivar\", \"snr\" or \"photon\"",
            ),
        };
        require(
            of_images || self.kernel.is_empty(),
            origin,
            &format!("{key}.kernel"),
            "such noise is for images",
            "leave it out: the correlation of spectra is measured (survey.noise)",
        )?;
        let problem = format!("such a level is for {data}");
        require(!refused, origin, &format!("{key}.from"), &problem, fix)
    }
}
