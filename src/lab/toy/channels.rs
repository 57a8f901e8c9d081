//! What happens to the points of each shape.

use super::shapes::Shape;
use crate::Result;
use crate::base::random::Rows;
use crate::forward::{CorrelatedNoise, ForwardModel, Gaussian, Latent};
use std::f64::consts::PI;
use tch::{Device, Kind, Tensor};

/// Probability that a point loses its sign.
const LOST: f64 = 0.3;

impl Shape {
    /// F of this shape, with noise of standard deviation `sigma`.
    #[must_use]
    pub fn channel(self, sigma: f64) -> Box<dyn ForwardModel> {
        match self {
            Self::RandomProjection => Box::new(Projection { sigma }),
            Self::LostSign => Box::new(LostSign { sigma }),
            _ => Box::new(Gaussian::new(sigma, CorrelatedNoise::new(&[], Device::Cpu))),
        }
    }

    /// What the channel takes as given, for observations in the plane, one for each of the rows of
    /// `random`.
    pub(super) fn latent(self, sigma: f64, random: &Rows) -> Latent {
        let ones = random.uniform(0, 2).ones_like();
        let zeros = ones.zeros_like();
        match self {
            Self::RandomProjection => Latent {
                vector: zeros.copy(),
                // Along the direction alone: no noise level of the pixels.
                ..Latent::of_pixels(ones, zeros.copy(), zeros)
            },
            _ => Latent::of_pixels(ones.copy(), ones * sigma, zeros),
        }
    }

    /// ln p(y | x) of points `x` [N, 2] for one observation `y` with its `latent`, both of one row, but for
    /// a constant, [N].
    pub(super) fn likelihood(self, sigma: f64, x: &Tensor, y: &Tensor, latent: &Latent) -> Tensor {
        let sum = |t: Tensor| t.sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
        let gaussian = |off: Tensor| sum(off.square()) * (-0.5 / (sigma * sigma));
        match self {
            Self::RandomProjection => {
                let along = |v: &Tensor| sum(v * &latent.vector).unsqueeze(1);
                gaussian(along(x) - along(y))
            }
            Self::LostSign => {
                let kept = gaussian(x - y) + (1.0 - LOST).ln();
                kept.logaddexp(&(gaussian(x + y) + LOST.ln()))
            }
            _ => gaussian(x - y),
        }
    }
}

/// y = (a·x + σ ξ) a: one coordinate, in a direction a that is drawn afresh and told.
#[derive(Debug)]
struct Projection {
    sigma: f64,
}

impl ForwardModel for Projection {
    fn observe(&self, x: &Tensor, recorded: &Latent, random: &Rows) -> Result<(Tensor, Latent)> {
        let angle = random.uniform(1, 1) * PI;
        let a = Tensor::cat(&[angle.cos(), angle.sin()], 1);
        let along = (x * &a).sum_dim_intlist([1i64].as_slice(), true, Kind::Float);
        let y = (along + random.normal(0, 1) * self.sigma) * &a;
        let latent = Latent {
            vector: a,
            ..recorded.shallow_clone()
        };
        Ok((y, latent))
    }
}

/// y = ±x + σ ξ: the sign is turned over now and then, and nobody tells.
#[derive(Debug)]
struct LostSign {
    sigma: f64,
}

impl ForwardModel for LostSign {
    fn observe(&self, x: &Tensor, recorded: &Latent, random: &Rows) -> Result<(Tensor, Latent)> {
        let kept = random.uniform(1, 1).ge(LOST).to_kind(Kind::Float) * 2.0 - 1.0;
        let y = x * kept + random.normal(0, x.size()[1]) * self.sigma;
        Ok((y, recorded.shallow_clone()))
    }
}
