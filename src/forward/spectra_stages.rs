//! Corruptions of spectra, one after the other.

use super::latent::Latent;
use super::lever::Lever;
use super::line_spread::LineSpread;
use super::lost::Lost;
use super::model::ForwardModel;
use super::noise::{CorrelatedNoise, level_of_snr};
use super::smooth::Smoothing;
use super::wanted::Wanted;
use super::{calibration, poisson, sky_lines};
use crate::base::random::Rows;
use crate::config::{LatentUse, LevelFrom, NoiseStage, SkyStage, SmoothingFrom, StageConfig};
use crate::data::LogGrid;
use crate::{Error, Result};
use tch::{Device, Kind, Tensor};

/// km/s.
const LIGHT: f64 = 299_792.458;

/// A list of stages of spectra, levels in normalised flux. Each draws from its own streams, so that one
/// more stage at the end changes nothing before it.
///
/// [`Latent::sigma`] is the level of the stage that adds noise; nothing else that happens is told of a
/// pixel's noise, as no pipeline knows of it. Lost pixels are lost at the end: whatever the place of the
/// mask, the other stages see the whole spectrum.
#[derive(Debug)]
pub struct SpectraStages {
    stages: Vec<Stage>,
    lever: Lever,
    noise: CorrelatedNoise,
    wanted: Wanted,
}

/// A [`StageConfig`] with what it needs on the device.
#[derive(Debug)]
enum Stage {
    Tilt(f64),
    Throughput(f64, usize),
    Smooth(LineSpread),
    Sky(SkyStage),
    /// Standard deviation of the shift in pixels.
    Redshift(Smoothing, f64),
    Noise(NoiseStage),
    Lost(Lost),
    /// Level, and whether what is clipped is marked.
    Saturate(f64, bool),
    /// What the observations bring.
    Nothing,
}

/// A batch of spectra on its way; all [B, D].
struct Passing {
    flux: Tensor,
    good: Tensor,
    sigma: Tensor,
    lsf: Tensor,
}

// SAFETY: libtorch lets several threads read its tensors, and nothing else is done with them.
unsafe impl Sync for SpectraStages {}

impl SpectraStages {
    /// On `grid`, with the correlation `noise` of neighbouring pixels.
    ///
    /// # Errors
    /// [`Error::Config`] if a stage is for images.
    pub fn new(
        stages: &[StageConfig],
        grid: &LogGrid,
        noise: CorrelatedNoise,
        device: Device,
    ) -> Result<Self> {
        let stage = |(i, stage): (usize, &StageConfig)| Stage::new(stage, i, grid, device);
        Ok(Self {
            stages: stages
                .iter()
                .enumerate()
                .map(stage)
                .collect::<Result<_>>()?,
            lever: Lever::new(grid, device),
            noise,
            wanted: Wanted {
                sky: stages.iter().any(|s| matches!(s, StageConfig::Sky(_))),
                resolution: stages.contains(&StageConfig::Smooth(SmoothingFrom::Matrix)),
            },
        })
    }

    /// Standard deviations of the noise on `flux` [B, D], [B, D], and the noise.
    fn noise(
        &self,
        stage: &NoiseStage,
        flux: &Tensor,
        recorded: &Latent,
        random: &Rows,
    ) -> (Tensor, Tensor) {
        let sigma = match stage.from {
            LevelFrom::Ivar | LevelFrom::Background => recorded.sigma.shallow_clone(),
            LevelFrom::Sigma => flux.full_like(stage.sigma),
            LevelFrom::Snr => {
                let range = stage.snr.unwrap_or([1.0; 2]);
                level_of_snr(flux, range, &random.uniform(0, 1))
            }
            LevelFrom::Photon => return photons(stage, flux, random),
        };
        let noise = self.noise.sample(random, 1, flux.size()[1]) * &sigma;
        (sigma, noise)
    }
}

impl ForwardModel for SpectraStages {
    fn observe(&self, x: &Tensor, recorded: &Latent, random: &Rows) -> Result<(Tensor, Latent)> {
        self.wanted.check(recorded)?;
        let mut p = Passing {
            flux: x.shallow_clone(),
            good: recorded.good.shallow_clone(),
            sigma: x.zeros_like(),
            lsf: recorded.lsf.shallow_clone(),
        };
        for (i, stage) in self.stages.iter().enumerate() {
            let random = random.child(i as u64);
            match stage {
                Stage::Tilt(amplitude) => {
                    let lever = self.lever.of(recorded);
                    p.flux = &p.flux * calibration::tilt(*amplitude, &lever, &random);
                }
                Stage::Throughput(amplitude, degree) => {
                    let lever = self.lever.of(recorded);
                    let factor = calibration::throughput(*amplitude, *degree, &lever, &random);
                    p.flux = &p.flux * factor;
                }
                Stage::Smooth(lsf) => {
                    (p.flux, p.lsf) = lsf.apply(&p.flux, recorded, || random.uniform(0, 1));
                }
                Stage::Sky(stage) => {
                    let lever = self.lever.of(recorded);
                    let left = sky_lines::left(stage, &recorded.sky, &lever, &random);
                    p.flux = &p.flux + left;
                }
                Stage::Redshift(smoothing, scatter) => {
                    let pixels = random.normal(0, 1) * *scatter;
                    p.flux = smoothing.shifted(&p.flux, &pixels);
                }
                Stage::Noise(stage) => {
                    let (sigma, noise) = self.noise(stage, &p.flux, recorded, &random);
                    p.flux = &p.flux + noise;
                    p.sigma = sigma;
                }
                Stage::Lost(lost) => p.good = &p.good * lost.draw(recorded, &random),
                Stage::Saturate(level, flagged) => {
                    if *flagged {
                        p.good = &p.good * p.flux.lt(*level).to_kind(Kind::Float);
                    }
                    p.flux = p.flux.clamp_max(*level);
                }
                Stage::Nothing => {}
            }
        }
        let sigma = p.sigma * &p.good + (1.0 - &p.good);
        let latent = Latent::of_pixels(p.good, sigma, p.lsf)
            .at(&recorded.redshift)
            .carrying(recorded);
        Ok((latent.fill_masked(&p.flux, random), latent))
    }
}

/// Standard deviations and noise of photons: counts of mean electrons × flux + background, of which the
/// background is subtracted, with read noise. The standard deviation is that of the mean count, one
/// electron at least.
fn photons(stage: &NoiseStage, flux: &Tensor, random: &Rows) -> (Tensor, Tensor) {
    let electrons = stage.electrons.unwrap_or(1.0);
    let light = flux * electrons;
    // Where a flux is negative the background alone is counted.
    let mean = light.clamp(0.0, poisson::MOST) + stage.background;
    let read = random.normal(2, flux.size()[1]) * stage.read;
    let noise = poisson::counts(&mean, random) - &mean + read;
    let sigma = (&mean + stage.read.powi(2)).clamp_min(1.0).sqrt() / electrons;
    (sigma, noise / electrons)
}

impl Stage {
    fn new(config: &StageConfig, number: usize, grid: &LogGrid, device: Device) -> Result<Self> {
        Ok(match config {
            StageConfig::Tilt { amplitude } => Self::Tilt(*amplitude),
            StageConfig::Throughput { amplitude, degree } => Self::Throughput(*amplitude, *degree),
            StageConfig::Smooth(from) => Self::Smooth(LineSpread::new(from.clone(), grid, device)),
            StageConfig::Sky(sky) => Self::Sky(sky.clone()),
            StageConfig::Redshift { error } => Self::Redshift(
                Smoothing::new(grid.pixels, device),
                error / LIGHT / grid.dln(),
            ),
            StageConfig::Noise(noise) => Self::Noise(noise.clone()),
            StageConfig::Mask(mask) if mask.latent == LatentUse::Kept => Self::Nothing,
            StageConfig::Mask(mask) => Self::Lost(Lost::new(mask, grid, device)),
            StageConfig::Saturate { level, flagged } => Self::Saturate(*level, *flagged),
            images => {
                let problem = format!("`{}` is for images", images.kind());
                let key = format!("forward.stages[{number}]");
                return Err(Error::config("config", key, problem, "leave it out"));
            }
        })
    }
}
