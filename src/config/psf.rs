//! `[[forward.stages]] kind = "psf"`: where the point-spread function of an image comes from.

use super::latent_use::LatentUse;
use super::require::require;
use crate::Result;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A convolution with a point-spread function (PSF) of sum 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PsfConfig {
    /// Where it comes from.
    pub from: PsfFrom,
    /// FITS file of one PSF [P, P] or several [N, P, P], for `from = "file"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Range of the full width at half maximum, in units of `pixel`, for `moffat` and `gaussian`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fwhm: Option<[f64; 2]>,
    /// Exponent of the Moffat profile (1 + (r/α)²)^−β; 3 where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta: Option<f64>,
    /// Width of a pixel in the unit of `fwhm`; 1 where it is left out: `fwhm` is in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixel: Option<f64>,
    /// What is known of it; see [`PsfConfig::latent`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latent: Option<LatentUse>,
}

/// Where a PSF comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PsfFrom {
    /// Each image's own, as the prepared set holds it.
    Hdu,
    /// One file: one for all images, or several of which each image has one, it is not known which.
    File,
    /// A round Moffat profile of a width within `fwhm`.
    Moffat,
    /// A round Gaussian of a width within `fwhm`.
    Gaussian,
}

impl PsfConfig {
    /// What is known of the PSF. Of `hdu`, `moffat` and `gaussian` where the config does not say: it is
    /// kept. Of several in a file it is hidden which one it was.
    #[must_use]
    pub fn latent(&self) -> LatentUse {
        self.latent.unwrap_or(match self.from {
            PsfFrom::File => LatentUse::Hidden,
            PsfFrom::Hdu | PsfFrom::Moffat | PsfFrom::Gaussian => LatentUse::Kept,
        })
    }

    /// Whether it is a profile whose width is one number.
    #[must_use]
    pub fn is_profile(&self) -> bool {
        matches!(self.from, PsfFrom::Moffat | PsfFrom::Gaussian)
    }

    /// Exponent of the Moffat profile.
    #[must_use]
    pub fn beta(&self) -> f64 {
        self.beta.unwrap_or(3.0)
    }

    /// Width of a pixel in the unit of `fwhm`.
    #[must_use]
    pub fn pixel(&self) -> f64 {
        self.pixel.unwrap_or(1.0)
    }

    pub(super) fn check(&self, key: &str, origin: &str) -> Result<()> {
        let ok = |yes: bool, problem: &str, fix: &str| require(yes, origin, key, problem, fix);
        let (file, profile) = (self.from == PsfFrom::File, self.is_profile());
        ok(
            file == self.file.is_some(),
            "`file` belongs to from = \"file\", which needs it",
            "give e.g. from = \"file\", file = \"psf.fits\"",
        )?;
        ok(
            profile == self.fwhm.is_some(),
            "`fwhm` belongs to from = \"moffat\" and \"gaussian\", which need it",
            "give e.g. fwhm = [2.5, 4.5]",
        )?;
        ok(
            profile || self.pixel.is_none(),
            "`pixel` belongs to `fwhm`",
            "leave it out",
        )?;
        ok(
            self.from == PsfFrom::Moffat || self.beta.is_none(),
            "`beta` belongs to from = \"moffat\"",
            "leave it out",
        )?;
        ok(
            !file || self.latent() == LatentUse::Hidden,
            "of PSFs in a file it is not known which one an image has",
            "leave `latent` out, or give each image its own (from = \"hdu\")",
        )?;
        if let Some([min, max]) = self.fwhm {
            ok(
                min > 0.0 && max >= min && max.is_finite(),
                "fwhm is not a range of positive numbers",
                "give e.g. fwhm = [2.5, 4.5]",
            )?;
        }
        ok(
            self.beta() > 1.0 && self.beta() <= 100.0,
            "beta is not within (1, 100]: the profile would have no finite flux",
            "give e.g. beta = 3.0",
        )?;
        ok(
            self.pixel() > 0.0 && self.pixel().is_finite(),
            "pixel is not positive",
            "give the width of a pixel in the unit of fwhm",
        )
    }
}
