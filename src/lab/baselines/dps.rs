//! Diffusion posterior sampling (Chung et al. 2023): the ancestral sampler of a prior, pulled after
//! each step towards the observation.

use super::linear::Linear;
use super::prior::Denoiser;
use super::sampler::levels;
use crate::base::random::Rows;
use crate::base::tensors::joined;
use crate::base::workers;
use crate::forward::Latent;
use crate::train::Observations;
use std::ops::Range;
use tch::{Kind, Tensor, with_grad};

/// The sampler.
pub struct Dps<'a> {
    /// Of clean data.
    pub prior: &'a dyn Denoiser,
    /// F, which must be linear.
    pub channel: &'a Linear,
    /// Steps of the sampler.
    pub steps: usize,
}

impl Dps<'_> {
    /// One draw for each of `observed`, [N, D], with guidance of strength `zeta`.
    pub fn draw(&self, observed: &Observations, zeta: f64, random: &Rows) -> Tensor {
        let part = |(o, r): (Observations, Range<i64>)| {
            let random = random.narrow(r.start, o.len());
            (o, random)
        };
        let parts = observed.parts().into_iter().map(part).collect();
        joined(workers::each(parts, |(o, random): (Observations, Rows)| {
            self.batch(&o.flux, &o.latent, zeta, &random)
        }))
    }

    /// The strength out of `grid` whose draws have the least mean square error to `truth` [N, D]: it
    /// needs the truth, which flatters the method.
    pub fn best(
        &self,
        observed: &Observations,
        truth: &Tensor,
        grid: &[f64],
        random: &Rows,
    ) -> f64 {
        let error = |zeta: f64| {
            let draws = self.draw(observed, zeta, random);
            (draws - truth)
                .square()
                .mean(Kind::Double)
                .double_value(&[])
        };
        let errors = grid.iter().map(|zeta| (error(*zeta), *zeta));
        let least = errors
            .filter(|(e, _)| e.is_finite())
            .min_by(|a, b| a.0.total_cmp(&b.0));
        least.map_or(0.0, |(_, zeta)| zeta)
    }

    fn batch(&self, y: &Tensor, latent: &Latent, zeta: f64, random: &Rows) -> Tensor {
        let levels = levels(self.prior.scale(), self.steps);
        let pixels = y.size()[1];
        let mut x = self.prior.mean() + random.normal(0, pixels) * levels[0];
        for (i, pair) in levels.windows(2).enumerate() {
            let (sigma, next) = (pair[0], pair[1]);
            let (denoised, pull) = self.guided(&x, sigma, i as u64, y, latent);
            // p(x_next | x_t, x₀ = D): what is left of the noise, and fresh noise.
            let kept = (next / sigma).powi(2);
            let fresh = random.normal(1 + i as u64, pixels) * (next * (1.0 - kept).sqrt());
            let free = &denoised + (x - &denoised) * kept + fresh;
            x = free
                - pull * (zeta * self.stretch(sigma) * self.stretch(next) * self.prior.scale());
        }
        x
    }

    /// D(x_t) and the gradient of ‖y − A D(x_t)‖ with respect to x_t, the norm of each row by itself.
    fn guided(
        &self,
        x: &Tensor,
        sigma: f64,
        phase: u64,
        y: &Tensor,
        latent: &Latent,
    ) -> (Tensor, Tensor) {
        with_grad(|| {
            let x = x.detach().set_requires_grad(true);
            let sigma = Tensor::full([x.size()[0], 1], sigma, (Kind::Float, x.device()));
            let denoised = self.prior.denoise(&x, &sigma, phase);
            let residual = (y - self.channel.apply(&denoised, latent)) * &latent.good;
            let square = residual
                .square()
                .sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
            let norms = (square + f64::from(f32::MIN_POSITIVE))
                .sqrt()
                .sum(Kind::Float);
            let pull = Tensor::run_backward(&[norms], &[&x], false, false).remove(0);
            (denoised.detach(), pull)
        })
    }

    /// √(1 + σ²/s²): Chung et al. move the variance-preserving x_t/√(1 + σ²/s²), by ζ times the gradient
    /// with respect to that.
    fn stretch(&self, sigma: f64) -> f64 {
        (1.0 + (sigma / self.prior.scale()).powi(2)).sqrt()
    }
}
