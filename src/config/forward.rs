//! `[forward]`: the black box F and its stages.

use super::instrument::{NoiseFrom, SmoothingFrom};
use super::latent_use::LatentUse;
use super::noise_stage::{LevelFrom, NoiseStage};
use super::number_or;
use super::require::require;
use super::stage::{SkyStage, StageConfig};
use super::stage_check;
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
    /// Corruptions of spectra or images, one after the other.
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
            with = "number_or::Workers",
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
        matches!(self, Self::Gaussian { .. }) || self.closed_form().is_some()
    }

    /// The channel as a tilt, a smoothing and the noise of each spectrum, where it is one.
    #[must_use]
    pub fn closed_form(&self) -> Option<ClosedForm<'_>> {
        match self {
            Self::Quasar {
                tilt, smoothing, ..
            } => Some(ClosedForm {
                tilt_variance: tilt * tilt / 3.0,
                smoothing: Some(smoothing),
            }),
            Self::Stages { stages, .. } => ClosedForm::of(stages),
            Self::Gaussian { .. } | Self::Command { .. } => None,
        }
    }

    /// Whether images without a noise level are to be given the scatter of their background.
    #[must_use]
    pub fn measures_background(&self) -> bool {
        self.noise_stages()
            .any(|(_, from)| from == LevelFrom::Background)
    }

    /// Pixels of the images' grid along a side of the detector's: the factor of the stage `undersample`, else 1.
    #[must_use]
    pub fn undersampling(&self) -> usize {
        let factor = |s: &StageConfig| match s {
            StageConfig::Undersample { factor } => Some(*factor),
            _ => None,
        };
        self.stages().iter().find_map(factor).unwrap_or(1)
    }

    /// The stage that takes each pixel's recorded noise, by its place.
    #[must_use]
    pub fn recorded_noise(&self) -> Option<usize> {
        let mut stages = self.noise_stages().filter(|(_, from)| from.is_recorded());
        stages.next().map(|(place, _)| place)
    }

    /// What preparing asks of it alone: whether to measure the noise of images, how large the detector's pixels
    /// are, and what spectra bring.
    pub(super) fn as_prepared(&self) -> Self {
        let [sky, matrix] = self.carries();
        let background = NoiseStage::from(LevelFrom::Background);
        let sky = sky.then_some(StageConfig::Sky(SkyStage {
            amplitude: 0.5,
            shift: 0.0,
            degree: 0,
            level: 0.0,
            slope: 0.0,
        }));
        let binned = match self.undersampling() {
            1 => None,
            factor => Some(StageConfig::Undersample { factor }),
        };
        let stages: Vec<StageConfig> = (self.measures_background())
            .then_some(StageConfig::Noise(background))
            .into_iter()
            .chain(sky)
            .chain(binned)
            .chain(matrix.then_some(StageConfig::Smooth(SmoothingFrom::Matrix)))
            .collect();
        match stages.is_empty() {
            true => Self::Gaussian { sigma: 1.0 },
            false => Self::Stages {
                stages,
                units: None,
            },
        }
    }

    /// Its list of stages; of another channel none.
    fn stages(&self) -> &[StageConfig] {
        match self {
            Self::Stages { stages, .. } => stages,
            _ => &[],
        }
    }

    fn noise_stages(&self) -> impl Iterator<Item = (usize, LevelFrom)> {
        let from = |(place, stage): (usize, &StageConfig)| match stage {
            StageConfig::Noise(noise) => Some((place, noise.from)),
            _ => None,
        };
        self.stages().iter().enumerate().filter_map(from)
    }

    /// Whether it takes each spectrum's own sky, and its own resolution matrix.
    #[must_use]
    pub fn carries(&self) -> [bool; 2] {
        let matrix = |s: &StageConfig| matches!(s, StageConfig::Smooth(SmoothingFrom::Matrix));
        let of_quasar = matches!(
            self,
            Self::Quasar {
                smoothing: SmoothingFrom::Matrix,
                ..
            }
        );
        let sky = |s: &StageConfig| matches!(s, StageConfig::Sky(_));
        [
            self.stages().iter().any(sky),
            of_quasar || self.stages().iter().any(matrix),
        ]
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
            Self::Stages { stages, .. } => {
                let latents = stages.iter_mut().filter_map(StageConfig::latent_mut);
                latents.for_each(fresh);
            }
            Self::Command { latent, .. } => fresh(latent),
            Self::Gaussian { .. } | Self::Quasar { .. } => {}
        }
        config
    }
}

/// A channel of spectra whose mean and covariances are known: y = S (1 + a l) x + n, the amplitude a
/// random, l the lever of a tilt, S a line-spread function, n Gaussian noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClosedForm<'a> {
    /// Variance of the tilt's amplitude at the ends of the range.
    pub tilt_variance: f64,
    /// Where the line-spread function comes from; none: there is no smoothing.
    pub smoothing: Option<&'a SmoothingFrom>,
}

impl<'a> ClosedForm<'a> {
    /// Of stages that are a tilt, a smoothing and Gaussian noise in this order, any but the noise left
    /// out; lost pixels may stand anywhere.
    fn of(stages: &'a [StageConfig]) -> Option<Self> {
        let mut form = Self {
            tilt_variance: 0.0,
            smoothing: None,
        };
        let mut noisy = false;
        for stage in stages {
            match stage {
                StageConfig::Mask(_) => {}
                StageConfig::Tilt { amplitude }
                    if !noisy && form.smoothing.is_none() && form.tilt_variance == 0.0 =>
                {
                    form.tilt_variance = amplitude * amplitude / 3.0;
                }
                StageConfig::Smooth(from) if !noisy && form.smoothing.is_none() => {
                    form.smoothing = Some(from);
                }
                StageConfig::Noise(noise) if !noisy && noise.from != LevelFrom::Photon => {
                    noisy = true;
                }
                _ => return None,
            }
        }
        noisy.then_some(form)
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
            smoothing.check("forward.smoothing", origin)?;
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
                stage_check::check(stage, &format!("forward.stages[{i}]"), origin)?;
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
