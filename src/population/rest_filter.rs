//! The posterior of one object under a Gaussian population in the rest frame: exact, but that the
//! object's amplitude is taken as known once it is found.

use super::blur::blur_matrix;
use super::channel::Channel;
use super::linalg::Cholesky;
use super::rest_population::RestPopulation;
use super::rest_sums::{amplitude, amplitude_response};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};
use rand::Rng;
use rand_distr::StandardNormal;
use std::sync::OnceLock;

/// Posteriors under a population behind `channel`. The blur is the channel's mean one, of the same
/// width throughout; the tilt is exact but for what it does to a pixel's neighbours.
#[derive(Debug)]
pub struct RestFilter {
    channel: Channel,
    population: RestPopulation,
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

impl RestFilter {
    #[must_use]
    pub fn new(population: RestPopulation, channel: Channel) -> Self {
        Self {
            known: Seen::new(&population, &channel),
            channel,
            population,
            unknown: OnceLock::new(),
        }
    }

    /// The population that the posteriors are under.
    #[must_use]
    pub fn population(&self) -> &RestPopulation {
        &self.population
    }

    /// The population as the object at redshift `z` shows it, that behind the blur, and at which of
    /// their pixels the object begins.
    fn at(&self, z: f64) -> (&RestPopulation, &Seen, usize) {
        if let Some(k) = self.population.grid.shift(z) {
            return (&self.population, &self.known, k);
        }
        let (population, seen) = &**self.unknown.get_or_init(|| {
            let population = self.population.observed();
            let seen = Seen::new(&population, &self.channel);
            Box::new((population, seen))
        });
        (population, seen, 0)
    }

    /// Variances of clean spectra of amplitude 1 at redshift `z` (NaN: unknown), [D].
    #[must_use]
    pub fn variances(&self, z: f64) -> Array1<f64> {
        let (population, _, from) = self.at(z);
        let factor = (population.factor).slice(s![from..from + population.grid.pixels, ..]);
        factor.rows().into_iter().map(|f| f.dot(&f)).collect()
    }

    /// A draw of an observation's noise, [D], 0 where it is masked.
    pub fn noise(&self, ivar: ArrayView1<f32>, rng: &mut impl Rng) -> Array1<f64> {
        let variance = |v: f32| if v > 0.0 { 1.0 / f64::from(v) } else { 0.0 };
        self.channel.noise(&ivar.mapv(variance), rng)
    }

    /// The posterior of the object at redshift `z` (NaN: unknown) observed as `flux` where `ivar` > 0,
    /// both [D]. `None` if its covariance is not positive definite.
    #[must_use]
    pub fn posterior(
        &self,
        flux: ArrayView1<f32>,
        ivar: ArrayView1<f32>,
        z: f64,
    ) -> Option<RestPosterior<'_>> {
        let (population, seen, from) = self.at(z);
        let to = from + population.grid.pixels;
        let mean_seen = seen.mean.slice(s![from..to]);
        let (amplitude, amplitude_response) = match population.scaled {
            true => (
                amplitude(flux, ivar, mean_seen),
                amplitude_response(flux, ivar, mean_seen),
            ),
            false => (1.0, Array1::zeros(flux.len())),
        };
        let variance = ivar.mapv(|v| match v > 0.0 {
            true => 1.0 / (f64::from(v) * amplitude * amplitude),
            false => 0.0,
        });
        let signal = seen.covariance.slice(s![from..to, from..to]);
        let mut posterior = RestPosterior {
            solver: self.solver(signal, mean_seen, &variance)?,
            channel: &self.channel,
            amplitude,
            prior: population.mean.slice(s![from..to]),
            mean_seen,
            factor: population.factor.slice(s![from..to, ..]),
            seen_factor: seen.factor.slice(s![from..to, ..]),
            cross: seen.cross.slice(s![from..to, from..to]),
            variance,
            amplitude_response,
            innovation: Array1::zeros(0),
        };
        let y = flux.mapv(|f| f64::from(f) / amplitude);
        let found = posterior.innovations(y.insert_axis(Axis(1)));
        posterior.innovation = found.column(0).to_owned();
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
    /// da/dy, [D].
    amplitude_response: Array1<f64>,
    solver: Cholesky,
    /// u = S⁻¹ (y₁ − its mean), S the covariance of y₁.
    innovation: Array1<f64>,
}

/// How the posterior's mean answers a small change of the observation, both [D] and per unit of it.
#[derive(Debug)]
pub struct Response {
    /// Of the mean.
    pub mean: Array1<f64>,
    /// Of [`RestPosterior::misfit`].
    pub misfit: Array1<f64>,
}

impl RestPosterior<'_> {
    /// E[x | y], [D].
    #[must_use]
    pub fn mean(&self) -> Array1<f64> {
        (self.cross.dot(&self.innovation) + self.prior) * self.amplitude
    }

    /// The observation less what the posterior expects of its signal, [D], 0 where masked.
    #[must_use]
    pub fn misfit(&self) -> Array1<f64> {
        self.noisy(&self.innovation) * self.amplitude
    }

    /// The answer to the change `b` [D] of the observation, which is 0 where that is masked.
    #[must_use]
    pub fn response(&self, b: &Array1<f64>) -> Response {
        let a = self.amplitude;
        // The amplitude changes by a δ.
        let delta = self.amplitude_response.dot(b) / a;
        let n = self.innovation.len();
        let mut sides = Array2::zeros((n, 2));
        sides
            .column_mut(0)
            .assign(&(b / a - &(&self.mean_seen * delta)));
        sides.column_mut(1).assign(&self.noisy(&self.innovation));
        let solved = self.solver.solve(&self.unmasked(sides));
        let own = &solved.column(0) - &((&self.innovation - &solved.column(1)) * (2.0 * delta));
        let scaled = &self.innovation * (2.0 * delta) + &own;
        Response {
            mean: (self.cross.dot(&scaled) + &(&self.prior * delta)) * a,
            misfit: self.noisy(&own) * a,
        }
    }

    /// N v, N the covariance of the noise of y₁.
    fn noisy(&self, v: &Array1<f64>) -> Array1<f64> {
        let (rho, variance) = (&self.channel.noise_rho, &self.variance);
        let mut out = variance * v;
        for i in 1..v.len() {
            let c = rho[i - 1] * (variance[i - 1] * variance[i]).sqrt();
            out[i - 1] += c * v[i];
            out[i] += c * v[i - 1];
        }
        out
    }

    /// Standard deviations of x given y, [D].
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
        let simulated: Vec<_> = (0..n).map(|_| self.simulated(rng)).collect();
        self.errors_of(&simulated) + &self.mean()
    }

    /// What draws of x given y differ from its mean by, [n, D], one from each of `rngs`.
    pub fn errors(&self, rngs: impl Iterator<Item = impl Rng>) -> Array2<f64> {
        let simulated: Vec<_> = rngs.map(|mut rng| self.simulated(&mut rng)).collect();
        self.errors_of(&simulated)
    }

    /// A draw of the population and what would be observed of it, [D].
    fn simulated(&self, rng: &mut impl Rng) -> [Array1<f64>; 2] {
        let normals = |_| -> f64 { rng.sample(StandardNormal) };
        let modes: Array1<f64> = (0..self.factor.ncols()).map(normals).collect();
        let tilt = (3.0 * self.channel.tilt_variance).sqrt() * (2.0 * rng.random::<f64>() - 1.0);
        let through = &self.mean_seen + &self.seen_factor.dot(&modes);
        let noise = self.channel.noise(&self.variance, rng);
        let y = through * (&self.channel.lever * tilt + 1.0) + noise;
        [&self.prior + &self.factor.dot(&modes), y]
    }

    /// The errors of their posterior means, [n, D].
    fn errors_of(&self, simulated: &[[Array1<f64>; 2]]) -> Array2<f64> {
        let shape = (self.variance.len(), simulated.len());
        let [others, seen] =
            [0, 1].map(|part| Array2::from_shape_fn(shape, |(j, k)| simulated[k][part][j]));
        let estimates = self.cross.dot(&self.innovations(seen)) + self.prior.insert_axis(Axis(1));
        (others - estimates).reversed_axes() * self.amplitude
    }

    /// S⁻¹ (y₁ − its mean) for the columns of `y` [D, n].
    fn innovations(&self, y: Array2<f64>) -> Array2<f64> {
        let residuals = self.unmasked(y - self.mean_seen.insert_axis(Axis(1)));
        self.solver.solve(&residuals)
    }

    /// `rows` [D, n] with 0 at the masked pixels.
    fn unmasked(&self, mut rows: Array2<f64>) -> Array2<f64> {
        for j in (0..self.variance.len()).filter(|j| self.variance[*j] <= 0.0) {
            rows.row_mut(j).fill(0.0);
        }
        rows
    }
}
