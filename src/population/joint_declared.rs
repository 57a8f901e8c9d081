//! Spectra behind a channel that is simulated: a declared variance in modes that it erases.

use super::joint::{Joint, eigen};
use super::moments::{Learned, Moments};
use crate::base::tensors::{matrix, tensor};
use crate::forward::{ForwardModel, Latent};
use crate::{Error, Result};
use ndarray::Array2;
use tch::{Device, Kind, Tensor};

/// Variances below this part of the largest are none.
const INVERTIBLE: f64 = 1e-6;
/// A mode is passed if its variance would be so many standard errors above zero.
const SIGNIFICANT: f64 = 3.0;
/// Fewer passed modes tell of no power law.
const FEWEST: usize = 4;

impl Joint {
    /// The population of [`Joint::learned`] with the part `erased` of the variance that
    /// [`Learned::declared`] tells in place of its own in modes that the channel erases: waves of so short
    /// periods that with the signal's mean variance all observations together would not show them. As it
    /// is where it passes all, or hardly any.
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
        let passed = self.passed(observed)?;
        if passed < FEWEST || passed >= d {
            return Ok(self);
        }
        let double = |t: &Tensor| Ok::<_, Error>(matrix(t)?.mapv(f64::from));
        let learned = Learned {
            moments: Moments {
                mean: double(&self.mean)?.row(0).to_owned(),
                covariance: double(&self.covariance)?,
                spectra: observed.good.size()[0] as usize,
            },
            passed: cosines(d, passed),
        };
        let within = learned.moments.within(&learned.passed);
        let declared = Learned {
            moments: within,
            ..learned
        }
        .declared(erased);
        let covariance = tensor(&declared.covariance.mapv(|v| v as f32), Device::Cpu);
        let covariance = covariance.to_device(self.mean.device());
        Self::simulated([&self.mean, &covariance], forward, observed, seed)
    }

    /// How many cosines, from long to short periods, pass the channel: up to the first of which f would tell
    /// too little. f = H x + what is noise to x, H its regression.
    fn passed(&self, observed: &Latent) -> Result<usize> {
        let double = |t: &Tensor| t.to_device(Device::Cpu).to_kind(Kind::Double);
        let (cross, signal) = (double(&self.cross), double(&self.signal));
        let (values, vectors) = eigen(&double(&self.covariance));
        let least = values.max() * INVERTIBLE;
        let inverse = values
            .reciprocal()
            .where_self(&values.gt_tensor(&least), &values.zeros_like());
        let through = cross
            .tr()
            .matmul(&(&vectors * inverse))
            .matmul(&vectors.tr());
        let mean = |t: &Tensor| t.mean_dim([0i64].as_slice(), false, Kind::Double);
        let seen = mean(&observed.good).clamp_min(INVERTIBLE);
        let noise = mean(&(observed.sigma.square() * &observed.good)) / &seen;
        let left = &signal - through.matmul(&cross);
        let (values, vectors) = eigen(&(left + double(&noise).diag(0)));
        let least = values.max().double_value(&[]) * INVERTIBLE;
        let weights = values.clamp_min(least).reciprocal();
        let waves = cosines(self.mean.size()[1] as usize, self.mean.size()[1] as usize);
        let flat: Vec<f64> = waves.iter().copied().collect();
        let waves = Tensor::from_slice(&flat).view(through.size().as_slice());
        let told = vectors.tr().matmul(&through.matmul(&waves)).square();
        let told =
            (weights.unsqueeze(1) * told).sum_dim_intlist([0i64].as_slice(), false, Kind::Double);
        let level = signal.diag(0).clamp_min(0.0).mean(Kind::Double) * mean(&seen.unsqueeze(1));
        let ratios = Vec::<f64>::try_from((told * level).contiguous())?;
        let n = observed.good.size()[0].max(1) as f64;
        let least = SIGNIFICANT * (2.0 / n).sqrt();
        Ok(ratios.iter().take_while(|r| **r > least).count())
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
