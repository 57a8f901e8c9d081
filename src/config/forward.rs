//! `[forward]`: the black box F and its stages.

use super::latent_use::LatentUse;
use super::number_or;
use super::psf::PsfConfig;
use super::require::require;
use crate::Result;
use serde::{Deserialize, Serialize};

/// `[forward]`: the black box F.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum ForwardConfig {
    /// y = x + σ ξ, σ in normalised flux.
    Gaussian {
        /// Standard deviation of the noise.
        sigma: f64,
    },
    /// Flux-calibration tilt, Gaussian smoothing, noise: the quasar channel.
    Quasar {
        /// Amplitude of the linear tilt about the middle of the range, uniform ±.
        tilt: f64,
        /// Where the width of the smoothing comes from.
        smoothing: SmoothingFrom,
        /// Where the noise level comes from.
        noise: NoiseFrom,
    },
    /// Corruptions of images, one after the other.
    Stages {
        /// In the order in which they happen.
        stages: Vec<StageConfig>,
        /// What levels are in; absent: the file's units where `[normalise]` stretches the values,
        /// normalised ones elsewhere.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        units: Option<StageUnits>,
    },
    /// A program of the user's: started once, batches streamed through stdin and stdout.
    Command {
        /// The program and its arguments.
        program: Vec<String>,
        /// Seconds without an answer after which it counts as hung.
        timeout: f64,
        /// What becomes of the latent that the program gives.
        latent: LatentUse,
        /// How often it is started; `None`: `"workers"`, once for each thread.
        #[serde(
            with = "number_or::workers",
            default = "once",
            skip_serializing_if = "is_once"
        )]
        processes: Option<usize>,
    },
}

fn once() -> Option<usize> {
    Some(1)
}

fn is_once(processes: &Option<usize>) -> bool {
    *processes == once()
}

impl ForwardConfig {
    /// Whether the channel's mean and covariances are known in closed form: what the warm start and
    /// the linear filters of an evaluation need.
    #[must_use]
    pub fn has_closed_form(&self) -> bool {
        matches!(self, Self::Gaussian { .. } | Self::Quasar { .. })
    }

    /// Whether images without a noise level are to be given the scatter of their background.
    #[must_use]
    pub fn measures_background(&self) -> bool {
        let background = |s: &StageConfig| matches!(s, StageConfig::Noise { from, .. } if *from == LevelFrom::Background);
        matches!(self, Self::Stages { stages, .. } if stages.iter().any(background))
    }

    /// The stage that takes each pixel's recorded noise, by its place.
    #[must_use]
    pub fn recorded_noise(&self) -> Option<usize> {
        let recorded =
            |s: &StageConfig| matches!(s, StageConfig::Noise { from, .. } if !from.is_sigma());
        match self {
            Self::Stages { stages, .. } => stages.iter().position(recorded),
            _ => None,
        }
    }

    /// The same channel with nothing kept from an observation: for the first one of each object.
    #[must_use]
    pub fn first(&self) -> Self {
        let mut config = self.clone();
        let fresh = |latent: &mut LatentUse| {
            if *latent == LatentUse::Kept {
                *latent = LatentUse::Redrawn;
            }
        };
        match &mut config {
            Self::Stages { stages, .. } => stages.iter_mut().for_each(|s| match s {
                StageConfig::Psf(psf) if psf.is_profile() => {
                    let mut latent = psf.latent();
                    fresh(&mut latent);
                    psf.latent = Some(latent);
                }
                StageConfig::Psf(_) => {}
                StageConfig::Mask { latent, .. }
                | StageConfig::Motion { latent, .. }
                | StageConfig::Jpeg { latent, .. }
                | StageConfig::Rays { latent, .. } => fresh(latent),
                StageConfig::Noise { .. }
                | StageConfig::Blur { .. }
                | StageConfig::Poisson { .. }
                | StageConfig::Photon { .. } => {}
            }),
            Self::Command { latent, .. } => fresh(latent),
            Self::Gaussian { .. } | Self::Quasar { .. } => {}
        }
        config
    }
}

/// What the levels of stages are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StageUnits {
    /// The units of the files, which F gets and gives: the stretch of `[normalise]` is undone before
    /// the first stage and done again after the last.
    File,
    /// Pixel values of mean 0 and standard deviation 1, as the paper has them; not where they are
    /// stretched.
    Normalised,
}

/// Where the level of a noise stage comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LevelFrom {
    /// The stage's `sigma`.
    #[default]
    Sigma,
    /// Each image's own inverse variance.
    Ivar,
    /// The same, and where an image comes without one, the scatter of its background, which
    /// `selfsi prepare` measures.
    Background,
}

impl LevelFrom {
    fn is_sigma(&self) -> bool {
        *self == Self::Sigma
    }
}

/// One corruption of an image. Levels are in the units of [`StageUnits`], lengths in pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum StageConfig {
    /// Each pixel (all its channels) is lost with probability `rho`. The mask is the observation's
    /// own where it is kept; lost pixels hold standard normals.
    Mask {
        /// Probability of a loss, 0..1.
        rho: f64,
        /// What is known of the mask.
        latent: LatentUse,
    },
    /// Gaussian noise.
    Noise {
        /// Where its standard deviation comes from.
        #[serde(default, skip_serializing_if = "LevelFrom::is_sigma")]
        from: LevelFrom,
        /// Its standard deviation; 0 where it comes from elsewhere.
        #[serde(default, skip_serializing_if = "is_zero")]
        sigma: f64,
    },
    /// Convolution with a point-spread function: the image's own, or a drawn one.
    Psf(PsfConfig),
    /// Gaussian blur of standard deviation `sigma`; the kernel ends at 2⌈3σ⌉ + 1 pixels.
    Blur {
        /// Pixels.
        sigma: f64,
    },
    /// An additive Poisson variable of fixed mean `rate`, whatever the signal (the paper's λ_n).
    Poisson {
        /// Mean count.
        rate: f64,
    },
    /// Photon noise: counts of mean `gain` × (pixel value in the file's units), divided by `gain`.
    Photon {
        /// Photons per unit of the file's values.
        gain: f64,
    },
    /// Motion blur: a line of `length` (odd) pixels in a random direction.
    Motion {
        /// Pixels, odd.
        length: usize,
        /// What is known of the direction.
        latent: LatentUse,
    },
    /// JPEG of a quality uniform in [`min`, `max`], of 0..1; pixel values 0..255 in the file's units.
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
    /// Tomography: `rays` random lines through the origin of Fourier space are measured, the rest
    /// of the transform is lost.
    Rays {
        /// How many.
        rays: usize,
        /// What is known of their directions.
        latent: LatentUse,
    },
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

/// Where the width of the smoothing comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "lowercase", deny_unknown_fields)]
pub enum SmoothingFrom {
    /// σ = 1/`resolution` in natural-log wavelength, varied ±`spread` per spectrum.
    Resolution {
        /// λ/σ_λ.
        resolution: f64,
        /// Relative, of a uniform distribution.
        spread: f64,
    },
    /// Each spectrum's own line-spread function (SDSS `wdisp`).
    Lsf,
}

/// Where the noise level comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "lowercase", deny_unknown_fields)]
pub enum NoiseFrom {
    /// Standard deviation mean(flux)/SNR + 1e-4 with SNR uniform in [`min`, `max`] per spectrum.
    Snr {
        /// Least SNR.
        min: f64,
        /// Largest SNR.
        max: f64,
    },
    /// Each spectrum's own inverse variance.
    Ivar,
}

fn is_zero(v: &f64) -> bool {
    *v == 0.0
}

impl StageConfig {
    /// Gaussian noise of standard deviation `sigma`.
    #[must_use]
    pub fn noise(sigma: f64) -> Self {
        Self::Noise {
            from: LevelFrom::Sigma,
            sigma,
        }
    }
}

pub(super) fn check(forward: &ForwardConfig, origin: &str) -> Result<()> {
    let positive = |v: f64| v > 0.0 && v.is_finite();
    let ok =
        |yes: bool, key: &str, problem: &str, fix: &str| require(yes, origin, key, problem, fix);
    match forward {
        ForwardConfig::Gaussian { sigma } => {
            ok(
                positive(*sigma),
                "forward.sigma",
                "not a positive number",
                "give e.g. sigma = 0.5",
            )?;
        }
        ForwardConfig::Quasar {
            tilt,
            smoothing,
            noise,
        } => {
            ok(
                (0.0..1.0).contains(tilt),
                "forward.tilt",
                "not in 0..1",
                "give e.g. tilt = 0.05",
            )?;
            if let SmoothingFrom::Resolution { resolution, spread } = smoothing {
                ok(
                    positive(*resolution) && (0.0..1.0).contains(spread),
                    "forward.smoothing",
                    "resolution must be positive and spread in 0..1",
                    "give e.g. resolution = 5000, spread = 0.05",
                )?;
            }
            if let NoiseFrom::Snr { min, max } = noise {
                ok(
                    positive(*min) && max >= min && max.is_finite(),
                    "forward.noise",
                    "min and max are not a range of positive numbers",
                    "give e.g. min = 0.5, max = 2.0",
                )?;
            }
        }
        ForwardConfig::Stages { stages, .. } => {
            ok(
                !stages.is_empty(),
                "forward.stages",
                "no stage",
                "give e.g. [[forward.stages]] kind = \"noise\", sigma = 0.1",
            )?;
            for (i, stage) in stages.iter().enumerate() {
                check_stage(stage, &format!("forward.stages[{i}]"), origin)?;
            }
        }
        ForwardConfig::Command {
            program, timeout, ..
        } => {
            ok(
                program.first().is_some_and(|p| !p.is_empty()),
                "forward.program",
                "no program",
                "give e.g. program = [\"python3\", \"simulator.py\"]",
            )?;
            ok(
                positive(*timeout),
                "forward.timeout",
                "not a positive number of seconds",
                "give e.g. timeout = 60",
            )?;
        }
    }
    Ok(())
}

fn check_stage(stage: &StageConfig, key: &str, origin: &str) -> Result<()> {
    let positive = |v: f64| v > 0.0 && v.is_finite();
    let (ok, problem, fix) = match stage {
        StageConfig::Mask { rho, .. } => (
            *rho > 0.0 && *rho < 1.0,
            "rho is not in (0, 1)",
            "give e.g. rho = 0.5",
        ),
        StageConfig::Noise {
            from: LevelFrom::Sigma,
            sigma,
        } => (
            positive(*sigma),
            "sigma is not positive",
            "give e.g. sigma = 0.1, or from = \"ivar\"",
        ),
        StageConfig::Noise { sigma, .. } => {
            (*sigma == 0.0, "sigma beside `from`", "give one of the two")
        }
        StageConfig::Blur { sigma } => (
            positive(*sigma) && *sigma <= 1000.0,
            "sigma is not within 0..1000 pixels",
            "give e.g. sigma = 1.5",
        ),
        StageConfig::Psf(psf) => return psf.check(key, origin),
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
