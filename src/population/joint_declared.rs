//! Spectra behind a channel that is simulated: a declared variance in modes that it erases.

use super::joint::Joint;
use super::moments::{Learned, Moments};
use crate::base::random::{Purpose, Rows};
use crate::base::tensors::{matrix, tensor};
use crate::forward::{ForwardModel, Latent};
use crate::{Error, Result};
use ndarray::Array2;
use tch::{Kind, Tensor};

/// A wave is passed if the channel leaves this part of its variance, so that it is seen as it is, …
const GAIN: f64 = 0.5;
/// … or if its signal-to-noise ratio is at least this, so that the rounds of learning have found it.
const RATIO: f64 = 0.3;
/// Fewer passed modes tell of no power law.
const FEWEST: usize = 4;
/// Observations that tell what becomes of a wave.
const PROBES: i64 = 32;

impl Joint {
    /// The population of [`Joint::learned`] with the part `erased` of the variance that
    /// [`Learned::declared`] tells in place of its own in modes that the channel erases: waves of
    /// shorter periods than the first that it weakens so much that little is learned of it. As it is where
    /// it passes all, or hardly any.
    ///
    /// # Errors
    /// As [`ForwardModel::observe`].
    pub fn with_declared(
        self,
        forward: &dyn ForwardModel,
        observed: &Latent,
        erased: f64,
        seed: u64,
    ) -> Result<Self> {
        let d = self.mean.size()[1] as usize;
        let passed = self.passed(forward, observed, seed)?;
        if passed < FEWEST || passed >= d {
            return Ok(self);
        }
        let double = |t: &Tensor| Ok::<_, Error>(matrix(t)?.mapv(f64::from));
        let basis = cosines(d, passed);
        let moments = Moments {
            mean: double(&self.mean)?.row(0).to_owned(),
            covariance: double(&self.covariance)?,
            spectra: observed.good.size()[0] as usize,
        };
        let learned = Learned {
            moments: moments.within(&basis),
            passed: basis,
        };
        let declared = learned.declared(erased).covariance.mapv(|v| v as f32);
        let covariance = tensor(&declared, self.mean.device());
        Self::simulated([&self.mean, &covariance], forward, observed, seed)
    }

    /// How many cosines, from long to short periods, pass the channel: by what it makes of the mean with a
    /// wave on it, less what it makes of the mean under the same random numbers.
    fn passed(&self, forward: &dyn ForwardModel, observed: &Latent, seed: u64) -> Result<usize> {
        let (d, device) = (self.mean.size()[1], self.mean.device());
        let waves = cosines(d as usize, d as usize).mapv(|v| v as f32);
        let waves = tensor(&waves.reversed_axes(), device);
        let rows = Tensor::arange(PROBES, (Kind::Int64, device));
        let latent = observed.select(&rows.remainder(observed.good.size()[0]));
        let random = Rows::new(seed, Purpose::Start, u64::MAX, &rows);
        let all = |x: &Tensor| x.repeat([PROBES, 1]);
        let (plain, _) = forward.observe(&all(&self.mean), &latent, &random.child(0))?;
        let level = self
            .covariance
            .diag(0)
            .clamp_min(0.0)
            .mean(Kind::Float)
            .sqrt();
        let mut gains = Vec::new();
        for k in 0..d {
            let x = &self.mean + waves.narrow(0, k, 1) * &level;
            let (y, _) = forward.observe(&all(&x), &latent, &random.child(0))?;
            let shown = (y - &plain).mean_dim([0i64].as_slice(), false, Kind::Double);
            gains.push(shown.square().sum(Kind::Double));
        }
        let seen = latent.good.mean(Kind::Double).square().clamp_min(1e-6);
        let gains = Tensor::stack(&gains, 0) / (level.square().clamp_min(1e-30) * seen);
        let of = |c: &Tensor| {
            (waves.matmul(c) * &waves).sum_dim_intlist([1i64].as_slice(), false, Kind::Double)
        };
        let own = of(&self.covariance);
        let noise = (latent.sigma.square() * &latent.good).mean(Kind::Double);
        // What f tells is also blurred by what the channel does at random.
        let left = of(&self.signal) - &gains * &own;
        let noise = left.clamp_min(0.0) + noise;
        let passed = gains
            .ge(GAIN)
            .logical_or(&(&gains * &own).ge_tensor(&(noise * RATIO)));
        let passed = Vec::<bool>::try_from(passed)?;
        Ok(passed.iter().take_while(|p| **p).count())
    }
}

/// The first `k` of the orthonormal cosines on `d` pixels, as columns.
fn cosines(d: usize, k: usize) -> Array2<f64> {
    Array2::from_shape_fn((d, k), |(j, i)| {
        let scale = if i == 0 { 1.0 } else { 2.0 } / d as f64;
        let phase = std::f64::consts::PI * i as f64 * (j as f64 + 0.5) / d as f64;
        scale.sqrt() * phase.cos()
    })
}
