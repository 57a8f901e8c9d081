//! The denoiser D(x; σ) = E[x₀ | x₀ + σ n = x] around a network F, and its loss.

use crate::base::tensors::joined;
use crate::base::workers;
use crate::forward::Latent;
use crate::nets::{Pass, VelocityField};
use std::ops::Range;
use tch::{Kind, Tensor, no_grad};

/// Mean and scatter of the data: what the preconditioning goes by. It supposes data of mean 0, so
/// that the mean is taken out before and put back after.
#[derive(Debug)]
pub struct Edm {
    /// [1, D].
    pub mean: Tensor,
    /// σ_data: root-mean-square deviation of all pixels of all samples from the mean.
    pub sigma_data: f64,
}

// SAFETY: libtorch lets several threads read its tensors, and nothing else is done with them.
unsafe impl Sync for Edm {}

impl Edm {
    /// Measured from samples [N, D].
    #[must_use]
    pub fn of(samples: &Tensor) -> Self {
        let mean = samples.mean_dim([0i64].as_slice(), true, Kind::Float);
        let variance = (samples - &mean).square().mean(Kind::Double);
        Self {
            mean,
            // Samples that are all alike have no scatter to scale by.
            sigma_data: variance.double_value(&[]).sqrt().max(1e-6),
        }
    }

    /// D(x; σ) = c_skip x + c_out F(c_in x; c_noise), equation 7 with the coefficients of table 1,
    /// for points `x` [B, D] at noise levels `sigma` [B, 1].
    pub fn denoise(
        &self,
        network: &dyn VelocityField,
        x: &Tensor,
        sigma: &Tensor,
        pass: Pass,
    ) -> Tensor {
        let x = x - &self.mean;
        let data = self.sigma_data.powi(2);
        let variance = sigma.square() + data;
        let skip = variance.reciprocal() * data;
        let out = sigma * self.sigma_data * variance.rsqrt();
        let noise = sigma.log() / 4.0;
        let scaled = &x * variance.rsqrt();
        let output = network.fields(&noise, &scaled, &unconditioned(&x), pass);
        x * skip + output.velocity * out + &self.mean
    }

    /// The loss (equation 2) at clean samples `x0` [B, D] with standard normal noise `n` [B, D] at
    /// levels `sigma` [B, 1], each weighted by λ(σ) = (σ² + σ_d²)/(σ σ_d)², which is 1/c_out²: a
    /// network that says nothing has a loss of 1 at every level.
    pub fn loss(
        &self,
        network: &dyn VelocityField,
        x0: &Tensor,
        n: &Tensor,
        sigma: &Tensor,
        pass: Pass,
    ) -> Tensor {
        let denoised = self.denoise(network, &(x0 + n * sigma), sigma, pass);
        let data = self.sigma_data.powi(2);
        let weight = (sigma.square() + data) / (sigma.square() * data);
        ((denoised - x0).square() * weight).mean(Kind::Float)
    }

    /// What some rows of a batch contribute to its [`Edm::loss`].
    pub fn part_of_loss(&self, network: &dyn VelocityField, rows: &Portion, pass: Pass) -> Tensor {
        let Portion {
            x0,
            n,
            sigma,
            share,
        } = rows;
        self.loss(network, x0, n, sigma, pass) * *share
    }

    /// [`Edm::denoise`] at one noise level for all rows, which are shared out to all cores. Without
    /// gradient.
    pub fn denoised(
        &self,
        network: &dyn VelocityField,
        x: &Tensor,
        sigma: f64,
        pass: Pass,
    ) -> Tensor {
        let parts = workers::parts(x.size()[0], x.size()[1], x.device());
        let part = |r: Range<i64>| x.narrow(0, r.start, r.end - r.start);
        let parts = parts.into_iter().map(part).collect();
        joined(workers::each(parts, |x: Tensor| {
            let sigma = Tensor::full([x.size()[0], 1], sigma, (Kind::Float, x.device()));
            no_grad(|| self.denoise(network, &x, &sigma, pass))
        }))
    }
}

/// Some rows of a batch for [`Edm::loss`].
#[derive(Debug)]
pub struct Portion {
    x0: Tensor,
    n: Tensor,
    sigma: Tensor,
    share: f64,
}

/// The rows of a batch, arguments of [`Edm::loss`], shared out.
#[must_use]
pub fn portions(x0: &Tensor, n: &Tensor, sigma: &Tensor) -> Vec<Portion> {
    let rows = x0.size()[0];
    let portion = |r: Range<i64>| {
        let k = r.end - r.start;
        let narrow = |t: &Tensor| t.narrow(0, r.start, k);
        Portion {
            x0: narrow(x0),
            n: narrow(n),
            sigma: narrow(sigma),
            share: k as f64 / rows as f64,
        }
    };
    let parts = workers::parts(rows, x0.size()[1], x0.device());
    parts.into_iter().map(portion).collect()
}

/// The latent of rows like `x` [B, D] that are complete and without noise of their own.
fn unconditioned(x: &Tensor) -> Latent {
    Latent::of_pixels(x.ones_like(), x.zeros_like(), x.zeros_like())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::{Purpose, Rows};
    use crate::nets::Mlp;
    use tch::Device;

    /// Samples [N, D] of mean j and standard deviation 0.5, and an untrained network, which is 0.
    fn start(n: i64, d: i64) -> (Edm, Mlp, Tensor) {
        let rows = Rows::range(1, Purpose::Simulate, 0, n, Device::Cpu);
        let mean = Tensor::arange(d, (Kind::Float, Device::Cpu));
        let x = rows.normal(0, d) * 0.5 + mean;
        (Edm::of(&x), Mlp::new(d, 8, 1, 1, 1, Device::Cpu), x)
    }

    fn level(sigma: f64, n: i64) -> Tensor {
        Tensor::full([n, 1], sigma, (Kind::Float, Device::Cpu))
    }

    #[test]
    fn mean_and_scatter_are_those_of_the_samples() {
        let (edm, _, _) = start(4000, 3);
        assert!((edm.sigma_data - 0.5).abs() < 0.01, "{}", edm.sigma_data);
        let mean = Vec::<f32>::try_from(edm.mean.view([-1])).unwrap();
        assert!(
            mean.iter()
                .zip(0..)
                .all(|(m, j)| (m - j as f32).abs() < 0.03)
        );
    }

    #[test]
    fn the_denoiser_is_the_identity_without_noise_and_the_mean_under_much_of_it() {
        let (edm, network, x) = start(50, 3);
        no_grad(|| {
            let at =
                |x: &Tensor, sigma| edm.denoise(&network, x, &level(sigma, 50), Pass::default());
            let change = (at(&x, 1e-5) - &x).abs().max().double_value(&[]);
            assert!(change < 1e-5, "{change}");
            let far = (at(&(&x * 80.0), 8e4) - &edm.mean).abs().max();
            assert!(far.double_value(&[]) < 1e-3);
        });
    }

    #[test]
    fn a_silent_network_is_the_ideal_denoiser_of_white_gaussian_data_with_a_loss_of_one() {
        let (edm, network, x) = start(20_000, 3);
        let n = Rows::range(1, Purpose::Diffusion, 0, 20_000, Device::Cpu).normal(0, 3);
        for sigma in [0.01, 0.5, 20.0] {
            let loss =
                no_grad(|| edm.loss(&network, &x, &n, &level(sigma, 20_000), Pass::default()));
            // c_skip x is the least-squares estimate: E|D − x₀|² = σ²σ_d²/(σ² + σ_d²) = c_out².
            assert!(
                (loss.double_value(&[]) - 1.0).abs() < 0.02,
                "{sigma}: {loss}"
            );
        }
    }
}
