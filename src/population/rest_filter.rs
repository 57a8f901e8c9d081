//! The posterior of one object under a Gaussian population in the rest frame: exact, but that it is linear
//! about the amplitude that is found for the object first.

use super::channel::Channel;
use super::rest_drift::Drift;
use super::rest_population::RestPopulation;
use super::rest_seen::{Seen, Solver, doubt};
use super::rest_sums::{amplitude, amplitude_error, amplitude_response};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, CowArray, Ix1, s};
use rand::RngExt;
use rand_distr::StandardNormal;
use std::sync::OnceLock;

/// Where no spectrum shows a pixel its variance is this part of the usual one, at most.
const UNKNOWN: f64 = 1e-6;

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

impl RestFilter {
    /// The filter for observations of `population` through `channel`.
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

    /// Variances of clean spectra of amplitude 1 at redshift `z` (NaN: unknown), `[D]`.
    #[must_use]
    pub fn variances(&self, z: f64) -> ArrayView1<'_, f64> {
        let (population, seen, from) = self.at(z);
        (seen.variances).slice(s![from..from + population.grid.pixels])
    }

    /// Which pixels of an object at redshift `z` the population was learned at, `[D]`.
    #[must_use]
    pub fn known(&self, z: f64) -> Vec<bool> {
        let all = &self.at(z).1.variances;
        let least = UNKNOWN * all.sum() / all.len() as f64;
        self.variances(z).iter().map(|v| *v > least).collect()
    }

    /// A draw of the noise of an observation at redshift `z` that was divided by `norm`, `[D]`, 0 where it is masked.
    pub fn noise(
        &self,
        ivar: ArrayView1<f32>,
        [z, norm]: [f64; 2],
        rng: &mut impl RngExt,
    ) -> Array1<f64> {
        let variance = variances(ivar);
        let residues = self.channel.residues(&variance, [z, norm]);
        noise(&self.channel, &variance, &residues, rng)
    }

    /// The posterior of the object at redshift `z` (NaN: unknown) observed as `flux` where `ivar` > 0,
    /// both `[D]` and in the unit of the files. `None` if its covariance is not positive definite.
    #[must_use]
    pub fn posterior<'a>(
        &'a self,
        flux: ArrayView1<f32>,
        ivar: ArrayView1<f32>,
        z: f64,
    ) -> Option<RestPosterior<'a>> {
        self.posterior_of(flux, ivar, [z, 1.0])
    }

    /// The same of an observation that was divided by `norm`.
    #[must_use]
    pub fn posterior_of<'a>(
        &'a self,
        flux: ArrayView1<f32>,
        ivar: ArrayView1<f32>,
        [z, norm]: [f64; 2],
    ) -> Option<RestPosterior<'a>> {
        let (population, seen, from) = self.at(z);
        let to = from + population.grid.pixels;
        let window = s![from..to];
        // Scaled spectra whose mean goes with redshift are scaled with it.
        let at_z = |of: &'a Array1<f64>, drift: Option<&Drift>| -> CowArray<'a, f64, Ix1> {
            let own = of.slice(window);
            match drift {
                Some(drift) => (&own + &drift.at(z, from, to - from)).into(),
                None => own.into(),
            }
        };
        let drifts = [seen.drift.as_ref(), population.drift.as_ref()];
        let [m, slope_seen] = [&seen.mean, &seen.slope].map(|of| at_z(of, drifts[0]));
        let [prior, slope] = [&population.mean, population.slope()].map(|of| at_z(of, drifts[1]));
        let (amplitude, amplitude_response) = match population.scaled {
            true => (
                amplitude(flux, ivar, m.view()),
                amplitude_response(flux, ivar, m.view()),
            ),
            false => (1.0, Array1::zeros(flux.len())),
        };
        let residues = self.channel.residues(&variances(ivar), [z, norm]);
        let doubt = match population.scaled {
            true => doubt(amplitude_error(ivar, m.view(), &residues) / amplitude),
            false => 1.0,
        };
        // Of spectra of this amplitude, over it.
        let over = |m: ArrayView1<f64>, s: ArrayView1<f64>| {
            let fixed = &m - &s;
            fixed / amplitude + s
        };
        let mean_seen = over(m.view(), slope_seen.view());
        let variance = variances(ivar) / (amplitude * amplitude);
        let residues = residues / amplitude;
        let mut posterior = RestPosterior {
            solver: seen.solver(
                from,
                &self.channel,
                [&mean_seen, &variance],
                &residues,
                doubt,
            )?,
            doubt,
            channel: &self.channel,
            lever: self.channel.lever_of(&variance),
            amplitude,
            prior: over(prior.view(), slope.view()),
            mean_seen,
            slope,
            slope_seen,
            factor: seen.own.slice(s![from..to, ..]),
            seen_factor: seen.factor.slice(s![from..to, ..]),
            seen,
            from,
            variance,
            residues,
            amplitude_response,
            innovation: Array1::zeros(0),
            residual: Array1::zeros(0),
            square: 0.0,
        };
        let y = flux.mapv(|f| f64::from(f) / amplitude);
        let residual = posterior.residuals(y.insert_axis(Axis(1)));
        let found = posterior.solver.solve(&residual);
        posterior.square = found.column(0).dot(&residual.column(0));
        posterior.innovation = found.column(0).to_owned();
        posterior.residual = residual.column(0).to_owned();
        Some(posterior)
    }
}

/// Of the noise with the inverse variances `ivar`; 0 where masked.
fn variances(ivar: ArrayView1<f32>) -> Array1<f64> {
    ivar.mapv(|v| if v > 0.0 { 1.0 / f64::from(v) } else { 0.0 })
}

/// Noise with the variances `variance` `[D]`, and residues with the covariance U Uᵀ, U = `residues` `[D, K]`.
fn noise(
    channel: &Channel,
    variance: &Array1<f64>,
    residues: &Array2<f64>,
    rng: &mut impl RngExt,
) -> Array1<f64> {
    let mut own = channel.noise(variance, rng);
    for mode in residues.columns() {
        own.scaled_add(rng.sample(StandardNormal), &mode);
    }
    own
}

/// What is known of one clean spectrum x = a x₁, x₁ of amplitude 1.
#[derive(Debug)]
pub struct RestPosterior<'a> {
    channel: &'a Channel,
    /// Of the tilt, `[D]`.
    lever: Array1<f64>,
    /// a.
    pub(super) amplitude: f64,
    /// How much less it is known than usual.
    pub(super) doubt: f64,
    /// The population of x₁: mean and factor `[D, M]` before and behind the blur.
    pub(super) prior: Array1<f64>,
    pub(super) mean_seen: Array1<f64>,
    /// How x changes with a, before and behind the blur.
    slope: CowArray<'a, f64, Ix1>,
    slope_seen: CowArray<'a, f64, Ix1>,
    pub(super) factor: ArrayView2<'a, f64>,
    pub(super) seen_factor: ArrayView2<'a, f64>,
    pub(super) seen: &'a Seen,
    /// Its first pixel among those of the population.
    pub(super) from: usize,
    /// Of the noise of y/a; 0 where masked.
    pub(super) variance: Array1<f64>,
    /// U, `[D, K]`: U Uᵀ is the covariance of the sky's residues in y/a.
    residues: Array2<f64>,
    /// da/dy, `[D]`.
    pub(super) amplitude_response: Array1<f64>,
    pub(super) solver: Solver,
    /// u = S⁻¹ (y₁ − its mean), S the covariance of y₁.
    pub(super) innovation: Array1<f64>,
    /// y₁ − its mean, 0 where masked, and its product with u.
    pub(super) residual: Array1<f64>,
    pub(super) square: f64,
}

/// What makes a draw of the population and of its observation.
struct Chance {
    /// Standard normals, `[M]`.
    modes: Array1<f64>,
    tilt: f64,
    /// `[D]`.
    noise: Array1<f64>,
}

/// How the posterior's mean answers a small change of the observation, both `[D]` and per unit of it.
#[derive(Debug)]
pub struct Response {
    /// Of the mean.
    pub mean: Array1<f64>,
    /// Of [`RestPosterior::misfit`].
    pub misfit: Array1<f64>,
}

impl RestPosterior<'_> {
    /// a.
    #[must_use]
    pub fn amplitude(&self) -> f64 {
        self.amplitude
    }

    /// E[x | y], `[D]`.
    #[must_use]
    pub fn mean(&self) -> Array1<f64> {
        (self.explained(&self.innovation) + &self.prior) * self.amplitude
    }

    /// The observation less what the posterior expects of its signal, `[D]`, 0 where masked.
    #[must_use]
    pub fn misfit(&self) -> Array1<f64> {
        self.noisy(&self.innovation) * self.amplitude
    }

    /// The answer to the change `b` `[D]` of the observation, which is 0 where that is masked.
    #[must_use]
    pub fn response(&self, b: &Array1<f64>) -> Response {
        let a = self.amplitude;
        // The amplitude changes by a δ.
        let delta = self.amplitude_response.dot(b) / a;
        let n = self.innovation.len();
        let mut sides = Array2::zeros((n, 2));
        sides
            .column_mut(0)
            .assign(&(b / a - &(&self.slope_seen * delta)));
        sides.column_mut(1).assign(&self.noisy(&self.innovation));
        let solved = self.solver.solve(&self.unmasked(sides));
        let own = &solved.column(0) - &((&self.innovation - &solved.column(1)) * (2.0 * delta));
        let scaled = &self.innovation * (2.0 * delta) + &own;
        Response {
            mean: (self.explained(&scaled) + &(&self.slope * delta)) * a,
            misfit: self.noisy(&own) * a,
        }
    }

    /// What an innovation `[D]` says of x₁ less its mean.
    fn explained(&self, innovation: &Array1<f64>) -> Array1<f64> {
        let column = innovation.view().insert_axis(Axis(1)).to_owned();
        self.seen
            .cross(self.from, &column, self.doubt)
            .remove_axis(Axis(1))
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
        out + self.residues.dot(&self.residues.t().dot(v))
    }

    /// Standard deviations of x given y, `[D]`.
    #[must_use]
    pub fn deviation(&self) -> Array1<f64> {
        let cross = self
            .seen
            .cross(self.from, &Array2::eye(self.variance.len()), self.doubt);
        let explained = self.solver.solve(&self.unmasked(cross.t().to_owned()));
        let factor = self.seen.doubted(self.factor, self.doubt);
        let own = factor.rows().into_iter().map(|f| f.dot(&f));
        let variance = own.enumerate().map(|(j, own)| {
            let part = cross.row(j).dot(&explained.column(j));
            (own - part).max(0.0)
        });
        variance.map(|v| self.amplitude * v.sqrt()).collect()
    }

    /// `n` draws of x given y, `[n, D]`, by Matheron's rule: the mean, plus the error that it makes of a
    /// draw of the population that is observed alike.
    pub fn draws(&self, n: usize, rng: &mut impl RngExt) -> Array2<f64> {
        let chances: Vec<_> = (0..n).map(|_| self.chance(rng)).collect();
        self.errors_of(&chances) + &self.mean()
    }

    /// What draws of x given y differ from its mean by, `[n, D]`, one from each of `rngs`.
    pub fn errors(&self, rngs: impl Iterator<Item = impl RngExt>) -> Array2<f64> {
        let chances: Vec<_> = rngs.map(|mut rng| self.chance(&mut rng)).collect();
        self.errors_of(&chances)
    }

    /// The part of [`RestPosterior::errors`] that is not the observation's noise, from the same `rngs`: of
    /// draws of the population that are observed without noise and tilt. Their covariance is
    /// (1 − K A) C (1 − K A)ᵀ, that of what the data leave of the population's own scatter; the rest of
    /// the posterior's covariance is K N Kᵀ, noise (the smoothing error and the retrieval noise of
    /// Rodgers 2000).
    pub fn prior_errors(&self, rngs: impl Iterator<Item = impl RngExt>) -> Array2<f64> {
        let quiet = |chance: Chance| Chance {
            tilt: 0.0,
            noise: chance.noise * 0.0,
            ..chance
        };
        let chances: Vec<_> = rngs.map(|mut rng| quiet(self.chance(&mut rng))).collect();
        self.errors_of(&chances)
    }

    /// The random part of a draw of the population and of its observation.
    fn chance(&self, rng: &mut impl RngExt) -> Chance {
        let normals = |_| -> f64 { rng.sample(StandardNormal) };
        let modes = (0..self.factor.ncols()).map(normals).collect();
        let tilt = (3.0 * self.channel.tilt_variance).sqrt() * (2.0 * rng.random::<f64>() - 1.0);
        Chance {
            modes,
            tilt,
            noise: noise(self.channel, &self.variance, &self.residues, rng),
        }
    }

    /// How much of the scatter about the population's mean is there that it expects, pixel by pixel:
    /// u ∘ (C u), C the covariance of the signal of a known amplitude, `[D]`; of the observation, and on average
    /// of draws of the population that are observed alike, one from each of `rngs`. The sums of both over some
    /// pixels of many observations are equal where C is right; their ratio is the score of the likelihood by a
    /// factor on C there.
    pub fn signal(&self, rngs: impl Iterator<Item = impl RngExt>) -> [Array1<f64>; 2] {
        let chances: Vec<_> = rngs.map(|mut rng| self.chance(&mut rng)).collect();
        let (_, seen) = self.observed(&chances);
        let residuals = self.residuals(seen);
        let innovations = self.solver.solve(&residuals);
        let mut expected = Array1::zeros(self.variance.len());
        for (u, r) in innovations.columns().into_iter().zip(residuals.columns()) {
            expected += &self.signal_of(&u.to_owned(), r);
        }
        let draws = chances.len().max(1) as f64;
        let found = self.signal_of(&self.innovation, self.residual.view());
        [found, expected / draws]
    }

    /// u ∘ (C u) of the innovation `u` of the residual `r`, both `[D]`: r is (C + N) u and what u says of the
    /// amplitude.
    fn signal_of(&self, u: &Array1<f64>, r: ArrayView1<f64>) -> Array1<f64> {
        let mut signal = &r - &self.noisy(u);
        if self.seen.scaled {
            let mode = self.seen_factor.column(self.seen_factor.ncols() - 1);
            signal.scaled_add(-self.doubt * self.doubt * mode.dot(u), &mode);
        }
        signal * u
    }

    /// Draws of the population as modes, `[M, n]`, and as they are observed, `[D, n]`.
    fn observed(&self, chances: &[Chance]) -> (Array2<f64>, Array2<f64>) {
        let (m, n) = (self.factor.ncols(), chances.len());
        let mut modes = Array2::from_shape_fn((m, n), |(j, k)| chances[k].modes[j]);
        if self.seen.scaled && self.doubt != 1.0 {
            modes.row_mut(m - 1).mapv_inplace(|z| z * self.doubt);
        }
        let mut seen = self.seen_factor.dot(&modes) + self.mean_seen.view().insert_axis(Axis(1));
        for (mut y, chance) in seen.columns_mut().into_iter().zip(chances) {
            y *= &(&self.lever * chance.tilt + 1.0);
            y += &chance.noise;
        }
        (modes, seen)
    }

    /// The errors of the posterior means of draws of the population, `[n, D]`.
    fn errors_of(&self, chances: &[Chance]) -> Array2<f64> {
        let (modes, seen) = self.observed(chances);
        let explained = (self.seen).cross(self.from, &self.innovations(seen), self.doubt);
        let errors = self.factor.dot(&modes) - explained;
        errors.reversed_axes() * self.amplitude
    }

    /// S⁻¹ (y₁ − its mean) for the columns of `y` `[D, n]`.
    fn innovations(&self, y: Array2<f64>) -> Array2<f64> {
        self.solver.solve(&self.residuals(y))
    }

    /// `y` `[D, n]` less its mean, 0 at the masked pixels.
    fn residuals(&self, y: Array2<f64>) -> Array2<f64> {
        self.unmasked(y - self.mean_seen.view().insert_axis(Axis(1)))
    }

    /// The good pixels.
    pub(super) fn good(&self) -> impl Iterator<Item = usize> {
        (0..self.variance.len()).filter(|j| self.variance[*j] > 0.0)
    }

    /// `rows` `[D, n]` with 0 at the masked pixels.
    fn unmasked(&self, mut rows: Array2<f64>) -> Array2<f64> {
        for j in (0..self.variance.len()).filter(|j| self.variance[*j] <= 0.0) {
            rows.row_mut(j).fill(0.0);
        }
        rows
    }
}
