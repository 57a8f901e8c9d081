//! The posterior of a Gaussian population of images, each behind its own linear channel.

use super::image_population::{ImagePopulation, Products, light};
use crate::base::random::Rows;
use crate::forward::{Anchor, Latent, LinearImages};
use crate::transport::Start;
use std::rc::Rc;
use tch::{Kind, Tensor};

/// Least scatter of a pixel over the population's root mean square.
const LEAST: f64 = 1e-2;
/// Most standard deviations that a network is told.
const MOST: f64 = 20.0;

/// Given the amplitude, ζ ~ N(ζ̂, Q⁻¹) with Q = 1 + a² G N⁻¹ Gᵀ, G the modes as the observation shows them and N
/// its noise; x = dark + a (mean + ζ modes). Draws have the amplitude's error, too.
#[derive(Debug)]
pub struct ImageStart {
    population: ImagePopulation,
    channel: LinearImages,
    basis: Tensor,
    /// Standard deviation of each pixel at amplitude 1, [1, D]; and the least scatter.
    deviation: Tensor,
    least: Tensor,
}

// SAFETY: libtorch lets several threads read its tensors, and nothing else is done with them.
unsafe impl Sync for ImageStart {}

/// What an observation says, however many draws are made of it.
struct Told {
    light: Tensor,
    /// L, and L⁻¹ of what each coordinate does to the image (a modes, and the mean where the amplitude is free): a
    /// draw is ξᵀ times that from the mean.
    factor: Tensor,
    left: Tensor,
    /// Roots of the coordinates' inverse variances before the observation, [·, 1].
    roots: Tensor,
    anchor: Anchor,
}

impl ImageStart {
    /// Of this population behind `channel`, on the channel's device.
    #[must_use]
    pub fn new(population: ImagePopulation, channel: LinearImages) -> Self {
        let variance = column_sums(&population.modes.square());
        let least = (variance.mean(Kind::Float) * (LEAST * LEAST)).sqrt();
        Self {
            basis: population.basis(),
            deviation: variance.sqrt().maximum(&least),
            least,
            population,
            channel,
        }
    }

    /// Of each row; those of the same observation share one.
    fn told(&self, y: &Tensor, latent: &Latent) -> Vec<Rc<Told>> {
        let mut all: Vec<(Latent, Rc<Told>)> = Vec::new();
        for i in 0..y.size()[0] {
            let latent = latent.narrow(i, 1);
            let light = light(&y.narrow(0, i, 1), &self.population.dark, &latent);
            let same = |(other, told): &&(Latent, Rc<Told>)| {
                told.light.equal(&light)
                    && other.sigma.equal(&latent.sigma)
                    && other.good.equal(&latent.good)
                    && other.psf.equal(&latent.psf)
            };
            let told = match all.iter().find(same) {
                Some((_, told)) => Rc::clone(told),
                None => Rc::new(self.of(light, &latent)),
            };
            all.push((latent, told));
        }
        all.into_iter().map(|(_, told)| told).collect()
    }

    fn of(&self, light: Tensor, latent: &Latent) -> Told {
        let ImagePopulation { dark, modes, .. } = &self.population;
        let seen = self.channel.seen(&self.basis, latent);
        let sigma = self.channel.sigma(latent);
        let found = Products::of(&seen, &light, [&sigma, &latent.good]);
        let found = found.solved(&self.population.amplitudes);
        let single = |t: &Tensor| t.to_kind(Kind::Float);
        let [a, factor, coordinates] =
            [&found.amplitude, &found.factor, &found.coordinates].map(single);
        let about = &a * (&self.population.mean + coordinates.tr().matmul(modes));
        let ones = coordinates.ones_like();
        let (does, roots) = match found.free {
            None => (modes * &a, ones),
            Some(precision) => (
                Tensor::cat(&[&(modes * &a), &self.population.mean], 0),
                Tensor::cat(&[&ones, &(a.ones_like() * precision.sqrt())], 0),
            ),
        };
        let left = factor.linalg_solve_triangular(&does, false, true, false);
        let scatter = column_sums(&left.square()).sqrt();
        let shift = (&about - &self.population.mean * &a) / (&self.deviation * &a);
        let signal = column_sums(&seen.narrow(0, 1, modes.size()[0]).square()) * a.square();
        let residual = &light - seen.narrow(0, 0, 1) * &a * &latent.good;
        let expected = (signal + sigma.square()).sqrt().clamp_min(1e-6);
        Told {
            light,
            factor,
            left,
            roots,
            anchor: Anchor {
                mean: dark + about,
                scatter: scatter.maximum(&(&self.least * &a)),
                shift: shift.clamp(-MOST, MOST),
                seen: (residual / expected).clamp(-MOST, MOST),
            },
        }
    }

    /// Standard normals for the coordinates of each row, [B, ·].
    fn chance(&self, told: &[Rc<Told>], random: &Rows) -> Tensor {
        let coordinates = told.first().map_or(0, |t| t.left.size()[0]);
        random.normal(100, coordinates)
    }
}

impl Start for ImageStart {
    fn anchored(&self, y: &Tensor, latent: &Latent, random: &Rows) -> (Tensor, Latent) {
        let told = self.told(y, latent);
        let chance = self.chance(&told, random);
        let error = |(i, told): (i64, &Rc<Told>)| chance.narrow(0, i, 1).matmul(&told.left);
        let errors: Vec<Tensor> = (0..).zip(&told).map(error).collect();
        let all = |of: &dyn Fn(&Anchor) -> &Tensor| {
            let parts: Vec<&Tensor> = told.iter().map(|t| of(&t.anchor)).collect();
            Tensor::cat(&parts, 0)
        };
        let anchor = Anchor {
            mean: all(&|a| &a.mean),
            scatter: all(&|a| &a.scatter),
            shift: all(&|a| &a.shift),
            seen: all(&|a| &a.seen),
        };
        let draw = &anchor.mean + Tensor::cat(&errors, 0);
        (draw, latent.shallow_clone().on(anchor))
    }

    /// Q⁻¹ P ζ′ of a draw ζ′ of the population, P its inverse covariance, in pixels.
    fn prior_error(&self, y: &Tensor, latent: &Latent, random: &Rows) -> Tensor {
        let all = self.told(y, latent);
        let chance = self.chance(&all, random);
        let error = |(i, told): (i64, &Rc<Told>)| {
            let own = chance.narrow(0, i, 1).tr() * &told.roots;
            let own = told
                .factor
                .linalg_solve_triangular(&own, false, true, false);
            own.tr().matmul(&told.left)
        };
        let errors: Vec<Tensor> = (0..).zip(&all).map(error).collect();
        Tensor::cat(&errors, 0)
    }
}

/// Sums over the rows, [1, D].
fn column_sums(t: &Tensor) -> Tensor {
    t.sum_dim_intlist([0i64].as_slice(), true, Kind::Float)
}
