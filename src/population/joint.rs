//! Clean rows x and what a channel makes of them before it adds noise, f: their first and second moments.

use super::channel::Channel;
use super::moments::Moments;
use crate::Result;
use crate::base::random::{Purpose, Rows, derive};
use crate::base::tensors::tensor;
use crate::forward::{ForwardModel, Latent};
use ndarray::{Array1, Array2, Axis};
use tch::{Device, Kind, Tensor};

/// Clean rows that a channel is simulated on, for each round of learning and for its result.
const SIMULATED: i64 = 8192;
/// Rows at once.
const BATCH: i64 = 1024;
/// Rounds of learning: modes that the channel passes at all have converged.
const ROUNDS: u64 = 40;

/// Moments of x and f, in single precision.
#[derive(Debug)]
pub struct Joint {
    /// E x, [1, D].
    pub mean: Tensor,
    /// E f, [1, D].
    pub seen: Tensor,
    /// Cov x, [D, D].
    pub covariance: Tensor,
    /// Cov(x, f), [D, D].
    pub cross: Tensor,
    /// Cov f, [D, D]. What the latent does not tell of the noise is part of f.
    pub signal: Tensor,
}

impl Joint {
    /// Of a population behind a channel in closed form.
    #[must_use]
    pub fn closed(moments: &Moments, channel: &Channel) -> Self {
        let Moments {
            mean, covariance, ..
        } = moments;
        let row = |v: Array1<f64>| single(&v.insert_axis(Axis(0)));
        Self {
            mean: row(mean.clone()),
            seen: row(channel.mean_blur.dot(mean)),
            covariance: single(covariance),
            cross: single(&covariance.dot(&channel.mean_blur.t())),
            signal: single(&channel.signal_covariance(mean, covariance)),
        }
    }

    /// Of the Gaussian population with this `mean` [1, D] and `covariance` [D, D] behind any channel:
    /// of draws that are observed with the latents of `observed`.
    ///
    /// # Errors
    /// As [`ForwardModel::observe`].
    pub fn simulated(
        [mean, covariance]: [&Tensor; 2],
        forward: &dyn ForwardModel,
        observed: &Latent,
        seed: u64,
    ) -> Result<Self> {
        let factor = factor(covariance);
        let (d, n) = (mean.size()[1], observed.good.size()[0]);
        let mut sums = Sums::new(d, mean.device());
        for from in (0..SIMULATED).step_by(BATCH as usize) {
            let rows = Tensor::arange_start(from, from + BATCH, (Kind::Int64, mean.device()));
            let random = Rows::new(seed, Purpose::Start, 0, &rows);
            let x = mean + random.normal(0, d).matmul(&factor.tr());
            let latent = observed.select(&rows.remainder(n));
            let (y, told) = forward.observe(&x, &latent, &random.child(0))?;
            sums.add(&x, mean, &y, &told);
        }
        Ok(sums.joint(mean, covariance))
    }

    /// The Gaussian population behind the observations `y` [N, D] of any channel, by expectation
    /// maximisation on the first two moments: draws of the population are observed, x is regressed on
    /// f, and what the observations' moments differ by goes back through the regression. It begins with
    /// the observations' own moments and, in all modes, the part `erased` of their mean variance: modes
    /// that the channel erases keep it.
    ///
    /// # Errors
    /// As [`ForwardModel::observe`].
    pub fn learned(
        y: &Tensor,
        latent: &Latent,
        forward: &dyn ForwardModel,
        erased: f64,
        seed: u64,
    ) -> Result<Self> {
        let d = y.size()[1];
        let zero = y.new_zeros([1, d], (Kind::Float, y.device()));
        let mut sums = Sums::new(d, y.device());
        sums.add(y, &zero, y, latent);
        let data = sums.joint(&zero, &zero);
        let level = data.signal.diag(0).clamp_min(0.0).mean(Kind::Float);
        let floor = Tensor::eye(d, (Kind::Float, y.device())) * level * erased;
        let mut mean = data.seen.copy();
        let mut covariance = positive(&data.signal) + floor;
        for round in 0..ROUNDS {
            let seed = derive(seed, Purpose::Start, round);
            let joint = Self::simulated([&mean, &covariance], forward, latent, seed)?;
            let gain = joint.gain(latent);
            mean += (&data.seen - &joint.seen).matmul(&gain.tr());
            let change = &data.signal - &joint.signal;
            covariance = positive(&(covariance + gain.matmul(&change).matmul(&gain.tr())));
        }
        Self::simulated([&mean, &covariance], forward, latent, seed)
    }

    /// Of the regression of x on f with the mean known noise, [D, D].
    fn gain(&self, latent: &Latent) -> Tensor {
        let noise = mean_rows(&(latent.sigma.square() * &latent.good))
            / mean_rows(&latent.good).clamp_min(1e-6);
        let (values, vectors) = eigen(&(&self.signal + noise.view([-1]).diag(0)));
        let least = values.max() * 1e-6;
        let inverse = values.maximum(&least).reciprocal();
        self.cross
            .to_kind(Kind::Double)
            .matmul(&vectors)
            .matmul(&(inverse.unsqueeze(1) * vectors.tr()))
            .to_kind(Kind::Float)
    }

    /// Its tensors, in a fixed order.
    pub fn parts(&self) -> [&Tensor; 5] {
        [
            &self.mean,
            &self.seen,
            &self.covariance,
            &self.cross,
            &self.signal,
        ]
    }
}

impl From<[Tensor; 5]> for Joint {
    /// From [`Joint::parts`].
    fn from([mean, seen, covariance, cross, signal]: [Tensor; 5]) -> Self {
        Self {
            mean,
            seen,
            covariance,
            cross,
            signal,
        }
    }
}

/// Sums over pairs of pixels that both are seen.
struct Sums {
    /// Of y, of x, where y is seen, of x yᵀ, of y yᵀ, less the known noise, and the numbers of pixels and of pairs.
    seen: Tensor,
    clean: Tensor,
    cross: Tensor,
    products: Tensor,
    count: Tensor,
    pairs: Tensor,
}

impl Sums {
    fn new(d: i64, device: Device) -> Self {
        let zeros = |n| Tensor::zeros([n, d], (Kind::Double, device));
        Self {
            seen: zeros(1),
            clean: zeros(d),
            cross: zeros(d),
            products: zeros(d),
            count: zeros(1),
            pairs: zeros(d),
        }
    }

    /// Clean rows `x` about their `mean`, observed as `y`.
    fn add(&mut self, x: &Tensor, mean: &Tensor, y: &Tensor, latent: &Latent) {
        let double = |t: &Tensor| t.to_kind(Kind::Double);
        let good = double(&latent.good);
        let sum = |t: &Tensor| t.sum_dim_intlist([0i64].as_slice(), true, Kind::Double);
        let seen = double(y) * &good;
        let noise = sum(&(double(&latent.sigma).square() * &good));
        let clean = double(&(x - mean)).tr();
        self.clean += clean.matmul(&good);
        self.cross += clean.matmul(&seen);
        self.products += seen.tr().matmul(&seen) - noise.view([-1]).diag(0);
        self.pairs += good.tr().matmul(&good);
        self.count += sum(&good);
        self.seen += sum(&seen);
    }

    fn joint(&self, mean: &Tensor, covariance: &Tensor) -> Joint {
        let single = |t: Tensor| t.to_kind(Kind::Float);
        let seen = &self.seen / self.count.clamp_min(1.0);
        let second = &self.products / self.pairs.clamp_min(1.0);
        // Both about the means of these rows: what the draws' mean is off by goes with E f otherwise, which may be
        // far larger than the scatter of f.
        let cross = &self.cross - &self.clean * &seen;
        Joint {
            cross: single(cross / self.count.clamp_min(1.0)),
            signal: single(second - seen.tr().matmul(&seen)),
            seen: single(seen),
            mean: mean.shallow_clone(),
            covariance: covariance.shallow_clone(),
        }
    }
}

fn mean_rows(t: &Tensor) -> Tensor {
    t.mean_dim([0i64].as_slice(), true, Kind::Float)
}

/// Eigenvalues and vectors of a symmetric matrix, in double precision.
pub(super) fn eigen(a: &Tensor) -> (Tensor, Tensor) {
    let a = a.to_kind(Kind::Double);
    ((&a + a.tr()) * 0.5).linalg_eigh("L")
}

/// F with F Fᵀ the nearest positive semidefinite matrix to `a`.
pub(super) fn factor(a: &Tensor) -> Tensor {
    let (values, vectors) = eigen(a);
    (vectors * values.clamp_min(0.0).sqrt()).to_kind(Kind::Float)
}

fn positive(a: &Tensor) -> Tensor {
    let factor = factor(a);
    factor.matmul(&factor.tr())
}

fn single(a: &Array2<f64>) -> Tensor {
    tensor(&a.mapv(|v| v as f32), Device::Cpu)
}
