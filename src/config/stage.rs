//! `[[forward.stages]]`: one corruption of a spectrum or of an image.

use super::instrument::SmoothingFrom;
use super::latent_use::LatentUse;
use super::noise_stage::{NoiseStage, is_zero};
use super::psf::PsfConfig;
use serde::{Deserialize, Serialize};

/// One corruption. Levels are in the units of [`StageUnits`](super::StageUnits), those of spectra in
/// normalised flux; lengths are in pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum StageConfig {
    /// Lost pixels.
    Mask(MaskStage),
    /// Noise of the detector.
    Noise(NoiseStage),
    /// Clipping at a level.
    Saturate {
        /// The level.
        level: f64,
        /// Whether the clipped pixels are marked, and count as lost.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        flagged: bool,
    },
    /// Spectra: a tilt of the flux calibration, linear in wavelength about the middle of the range.
    Tilt {
        /// It is uniform in ±`amplitude` at the ends.
        amplitude: f64,
    },
    /// Spectra: a smooth error of the flux calibration, a random polynomial of the wavelength.
    Throughput {
        /// Its root mean square over the range, relative.
        amplitude: f64,
        /// Degree of the polynomial; it has no constant term.
        degree: usize,
    },
    /// What is left of the sky after its subtraction.
    Sky(SkyStage),
    /// Spectra: the line-spread function.
    Smooth(SmoothingFrom),
    /// Spectra: an error of the redshift, or of the zero of the wavelengths.
    Redshift {
        /// Standard deviation, km/s.
        error: f64,
    },
    /// Images: cosmic rays: lines of pixels that are lost.
    Cosmic {
        /// How many there are in an image, in the mean.
        hits: f64,
        /// Pixels of each, odd.
        length: usize,
        /// What is known of them.
        latent: LatentUse,
    },
    /// Images: lost columns.
    Columns {
        /// Share of the columns that are lost, 0..1.
        rho: f64,
        /// What is known of them.
        latent: LatentUse,
    },
    /// Images: pixels of the detector that are larger than those of the grid: squares of `factor` × `factor`
    /// pixels that hold their mean.
    Undersample {
        /// Pixels along a side.
        factor: usize,
    },
    /// Images: convolution with a point-spread function, the image's own or a drawn one.
    Psf(PsfConfig),
    /// Images: Gaussian blur of standard deviation `sigma`; the kernel ends at 2⌈3σ⌉ + 1 pixels.
    Blur {
        /// Pixels.
        sigma: f64,
    },
    /// Images: an additive Poisson variable of fixed mean `rate`, whatever the signal (the paper's λ_n).
    Poisson {
        /// Mean count.
        rate: f64,
    },
    /// Images: photon noise: counts of mean `gain` × (pixel value in the file's units), divided by `gain`.
    Photon {
        /// Photons per unit of the file's values.
        gain: f64,
    },
    /// Images: motion blur: a line of `length` (odd) pixels in a random direction.
    Motion {
        /// Pixels, odd.
        length: usize,
        /// What is known of the direction.
        latent: LatentUse,
    },
    /// Images: JPEG of a quality uniform in [`min`, `max`], of 0..1; pixel values 0..255 in the file's units.
    Jpeg {
        /// Least quality.
        min: f64,
        /// Largest quality.
        max: f64,
        /// Chroma subsampling.
        chroma: Chroma,
        /// What is known of the quality.
        latent: LatentUse,
    },
    /// Images: tomography: `rays` random lines through the origin of Fourier space are measured, the rest
    /// of the transform is lost.
    Rays {
        /// How many.
        rays: usize,
        /// What is known of their directions.
        latent: LatentUse,
    },
}

/// Pixels that are lost. The mask is the observation's own where it is kept; lost pixels hold standard
/// normals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskStage {
    /// Share of the pixels (all channels of an image's) that are lost, 0..1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rho: f64,
    /// Spectra: pixels that are lost together, one after the other; 1 where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<usize>,
    /// Spectra: ranges of the observed wavelength, Å, of which nothing is recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<[f64; 2]>,
    /// What is known of the mask.
    pub latent: LatentUse,
}

/// What is left of the sky: in images a plane, in spectra a times the lines of the spectrum's own sky and b
/// times their slope, a and b varying smoothly with wavelength.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkyStage {
    /// Spectra: root mean square of a: by which part of a line it is off.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub amplitude: f64,
    /// Spectra: root mean square of b in pixels: by how much the lines were misplaced.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub shift: f64,
    /// Spectra: degree of the polynomials of the wavelength that a and b are.
    #[serde(default, skip_serializing_if = "is_none")]
    pub degree: usize,
    /// Images: standard deviation of the level of the plane, of each channel by itself.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub level: f64,
    /// Images: standard deviation of what its slope along either axis makes at the edges.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub slope: f64,
}

/// Chroma subsampling of JPEG.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Chroma {
    /// None: the paper's choice.
    #[serde(rename = "4:4:4")]
    Full,
    /// Halved in both directions, as most programs write it.
    #[serde(rename = "4:2:0")]
    Halved,
}

fn is_none(v: &usize) -> bool {
    *v == 0
}

fn yes() -> bool {
    true
}

fn is_yes(v: &bool) -> bool {
    *v
}

impl StageConfig {
    /// Gaussian noise of standard deviation `sigma`.
    #[must_use]
    pub fn noise(sigma: f64) -> Self {
        Self::Noise(NoiseStage::of(sigma))
    }

    /// Single pixels lost with probability `rho`.
    #[must_use]
    pub fn mask(rho: f64, latent: LatentUse) -> Self {
        Self::Mask(MaskStage {
            rho,
            latent,
            run: None,
            gaps: Vec::new(),
        })
    }

    /// Its `kind` in a config.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Mask(_) => "mask",
            Self::Noise(_) => "noise",
            Self::Saturate { .. } => "saturate",
            Self::Tilt { .. } => "tilt",
            Self::Throughput { .. } => "throughput",
            Self::Sky(_) => "sky",
            Self::Smooth(_) => "smooth",
            Self::Redshift { .. } => "redshift",
            Self::Cosmic { .. } => "cosmic",
            Self::Columns { .. } => "columns",
            Self::Undersample { .. } => "undersample",
            Self::Psf(_) => "psf",
            Self::Blur { .. } => "blur",
            Self::Poisson { .. } => "poisson",
            Self::Photon { .. } => "photon",
            Self::Motion { .. } => "motion",
            Self::Jpeg { .. } => "jpeg",
            Self::Rays { .. } => "rays",
        }
    }

    /// Whether it is for spectra, and whether for images.
    pub(super) fn takes(&self) -> [bool; 2] {
        match self {
            Self::Mask(_) | Self::Noise(_) | Self::Saturate { .. } | Self::Sky(_) => [true, true],
            Self::Tilt { .. }
            | Self::Throughput { .. }
            | Self::Smooth(_)
            | Self::Redshift { .. } => [true, false],
            _ => [false, true],
        }
    }

    /// What is known of what it draws, where it draws anything that could be told.
    pub(super) fn latent_mut(&mut self) -> Option<&mut LatentUse> {
        match self {
            Self::Psf(psf) if psf.is_profile() => {
                let latent = psf.latent();
                Some(psf.latent.insert(latent))
            }
            Self::Mask(MaskStage { latent, .. })
            | Self::Cosmic { latent, .. }
            | Self::Columns { latent, .. }
            | Self::Motion { latent, .. }
            | Self::Jpeg { latent, .. }
            | Self::Rays { latent, .. } => Some(latent),
            _ => None,
        }
    }
}
