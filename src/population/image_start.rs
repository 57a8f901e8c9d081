//! The posterior of a Gaussian population of images, each behind its own linear channel.

use super::image_population::{ImagePopulation, Products, light, products};
use crate::base::random::Rows;
use crate::forward::{Anchor, Latent, LinearImages};
use crate::transport::Start;
use tch::{Kind, Tensor};

/// Least scatter of a pixel over the population's root mean square.
const LEAST: f64 = 1e-2;
/// Most standard deviations that a network is told.
const MOST: f64 = 20.0;

/// Given the amplitude, ζ ~ N(ζ̂, Q⁻¹) with Q = 1 + a² G N⁻¹ Gᵀ, G the modes as the observation shows them and N
/// its noise; x = dark + a (mean + ζ modes).
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

/// What is made of one row.
struct Row {
    draw: Tensor,
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

    fn row(&self, y: &Tensor, latent: &Latent, chance: &Tensor) -> Row {
        let ImagePopulation { dark, modes, .. } = &self.population;
        let light = light(y, dark, latent);
        let seen = self.channel.seen(&self.basis, latent);
        let sigma = self.channel.sigma(latent);
        let found = Products::of(&seen, &light, [&sigma, &latent.good]);
        let found = found.solved(&self.population.amplitudes);
        let single = |t: &Tensor| t.to_kind(Kind::Float);
        let [a, factor, coordinates] =
            [&found.amplitude, &found.factor, &found.coordinates].map(single);
        let about = &a * (&self.population.mean + coordinates.tr().matmul(modes));
        // L⁻¹ modes: a draw is a ξᵀ L⁻¹ modes from the mean.
        let left = factor.linalg_solve_triangular(modes, false, true, false) * &a;
        let least = &self.least * &a;
        let mean = dark + &about;
        let variance =
            sigma.square() + column_sums(&seen.narrow(0, 1, modes.size()[0]).square()) * a.square();
        let residual = &light - seen.narrow(0, 0, 1) * &a * &latent.good;
        let shift = (&about - &self.population.mean * &a) / (&self.deviation * &a);
        Row {
            draw: &mean + chance.matmul(&left),
            anchor: Anchor {
                scatter: column_sums(&left.square()).sqrt().maximum(&least),
                shift: shift.clamp(-MOST, MOST),
                seen: (residual / variance.sqrt().clamp_min(1e-6)).clamp(-MOST, MOST),
                mean,
            },
        }
    }

    /// Standard normals for the modes of each row, [B, K].
    fn chance(&self, random: &Rows) -> Tensor {
        random.normal(100, self.population.modes.size()[0])
    }
}

impl Start for ImageStart {
    fn anchored(&self, y: &Tensor, latent: &Latent, random: &Rows) -> (Tensor, Latent) {
        let chance = self.chance(random);
        let row = |i: i64| {
            let one = |t: &Tensor| t.narrow(0, i, 1);
            self.row(&one(y), &latent.narrow(i, 1), &one(&chance))
        };
        let rows: Vec<Row> = (0..y.size()[0]).map(row).collect();
        let all = |of: &dyn Fn(&Row) -> &Tensor| {
            let parts: Vec<&Tensor> = rows.iter().map(of).collect();
            Tensor::cat(&parts, 0)
        };
        let anchor = Anchor {
            mean: all(&|r| &r.anchor.mean),
            scatter: all(&|r| &r.anchor.scatter),
            shift: all(&|r| &r.anchor.shift),
            seen: all(&|r| &r.anchor.seen),
        };
        (all(&|r| &r.draw), latent.shallow_clone().on(anchor))
    }

    /// a Q⁻¹ ζ′ of a draw ζ′ of the population, in pixels.
    fn prior_error(&self, y: &Tensor, latent: &Latent, random: &Rows) -> Tensor {
        let chance = self.chance(random).to_kind(Kind::Double);
        let ImagePopulation { dark, modes, .. } = &self.population;
        let basis = [&self.basis, dark];
        let told = products(&self.channel, basis, y, latent);
        let row = |(i, told): (i64, Products)| {
            let found = told.solved(&self.population.amplitudes);
            let left = (chance.narrow(0, i, 1).tr()).cholesky_solve(&found.factor, false);
            (left * &found.amplitude)
                .to_kind(Kind::Float)
                .tr()
                .matmul(modes)
        };
        let rows: Vec<Tensor> = (0..).zip(told).map(row).collect();
        Tensor::cat(&rows, 0)
    }
}

/// Sums over the rows, [1, D].
fn column_sums(t: &Tensor) -> Tensor {
    t.sum_dim_intlist([0i64].as_slice(), true, Kind::Float)
}
