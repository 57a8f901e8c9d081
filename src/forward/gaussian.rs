//! y = x + σ ξ.

use super::latent::Latent;
use super::model::ForwardModel;
use super::noise::CorrelatedNoise;
use crate::Result;
use crate::base::random::Rows;
use tch::Tensor;

/// Additive Gaussian noise of fixed standard deviation, the channel with closed forms.
#[derive(Debug)]
pub struct Gaussian {
    sigma: f64,
    noise: CorrelatedNoise,
}

// SAFETY: libtorch lets several threads read its tensors, and nothing else is done with them.
unsafe impl Sync for Gaussian {}

impl Gaussian {
    /// `sigma` in normalised flux.
    #[must_use]
    pub fn new(sigma: f64, noise: CorrelatedNoise) -> Self {
        Self { sigma, noise }
    }
}

impl ForwardModel for Gaussian {
    fn observe(&self, x: &Tensor, recorded: &Latent, random: &Rows) -> Result<(Tensor, Latent)> {
        let y = x + self.noise.sample(random, 1, x.size()[1]) * self.sigma;
        let latent = Latent::of_pixels(
            recorded.good.shallow_clone(),
            &recorded.good * self.sigma + (1.0 - &recorded.good),
            recorded.lsf.shallow_clone(),
        )
        .at(&recorded.redshift);
        Ok((latent.fill_masked(&y, random), latent))
    }
}
