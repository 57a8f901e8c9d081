//! The quasar channel: tilt, then smoothing, then noise, in the paper's order.

use super::latent::Latent;
use super::model::ForwardModel;
use super::noise::CorrelatedNoise;
use super::smooth::Smoothing;
use super::smooth::recorded_widths;
use crate::Result;
use crate::base::random::Rows;
use crate::config::{NoiseFrom, SmoothingFrom};
use crate::data::LogGrid;
use tch::{Device, Kind, Tensor};

/// Flux-calibration tilt ∘ Gaussian line-spread function ∘ Gaussian noise.
#[derive(Debug)]
pub struct Quasar {
    tilt: f64,
    smoothing_from: SmoothingFrom,
    noise_from: NoiseFrom,
    /// −1 at the first pixel to +1 at the last, linear in wavelength about the middle, [D].
    lever: Tensor,
    /// Wavelengths [D] of a grid of the rest frame: there the lever is from the first to the last pixel
    /// that an object shows.
    at_rest: Option<Tensor>,
    dln: f64,
    smoothing: Smoothing,
    noise: CorrelatedNoise,
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
        let lever = grid.tilt_lever();
        let single = |w: Vec<f64>| {
            let w: Vec<f32> = w.into_iter().map(|w| w as f32).collect();
            Tensor::from_slice(&w).to_device(device)
        };
        let lever: Vec<f32> = grid.wavelength().iter().map(|w| lever(*w) as f32).collect();
        Self {
            tilt,
            smoothing_from,
            noise_from,
            lever: Tensor::from_slice(&lever).to_device(device),
            at_rest: grid.is_rest().then(|| single(grid.wavelength())),
            dln: grid.dln(),
            smoothing: Smoothing::new(grid.pixels, device),
            noise,
        }
    }

    /// The lever of each row, [D] or [B, D].
    fn lever(&self, recorded: &Latent) -> Tensor {
        let Some(wavelength) = &self.at_rest else {
            return self.lever.shallow_clone();
        };
        let (good, all) = (recorded.good.gt(0.0), wavelength.expand_as(&recorded.good));
        let end = |sign: f64| {
            // The farthest good wavelength on one side.
            let beyond = all.full_like(-sign * f64::INFINITY);
            let there = all.where_self(&good, &beyond) * sign;
            there.amax([-1i64].as_slice(), true) * sign
        };
        let (first, last) = (end(-1.0), end(1.0));
        let lever = (wavelength - &first) / (&last - &first) * 2.0 - 1.0;
        // A row of one good pixel or none has no lever.
        lever.nan_to_num(0.0, 0.0, 0.0).clamp(-1.0, 1.0)
    }

    /// Smoothed flux and the width used at each pixel, both [B, D].
    fn smooth(&self, x: &Tensor, recorded: &Latent, random: &Rows) -> (Tensor, Tensor) {
        match self.smoothing_from {
            SmoothingFrom::Resolution { resolution, spread } => {
                let vary = (random.uniform(2, 1) * 2.0 - 1.0) * spread + 1.0;
                // The inverse width is what varies: σ = 1/(R (1 ± spread)).
                let sigma = (vary * (resolution * self.dln)).reciprocal();
                (self.smoothing.uniform(x, &sigma), sigma.expand_as(x))
            }
            SmoothingFrom::Lsf => {
                let sigma = recorded_widths(recorded);
                (self.smoothing.per_pixel(x, &sigma), sigma)
            }
        }
    }
}

impl ForwardModel for Quasar {
    fn observe(&self, x: &Tensor, recorded: &Latent, random: &Rows) -> Result<(Tensor, Latent)> {
        let amplitude = (random.uniform(1, 1) * 2.0 - 1.0) * self.tilt;
        let tilted = x * (amplitude * self.lever(recorded) + 1.0);
        let (smoothed, lsf) = self.smooth(&tilted, recorded, random);
        let good = recorded.good.shallow_clone();
        let sigma = match self.noise_from {
            NoiseFrom::Ivar => recorded.sigma.shallow_clone(),
            NoiseFrom::Snr { min, max } => {
                let snr = random.uniform(3, 1) * (max - min) + min;
                let level = smoothed
                    .mean_dim([-1i64].as_slice(), true, Kind::Float)
                    .abs();
                let sigma = (level / snr + 1e-4).expand_as(x);
                &sigma * &good + (1.0 - &good)
            }
        };
        let y = smoothed + self.noise.sample(random, 4, x.size()[1]) * &sigma;
        let latent = Latent::of_pixels(good, sigma, lsf).at(&recorded.redshift);
        Ok((latent.fill_masked(&y, random), latent))
    }
}
