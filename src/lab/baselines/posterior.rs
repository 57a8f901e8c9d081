//! Moment-matching posterior sampling (Rozet et al. 2024, section 4.2).
//!
//! Given x_t = x + σ z, the clean x is taken as Gaussian: mean D(x_t; σ) and, by Tweedie's formula,
//! covariance V = σ² ∂D/∂x_t. Then E[x | x_t, y] = D + V Aᵀ (A V Aᵀ + Σ)⁻¹ (y − A D), and with it in
//! place of D any sampler of the prior draws from the posterior. For a Gaussian prior that is exact.
//!
//! D and V may come from two denoisers. The Jacobian of a network that was trained for minutes is far
//! from symmetric and positive, and some draws run away; the V of a Gaussian population with the same
//! moments agrees with the true one where σ is small (σ²) and where it is large (the covariance).

use super::linear::Linear;
use super::prior::Denoiser;
use super::sampler::levels;
use crate::base::random::Rows;
use crate::base::tensors::joined;
use crate::base::workers;
use crate::diffusion::heun_step;
use crate::forward::Latent;
use crate::train::Observations;
use std::ops::Range;
use tch::{Kind, Tensor, no_grad, with_grad};

/// The posterior p(x | y) under a prior.
pub struct Posterior<'a> {
    /// Of clean data.
    pub prior: &'a dyn Denoiser,
    /// Whose Jacobian gives V: the prior itself, or a Gaussian of the same moments.
    pub shape: &'a dyn Denoiser,
    /// F, which must be linear.
    pub channel: &'a Linear,
    /// Steps of the sampler, two evaluations each.
    pub steps: usize,
    /// Conjugate gradients per evaluation.
    pub iterations: usize,
}

impl Posterior<'_> {
    /// One draw for each of `observed`, [N, D]. A row's draw depends on it and its stream alone.
    pub fn draw(&self, observed: &Observations, random: &Rows) -> Tensor {
        let part = |(o, r): (Observations, Range<i64>)| {
            let random = random.narrow(r.start, o.len());
            (o, random)
        };
        let parts = observed.parts().into_iter().map(part).collect();
        joined(workers::each(parts, |(o, random): (Observations, Rows)| {
            self.batch(&o.flux, &o.latent, &random)
        }))
    }

    fn batch(&self, y: &Tensor, latent: &Latent, random: &Rows) -> Tensor {
        let levels = levels(self.prior.scale(), self.steps);
        let mean = self.prior.mean().expand_as(y);
        // Far from everything, the posterior is about as wide as the noise level and centred at its mean.
        let centre = self.estimate(&mean, levels[0], 0, y, latent);
        let start = centre + random.normal(0, y.size()[1]) * levels[0];
        let estimate =
            |x: &Tensor, sigma: f64, phase: u64| self.estimate(x, sigma, phase, y, latent);
        let pairs = levels.windows(2).enumerate();
        pairs.fold(start, |x, (i, pair)| {
            heun_step(&x, [pair[0], pair[1]], 2 * i as u64, &estimate)
        })
    }

    /// E[x | x_t, y] for `x` = x_t [B, D].
    fn estimate(&self, x: &Tensor, sigma: f64, phase: u64, y: &Tensor, latent: &Latent) -> Tensor {
        let x = x.detach().set_requires_grad(true);
        let levels = Tensor::full([x.size()[0], 1], sigma, (Kind::Float, x.device()));
        let denoised = no_grad(|| self.prior.denoise(&x, &levels, phase));
        let shape = with_grad(|| self.shape.denoise(&x, &levels, phase));
        let spread = |v: &Tensor| with_grad(|| gradient(&shape, &x, v)) * (sigma * sigma);
        let seen = |z: &Tensor| {
            self.channel
                .apply(&spread(&self.channel.transpose(z, latent)), latent)
        };
        let residual = (y - self.channel.apply(&denoised, latent)) * &latent.good;
        let solved = conjugate_gradients(
            |z| seen(z) + self.channel.covariance(z, latent),
            residual,
            &self.channel.variance(latent),
            self.iterations,
        );
        denoised + spread(&self.channel.transpose(&solved, latent))
    }
}

/// Jᵀ v for the Jacobian J of `output` with respect to `input`; the graph stays.
fn gradient(output: &Tensor, input: &Tensor, v: &Tensor) -> Tensor {
    let product = (output * v).sum(Kind::Float);
    Tensor::run_backward(&[product], &[input], true, false).remove(0)
}

/// Solves K z = b, row by row, by `iterations` of conjugate gradients, preconditioned with the diagonal
/// `variance`. Where K shows a direction that is not positive (the Jacobian of a network is no exact
/// covariance) that row stays as it is.
fn conjugate_gradients(
    k: impl Fn(&Tensor) -> Tensor,
    b: Tensor,
    variance: &Tensor,
    iterations: usize,
) -> Tensor {
    let dot =
        |a: &Tensor, b: &Tensor| (a * b).sum_dim_intlist([1i64].as_slice(), true, Kind::Float);
    let ratio = |a: &Tensor, b: &Tensor| (a / b).where_self(&b.gt(0.0), &a.zeros_like());
    let mut solution = b.zeros_like();
    let mut residual = b;
    let mut preconditioned = &residual / variance;
    let mut direction = preconditioned.shallow_clone();
    let mut square = dot(&residual, &preconditioned);
    for _ in 0..iterations {
        let image = k(&direction);
        let step = ratio(&square, &dot(&direction, &image));
        solution += &direction * &step;
        residual -= image * step;
        preconditioned = &residual / variance;
        let next = dot(&residual, &preconditioned);
        direction = &preconditioned + direction * ratio(&next, &square);
        square = next;
    }
    solution
}
