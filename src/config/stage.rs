//! `[[forward.stages]]`: one corruption of a spectrum or of an image.

use super::instrument::SmoothingFrom;
use super::latent_use::LatentUse;
use super::noise_stage::{NoiseStage, is_zero};
use super::psf::PsfConfig;
use super::require::require;
use crate::Result;
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
    /// Spectra: the line-spread function.
    Smooth(SmoothingFrom),
    /// Spectra: an error of the redshift, or of the zero of the wavelengths.
    Redshift {
        /// Standard deviation, km/s.
        error: f64,
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
            Self::Smooth(_) => "smooth",
            Self::Redshift { .. } => "redshift",
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
    fn takes(&self) -> [bool; 2] {
        match self {
            Self::Mask(_) | Self::Noise(_) | Self::Saturate { .. } => [true, true],
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
            | Self::Motion { latent, .. }
            | Self::Jpeg { latent, .. }
            | Self::Rays { latent, .. } => Some(latent),
            _ => None,
        }
    }
}

/// Whether `stages` are such as images (`of_images`) or spectra go through.
pub(super) fn check_data(stages: &[StageConfig], of_images: bool, origin: &str) -> Result<()> {
    let (data, others) = match of_images {
        true => ("images", "spectra"),
        false => ("spectra", "images"),
    };
    for (i, stage) in stages.iter().enumerate() {
        let ok = |yes: bool, key: &str, problem: &str, fix: &str| {
            let key = match key {
                "" => format!("forward.stages[{i}]"),
                key => format!("forward.stages[{i}].{key}"),
            };
            require(yes, origin, &key, problem, fix)
        };
        ok(
            stage.takes()[usize::from(of_images)],
            "kind",
            &format!("`{}` is for {others}", stage.kind()),
            &format!(
                "leave it out, or give a stage for {data} (docs/reference/configs.md lists them)"
            ),
        )?;
        match stage {
            StageConfig::Mask(m) if of_images => ok(
                m.run.is_none() && m.gaps.is_empty(),
                "run",
                "runs and gaps are for spectra",
                "give `rho` and `latent` alone",
            )?,
            StageConfig::Mask(m) => ok(
                m.latent != LatentUse::Hidden,
                "latent",
                "a lost pixel of a spectrum is always marked",
                "give \"kept\" or \"redrawn\"",
            )?,
            StageConfig::Noise(n) => {
                n.check_data(of_images, &format!("forward.stages[{i}]"), origin)?
            }
            _ => {}
        }
    }
    match of_images {
        true => Ok(()),
        false => in_order(stages, origin),
    }
}

/// Whether spectra are noisy, and only behind what happens before the light reaches the detector.
fn in_order(stages: &[StageConfig], origin: &str) -> Result<()> {
    let is_noise = |s: &StageConfig| matches!(s, StageConfig::Noise(_));
    let optical =
        |s: &StageConfig| matches!(s, StageConfig::Smooth(_) | StageConfig::Redshift { .. });
    let noise = stages.iter().position(is_noise);
    require(
        stages.iter().filter(|s| is_noise(s)).count() == 1,
        origin,
        "forward.stages",
        "not one stage of kind \"noise\", which says what the noise of spectra is",
        "give e.g. [[forward.stages]] kind = \"noise\", from = \"ivar\"",
    )?;
    require(
        stages.iter().rposition(optical) < noise,
        origin,
        "forward.stages",
        "the detector's noise stands before \"smooth\" or \"redshift\", which happen to the light",
        "put the stage \"noise\" behind them",
    )
}

pub(super) fn check(stage: &StageConfig, key: &str, origin: &str) -> Result<()> {
    let positive = |v: f64| v > 0.0 && v.is_finite();
    let (ok, problem, fix) = match stage {
        StageConfig::Mask(m) => return m.check(key, origin),
        StageConfig::Noise(noise) => return noise.check(key, origin),
        StageConfig::Psf(psf) => return psf.check(key, origin),
        StageConfig::Smooth(from) => return from.check(key, origin),
        StageConfig::Saturate { level, .. } => (
            level.is_finite(),
            "level is not a number",
            "give the value at which pixels saturate",
        ),
        StageConfig::Tilt { amplitude } => (
            *amplitude > 0.0 && *amplitude < 1.0,
            "amplitude is not in (0, 1)",
            "give e.g. amplitude = 0.05",
        ),
        StageConfig::Throughput { amplitude, degree } => (
            *amplitude > 0.0 && *amplitude < 1.0 && (1..=32).contains(degree),
            "amplitude is not in (0, 1), or degree not in 1..32",
            "give e.g. amplitude = 0.05, degree = 3",
        ),
        StageConfig::Redshift { error } => (
            *error > 0.0 && *error < 299_792.0,
            "error is not a velocity in km/s",
            "give e.g. error = 300.0",
        ),
        StageConfig::Blur { sigma } => (
            positive(*sigma) && *sigma <= 1000.0,
            "sigma is not within 0..1000 pixels",
            "give e.g. sigma = 1.5",
        ),
        StageConfig::Poisson { rate } => (
            positive(*rate),
            "rate is not positive",
            "give e.g. rate = 0.1",
        ),
        StageConfig::Photon { gain } => (
            positive(*gain),
            "gain is not positive",
            "give the electrons per unit of the pixel values",
        ),
        StageConfig::Motion { length, .. } => (
            length % 2 == 1 && *length > 1,
            "length is not odd and above 1",
            "give e.g. length = 5",
        ),
        StageConfig::Jpeg { min, max, .. } => (
            *min >= 0.01 && max >= min && *max <= 1.0,
            "min and max are not a range within 0.01..1",
            "give e.g. min = 0.1, max = 1.0",
        ),
        StageConfig::Rays { rays, .. } => (*rays > 0, "no rays", "give e.g. rays = 16"),
    };
    require(ok, origin, key, problem, fix)
}

impl MaskStage {
    fn check(&self, key: &str, origin: &str) -> Result<()> {
        let Self { rho, run, gaps, .. } = self;
        let range = |[a, b]: &[f64; 2]| *a > 0.0 && b > a && b.is_finite();
        require(
            (0.0..1.0).contains(rho) && (*rho > 0.0 || !gaps.is_empty()),
            origin,
            key,
            "rho is not in (0, 1)",
            "give e.g. rho = 0.5",
        )?;
        require(
            run.is_none_or(|r| r > 0 && *rho > 0.0),
            origin,
            key,
            "run is not a number of pixels, or has no `rho` beside it",
            "give e.g. rho = 0.05, run = 8",
        )?;
        require(
            gaps.iter().all(range),
            origin,
            key,
            "gaps are not ranges of wavelengths",
            "give e.g. gaps = [[5760.0, 5800.0]]",
        )
    }
}
