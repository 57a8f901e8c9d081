//! The posterior of one object under a Gaussian population in the rest frame: exact, but that the
//! object's amplitude is taken as known once it is found.

use super::blur::blur_matrix;
use super::channel::Channel;
use super::linalg::Cholesky;
use super::rest_population::RestPopulation;
use super::rest_sums::amplitude;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};
use rand::Rng;
use rand_distr::StandardNormal;
use std::sync::OnceLock;

/// Posteriors under a population behind `channel`. The blur is the channel's mean one, of the same
/// width throughout; the tilt is exact but for what it does to a pixel's neighbours.
#[derive(Debug)]
pub struct RestFilter<'a> {
    channel: &'a Channel,
    population: &'a RestPopulation,
    known: Seen,
    /// For objects without a redshift.
    unknown: OnceLock<Box<(RestPopulation, Seen)>>,
}

/// A population with covariance C = F Fᵀ behind the blur H.
#[derive(Debug)]
struct Seen {
    /// H m, [L].
    mean: Array1<f64>,
    /// H F.
    factor: Array2<f64>,
    /// C Hᵀ and H C Hᵀ, [L, L].
    cross: Array2<f64>,
    covariance: Array2<f64>,
}

impl Seen {
    fn new(population: &RestPopulation, channel: &Channel) -> Self {
        let blur = blur_matrix(&vec![channel.sigma_pixels; population.grid.len()]);
        let factor = blur.dot(&population.factor);
        Self {
            mean: blur.dot(&population.mean),
            cross: population.factor.dot(&factor.t()),
            covariance: factor.dot(&factor.t()),
            factor,
        }
    }
}

impl<'a> RestFilter<'a> {
    /// The filter for observations of `population` through `channel`.
    #[must_use]
    pub fn new(population: &'a RestPopulation, channel: &'a Channel) -> Self {
        Self {
            channel,
            population,
            known: Seen::new(population, channel),
            unknown: OnceLock::new(),
        }
    }

    /// The posterior of the object at redshift `z` (NaN: unknown) observed as `flux` where `ivar` > 0,
    /// both `[D]`. `None` if its covariance is not positive definite.
    #[must_use]
    pub fn posterior(
        &self,
        flux: ArrayView1<f32>,
        ivar: ArrayView1<f32>,
        z: f64,
    ) -> Option<RestPosterior<'_>> {
        let (population, seen, from) = match self.population.grid.shift(z) {
            Some(k) => (self.population, &self.known, k),
            None => {
                let (population, seen) = &**self.unknown.get_or_init(|| {
                    let population = self.population.observed();
                    let seen = Seen::new(&population, self.channel);
                    Box::new((population, seen))
                });
                (population, seen, 0)
            }
        };
        let to = from + population.grid.pixels;
        let mean_seen = seen.mean.slice(s![from..to]);
        let amplitude = match population.scaled {
            true => amplitude(flux, ivar, mean_seen),
            false => 1.0,
        };
        let variance = ivar.mapv(|v| match v > 0.0 {
            true => 1.0 / (f64::from(v) * amplitude * amplitude),
            false => 0.0,
        });
        let signal = seen.covariance.slice(s![from..to, from..to]);
        let mut posterior = RestPosterior {
            solver: self.solver(signal, mean_seen, &variance)?,
            channel: self.channel,
            amplitude,
            prior: population.mean.slice(s![from..to]),
            mean_seen,
            factor: population.factor.slice(s![from..to, ..]),
            seen_factor: seen.factor.slice(s![from..to, ..]),
            cross: seen.cross.slice(s![from..to, from..to]),
            variance,
            mean: Array1::zeros(0),
        };
        let y = flux.mapv(|f| f64::from(f) / amplitude);
        let found = posterior.estimates(y.insert_axis(Axis(1)));
        posterior.mean = found.column(0).to_owned();
        Some(posterior)
    }

    /// Of the covariance of an observation of amplitude 1 whose noise has these variances, 0 where
    /// masked.
    fn solver(
        &self,
        signal: ArrayView2<f64>,
        mean: ArrayView1<f64>,
        variance: &Array1<f64>,
    ) -> Option<Cholesky> {
        let (tilt, lever) = (self.channel.tilt_variance, &self.channel.lever);
        let mut a = signal.to_owned();
        if tilt > 0.0 {
            for ((i, j), a) in a.indexed_iter_mut() {
                *a += tilt * lever[i] * lever[j] * (*a + mean[i] * mean[j]);
            }
        }
        self.channel.add_noise(&mut a, variance);
        // A masked pixel: its row and column become the identity's, its residual 0.
        for j in (0..variance.len()).filter(|j| variance[*j] <= 0.0) {
            a.row_mut(j).fill(0.0);
            a.column_mut(j).fill(0.0);
            a[[j, j]] = 1.0;
        }
        Cholesky::new(&a)
    }
}

/// What is known of one clean spectrum x = a x₁, x₁ of amplitude 1.
#[derive(Debug)]
pub struct RestPosterior<'a> {
    channel: &'a Channel,
    /// a.
    amplitude: f64,
    /// The population of x₁: mean and factor [D, M] before and behind the blur, and the covariance of
    /// x₁ with its observation, [D, D].
    prior: ArrayView1<'a, f64>,
    mean_seen: ArrayView1<'a, f64>,
    factor: ArrayView2<'a, f64>,
    seen_factor: ArrayView2<'a, f64>,
    cross: ArrayView2<'a, f64>,
    /// Of the noise of y/a; 0 where masked.
    variance: Array1<f64>,
    solver: Cholesky,
    /// Of x₁.
    mean: Array1<f64>,
}

impl RestPosterior<'_> {
    /// E[x | y], `[D]`.
    #[must_use]
    pub fn mean(&self) -> Array1<f64> {
        &self.mean * self.amplitude
    }

    /// Standard deviations of x given y, `[D]`.
    #[must_use]
    pub fn deviation(&self) -> Array1<f64> {
        let explained = self.solver.solve(&self.unmasked(self.cross.t().to_owned()));
        let own = self.factor.rows().into_iter().map(|f| f.dot(&f));
        let variance = own.enumerate().map(|(j, own)| {
            let part = self.cross.row(j).dot(&explained.column(j));
            (own - part).max(0.0)
        });
        variance.map(|v| self.amplitude * v.sqrt()).collect()
    }

    /// `n` draws of x given y, [n, D], by Matheron's rule: the mean, plus the error that it makes of a
    /// draw of the population that is observed alike.
    pub fn draws(&self, n: usize, rng: &mut impl Rng) -> Array2<f64> {
        let d = self.variance.len();
        let (mut others, mut seen) = (Array2::zeros((d, n)), Array2::zeros((d, n)));
        for k in 0..n {
            let normals = |_| -> f64 { rng.sample(StandardNormal) };
            let modes: Array1<f64> = (0..self.factor.ncols()).map(normals).collect();
            let tilt =
                (3.0 * self.channel.tilt_variance).sqrt() * (2.0 * rng.random::<f64>() - 1.0);
            let through = &self.mean_seen + &self.seen_factor.dot(&modes);
            let noise = self.channel.noise(&self.variance, rng);
            let y = through * (&self.channel.lever * tilt + 1.0) + noise;
            others
                .column_mut(k)
                .assign(&(&self.prior + &self.factor.dot(&modes)));
            seen.column_mut(k).assign(&y);
        }
        let errors = others - self.estimates(seen);
        (errors.reversed_axes() + &self.mean) * self.amplitude
    }

    /// E[x₁ | y₁] for the columns of `y` [D, n].
    fn estimates(&self, y: Array2<f64>) -> Array2<f64> {
        let residuals = self.unmasked(y - self.mean_seen.insert_axis(Axis(1)));
        self.cross.dot(&self.solver.solve(&residuals)) + self.prior.insert_axis(Axis(1))
    }

    /// `rows` [D, n] with 0 at the masked pixels.
    fn unmasked(&self, mut rows: Array2<f64>) -> Array2<f64> {
        for j in (0..self.variance.len()).filter(|j| self.variance[*j] <= 0.0) {
            rows.row_mut(j).fill(0.0);
        }
        rows
    }
}
