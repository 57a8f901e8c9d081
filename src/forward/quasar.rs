//! The quasar channel: tilt, then smoothing, then noise, in the paper's order.

use super::latent::Latent;
use super::lever::Lever;
use super::line_spread::LineSpread;
use super::model::ForwardModel;
use super::noise::{CorrelatedNoise, level_of_snr};
use super::wanted::Wanted;
use crate::Result;
use crate::base::random::Rows;
use crate::config::{NoiseFrom, SmoothingFrom};
use crate::data::LogGrid;
use tch::{Device, Tensor};

/// Flux-calibration tilt ∘ Gaussian line-spread function ∘ Gaussian noise.
#[derive(Debug)]
pub struct Quasar {
    tilt: f64,
    noise_from: NoiseFrom,
    lever: Lever,
    line_spread: LineSpread,
    noise: CorrelatedNoise,
    wanted: Wanted,
}

// SAFETY: libtorch lets several threads read its tensors, and nothing else is done with them.
unsafe impl Sync for Quasar {}

impl Quasar {
    /// On `grid`, with `tilt` the largest relative tilt at the ends of the range.
    #[must_use]
    pub fn new(
        tilt: f64,
        smoothing_from: SmoothingFrom,
        noise_from: NoiseFrom,
        grid: &LogGrid,
        noise: CorrelatedNoise,
        device: Device,
    ) -> Self {
        Self {
            tilt,
            noise_from,
            wanted: Wanted {
                sky: false,
                resolution: smoothing_from == SmoothingFrom::Matrix,
            },
            lever: Lever::new(grid, device),
            line_spread: LineSpread::new(smoothing_from, grid, device),
            noise,
        }
    }
}

impl ForwardModel for Quasar {
    fn observe(&self, x: &Tensor, recorded: &Latent, random: &Rows) -> Result<(Tensor, Latent)> {
        self.wanted.check(recorded)?;
        let amplitude = (random.uniform(1, 1) * 2.0 - 1.0) * self.tilt;
        let tilted = x * (amplitude * self.lever.of(recorded) + 1.0);
        let (smoothed, lsf) = (self.line_spread).apply(&tilted, recorded, || random.uniform(2, 1));
        let good = recorded.good.shallow_clone();
        let sigma = match self.noise_from {
            NoiseFrom::Ivar => recorded.sigma.shallow_clone(),
            NoiseFrom::Snr { min, max } => {
                let sigma = level_of_snr(&smoothed, [min, max], &random.uniform(3, 1));
                &sigma * &good + (1.0 - &good)
            }
        };
        let y = smoothed + self.noise.sample(random, 4, x.size()[1]) * &sigma;
        let latent = Latent::of_pixels(good, sigma, lsf)
            .at(&recorded.redshift)
            .carrying(recorded);
        Ok((latent.fill_masked(&y, random), latent))
    }
}
