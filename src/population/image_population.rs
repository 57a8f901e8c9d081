//! A Gaussian population of images, each with a brightness of its own, and what an observation says of one.

use crate::forward::{Latent, LinearImages};
use tch::{Kind, Tensor};

/// Rounds of an amplitude's estimate: it depends on the covariance that it scales.
const ROUNDS: usize = 3;

/// x = dark + a (mean + Σ ζ_k modes_k), ζ standard normal.
#[derive(Debug)]
pub struct ImagePopulation {
    /// No light, [1, D].
    pub dark: Tensor,
    /// [1, D].
    pub mean: Tensor,
    /// [K, D].
    pub modes: Tensor,
    /// The range of the amplitudes a, [1, 2]; from 1 to 1 where there are none.
    pub amplitudes: Tensor,
}

impl ImagePopulation {
    /// Its tensors, in a fixed order.
    pub fn parts(&self) -> [&Tensor; 4] {
        [&self.dark, &self.mean, &self.modes, &self.amplitudes]
    }

    /// Mean and modes, [1 + K, D].
    pub(super) fn basis(&self) -> Tensor {
        Tensor::cat(&[&self.mean, &self.modes], 0)
    }
}

impl From<[Tensor; 4]> for ImagePopulation {
    /// From [`ImagePopulation::parts`].
    fn from([dark, mean, modes, amplitudes]: [Tensor; 4]) -> Self {
        Self {
            dark,
            mean,
            modes,
            amplitudes,
        }
    }
}

/// What one observation says of its coordinates: products with the inverse of its noise's variance, in double
/// precision.
#[derive(Debug)]
pub(super) struct Products {
    /// Of the basis, seen through the channel, with itself, [1 + K, 1 + K].
    pub gram: Tensor,
    /// And with the observed light, [1 + K, 1].
    pub with: Tensor,
}

impl Products {
    /// Of the observed light [1, D] of one observation, whose noise has the standard deviations `sigma` and whose
    /// masked pixels hold no light, and the `seen` basis [1 + K, D].
    pub fn of(seen: &Tensor, light: &Tensor, [sigma, good]: [&Tensor; 2]) -> Self {
        let root = good / sigma;
        let basis = (seen * &root).to_kind(Kind::Double);
        let light = (light * root).to_kind(Kind::Double);
        Self {
            with: basis.matmul(&light.tr()),
            gram: basis.matmul(&basis.tr()),
        }
    }

    /// In other coordinates, whose basis are the columns of `fold` [1 + K, 1 + K].
    pub fn folded(&self, fold: &Tensor) -> Self {
        Self {
            gram: fold.tr().matmul(&self.gram).matmul(fold),
            with: fold.tr().matmul(&self.with),
        }
    }

    /// The posterior of ζ under a standard normal law, and of the amplitude within `range` [1, 2].
    pub fn solved(&self, range: &Tensor) -> Posterior {
        let k = self.gram.size()[0] - 1;
        let ends = range.to_kind(Kind::Double);
        let (low, high) = (ends.narrow(1, 0, 1), ends.narrow(1, 1, 1));
        let own = self.gram.narrow(0, 1, k).narrow(1, 1, k);
        let mean = self.gram.narrow(0, 1, k).narrow(1, 0, 1);
        let light = self.with.narrow(0, 1, k);
        let [both, of_light] = [&self.gram, &self.with].map(|t| t.narrow(0, 0, 1).narrow(1, 0, 1));
        let eye = Tensor::eye(k, (Kind::Double, own.device()));
        let factor = |a: &Tensor| (own.shallow_clone() * a.square() + &eye).linalg_cholesky(false);
        // By least squares, as far as the covariance that the last one makes leaves the mean to be told.
        let mut amplitude = (&of_light / both.clamp_min(1e-300))
            .maximum(&low)
            .minimum(&high);
        for _ in 0..ROUNDS {
            let sides = Tensor::cat(&[&light, &mean], 1);
            let solved = sides.cholesky_solve(&factor(&amplitude), false);
            let told = mean.tr().matmul(&solved) * amplitude.square();
            let above = &of_light - told.narrow(1, 0, 1);
            let below = &both - told.narrow(1, 1, 1);
            amplitude = (above / below.clamp_min(1e-300))
                .maximum(&low)
                .minimum(&high);
        }
        let factor = factor(&amplitude);
        let residual = (light - &mean * &amplitude) * &amplitude;
        let coordinates = residual.cholesky_solve(&factor, false);
        let width = (high - low).double_value(&[0, 0]);
        let free = (width > 0.0).then(|| 12.0 / (width * width));
        let factor = match free {
            None => factor,
            Some(precision) => {
                // One row and one column more: the amplitude's, beside a ζ.
                let seen = &mean * &amplitude;
                let row = factor.linalg_solve_triangular(&seen, false, true, false);
                let rest = both + precision - row.tr().matmul(&row);
                let corner = rest.clamp_min(precision).sqrt();
                let above = Tensor::cat(&[&factor, &row.zeros_like()], 1);
                Tensor::cat(&[above, Tensor::cat(&[row.tr(), corner], 1)], 0)
            }
        };
        Posterior {
            coordinates,
            factor,
            amplitude,
            free,
        }
    }
}

/// ζ ~ N(coordinates, Q⁻¹), Q = L Lᵀ. Where the amplitude is free, its error counts: x = dark + a mean +
/// (a) Σ ζ_k modes_k, with the a in brackets held at its estimate, is linear in a and ζ, and L is that of both, the
/// amplitude last.
#[derive(Debug)]
pub(super) struct Posterior {
    /// [K, 1].
    pub coordinates: Tensor,
    /// L, [K, K] or [K + 1, K + 1].
    pub factor: Tensor,
    /// a, [1, 1].
    pub amplitude: Tensor,
    /// The inverse of the variance that the amplitude has before the observation, where it is free: that of a
    /// uniform law over the range.
    pub free: Option<f64>,
}

impl Posterior {
    /// The covariance of ζ with the amplitude held at its estimate, [K, K]. What learns the population takes this
    /// one: with a free amplitude the mean of all could wander off into the modes.
    pub fn covariance(&self) -> Tensor {
        let k = self.coordinates.size()[0];
        let own = self.factor.narrow(0, 0, k).narrow(1, 0, k);
        own.cholesky_inverse(false)
    }
}

/// The light of the one observation `y` [1, D].
pub(super) fn light(y: &Tensor, dark: &Tensor, latent: &Latent) -> Tensor {
    (y - dark) * &latent.good
}

/// [`Products`] of each of the observations `y` [B, D].
pub(super) fn products(
    channel: &LinearImages,
    [basis, dark]: [&Tensor; 2],
    y: &Tensor,
    latent: &Latent,
) -> Vec<Products> {
    let one = |i: i64| {
        let latent = latent.narrow(i, 1);
        let light = light(&y.narrow(0, i, 1), dark, &latent);
        let noise = [&channel.sigma(&latent), &latent.good];
        Products::of(&channel.seen(basis, &latent), &light, noise)
    };
    (0..y.size()[0]).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    /// What three modes and a mean look like in twelve pixels, and an observation of amplitude 1.7 or so.
    fn products() -> Products {
        tch::manual_seed(3);
        let kind = (Kind::Float, Device::Cpu);
        let seen = Tensor::randn([4, 12], kind);
        let light = seen.narrow(0, 0, 1) * 1.7 + Tensor::randn([1, 12], kind) * 0.1;
        let (sigma, good) = (light.full_like(0.1), light.ones_like());
        Products::of(&seen, &light, [&sigma, &good])
    }

    fn range(low: f64, high: f64) -> Tensor {
        Tensor::from_slice(&[low, high]).view([1, 2])
    }

    fn apart(a: &Tensor, b: &Tensor) -> f64 {
        let scale = b.abs().max().double_value(&[]);
        (a - b).abs().max().double_value(&[]) / scale
    }

    #[test]
    fn a_free_amplitude_is_one_coordinate_more_of_the_gaussian_posterior() {
        let products = products();
        let found = products.solved(&range(0.2, 5.0));
        let a = found.amplitude.double_value(&[0, 0]);
        // The model that is linear in ζ and a, a beyond the modes; a is uniform over the range before.
        let does = Tensor::from_slice(&[a, a, a, 1.0]);
        let order = Tensor::from_slice(&[1i64, 2, 3, 0]);
        let gram = products
            .gram
            .index_select(0, &order)
            .index_select(1, &order);
        let before = Tensor::from_slice(&[1.0, 1.0, 1.0, 12.0 / (4.8 * 4.8)]);
        let inverse = gram * does.view([-1, 1]) * does.view([1, -1]) + before.diag(0);
        let factor = &found.factor;
        assert!(apart(&factor.matmul(&factor.tr()), &inverse) < 1e-6);
        // Held at its estimate, it is none.
        let held = products.solved(&range(a, a));
        assert_eq!(held.factor.size(), [3, 3]);
        assert!(apart(&held.covariance(), &found.covariance()) < 1e-6);
        let of_modes = inverse.narrow(0, 0, 3).narrow(1, 0, 3).inverse();
        assert!(apart(&found.covariance(), &of_modes) < 1e-6);
    }
}
