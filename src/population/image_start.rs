//! The posterior of a Gaussian population of images, given each image's own PSF and noise.

use super::image_prior::{ImagePrior, Weights};
use super::image_seen::Seen;
use crate::base::random::Rows;
use crate::data::ImageLayout;
use crate::forward::{Anchor, Latent};
use crate::transport::Start;
use tch::{Device, Kind, Tensor};

/// Rows at once.
const BATCH: i64 = 16;
/// Least scatter of a pixel over the population's.
const LEAST: f64 = 1e-2;

/// Draws of the posterior: dark + a (m + Σ modes_k (R⁻ᵀ z)_k + rest · η).
#[derive(Debug)]
pub struct ImageStart {
    prior: ImagePrior,
    seen: [Seen; 2],
    /// Standard deviation of each pixel in the population, not below a hundredth of their mean, [1, D].
    deviation: Tensor,
    least: Tensor,
}

impl ImageStart {
    /// For a population of images of this layout.
    #[must_use]
    pub fn new(prior: &ImagePrior, layout: &ImageLayout, device: Device) -> Self {
        let prior = ImagePrior::from(prior.parts().map(|t| t.to_device(device)));
        let variance = prior.variance();
        let least = variance.mean(Kind::Float) * (LEAST * LEAST);
        Self {
            seen: [&prior.mean, &prior.modes].map(|t| Seen::new(t, layout)),
            deviation: variance.maximum(&least).sqrt(),
            least,
            prior,
        }
    }

    /// Mean, draw, scatter, shift and residual.
    fn part(&self, y: &Tensor, latent: &Latent, [z, rest]: [&Tensor; 2]) -> [Tensor; 5] {
        let [mean, modes] = &self.seen;
        let Weights {
            mean,
            root,
            seen,
            residual,
            amplitude,
            sigma,
        } = ImagePrior::weights([mean, modes], &self.prior.dark, y, latent);
        let sum = |t: &Tensor| {
            t.square()
                .sum_dim_intlist([1i64].as_slice(), false, Kind::Float)
        };
        let turned = root.transpose(1, 2);
        let z = z.unsqueeze(2).to_kind(Kind::Double);
        let drawn = turned.linalg_solve_triangular(&z, true, true, false);
        let drawn = drawn.squeeze_dim(2).to_kind(Kind::Float);
        let root = root.to_kind(Kind::Float);
        let modes = self.prior.modes.unsqueeze(0);
        let spread = root.linalg_solve_triangular(
            &modes.expand([y.size()[0], -1, -1], false),
            false,
            true,
            false,
        );
        let variance = sum(&spread) + self.prior.rest.square();
        let m = &self.prior.mean + mean.matmul(&self.prior.modes);
        let draw = &m + drawn.matmul(&self.prior.modes) + rest * &self.prior.rest;
        let expected = (sum(&seen) + sigma.square()).sqrt().clamp_min(1e-6);
        let shift = (&m - &self.prior.mean) / &self.deviation;
        let whole = |t: Tensor| t * &amplitude + &self.prior.dark;
        let scatter = variance.maximum(&self.least).sqrt() * &amplitude;
        [whole(m), whole(draw), scatter, shift, residual / expected]
    }
}

impl Start for ImageStart {
    fn anchored(&self, y: &Tensor, latent: &Latent, random: &Rows) -> (Tensor, Latent) {
        let (n, d) = (y.size()[0], y.size()[1]);
        let (z, rest) = (
            random.normal(100, self.prior.modes.size()[0]),
            random.normal(101, d),
        );
        let mut parts: [Vec<Tensor>; 5] = Default::default();
        for from in (0..n).step_by(BATCH as usize) {
            let rows = BATCH.min(n - from);
            let of = |t: &Tensor| t.narrow(0, from, rows);
            let found = self.part(&of(y), &latent.narrow(from, rows), [&of(&z), &of(&rest)]);
            parts
                .iter_mut()
                .zip(found)
                .for_each(|(all, part)| all.push(part));
        }
        let [mean, draw, scatter, shift, seen] = parts.map(|p| Tensor::cat(&p, 0));
        let anchor = Anchor {
            mean,
            scatter,
            shift,
            seen,
        };
        (draw, latent.shallow_clone().on(anchor))
    }
}
