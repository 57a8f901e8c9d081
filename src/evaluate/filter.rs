//! The best linear estimate of clean spectra, given the population's mean and covariance.

use super::channel::Channel;
use super::linalg::{cholesky, cholesky_solve};
use super::moments::Moments;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// x̂ = m + C S̄ᵀ (C_y + N)⁻¹ (y − S̄ m), with C_y the covariance of noiseless observations
/// (blur and tilt included) and N the noise. With the true m and C it is the *oracle*: no linear
/// estimate has a smaller mean squared error.
#[derive(Debug)]
pub struct LinearFilter<'a> {
    channel: &'a Channel,
    mean: Array1<f64>,
    /// Covariance of x with y, [D, D].
    cross: Array2<f64>,
    mean_seen: Array1<f64>,
    signal: Array2<f64>,
}

impl<'a> LinearFilter<'a> {
    /// For a population with these moments behind `channel`.
    #[must_use]
    pub fn new(moments: &Moments, channel: &'a Channel) -> Self {
        Self {
            channel,
            mean: moments.mean.clone(),
            cross: moments.covariance.dot(&channel.mean_blur.t()),
            mean_seen: channel.mean_blur.dot(&moments.mean),
            signal: channel.signal_covariance(&moments.mean, &moments.covariance),
        }
    }

    /// Estimates each spectrum with its own noise: one Cholesky factorisation per spectrum
    /// (D³/3 operations). Pixels of `ivar` = 0 are left out, exactly. `None` if the covariance
    /// is not positive definite.
    #[must_use]
    pub fn own_noise(&self, flux: ArrayView2<f32>, ivar: ArrayView2<f32>) -> Option<Array2<f32>> {
        let mut out = Array2::zeros(flux.raw_dim());
        out.axis_iter_mut(Axis(0))
            .into_par_iter()
            .zip(flux.axis_iter(Axis(0)).into_par_iter())
            .zip(ivar.axis_iter(Axis(0)).into_par_iter())
            .map(|((mut out, flux), ivar)| {
                let factor = self.factor(ivar)?;
                out.assign(&self.estimate(&factor, flux, ivar).mapv(|v| v as f32));
                Some(())
            })
            .collect::<Option<Vec<()>>>()?;
        Some(out)
    }

    /// As [`Self::own_noise`], together with a *draw* for each spectrum: the estimate plus the
    /// error that it makes for another clean spectrum, taken from `clean` [M, D], observed with the
    /// same noise. Such draws have the population's mean and covariance, and of Gaussian
    /// populations they are exact posterior draws.
    #[must_use]
    pub fn with_draws(
        &self,
        flux: ArrayView2<f32>,
        ivar: ArrayView2<f32>,
        clean: ArrayView2<f32>,
        seed: u64,
    ) -> Option<(Array2<f32>, Array2<f32>)> {
        let mut means = Array2::zeros(flux.raw_dim());
        let mut draws = Array2::zeros(flux.raw_dim());
        means
            .axis_iter_mut(Axis(0))
            .into_par_iter()
            .zip(draws.axis_iter_mut(Axis(0)).into_par_iter())
            .enumerate()
            .map(|(i, (mut mean, mut draw))| {
                let (flux, ivar) = (flux.row(i), ivar.row(i));
                let factor = self.factor(ivar)?;
                let best = self.estimate(&factor, flux, ivar);
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream(i as u64);
                let other = clean
                    .row(rng.random_range(0..clean.nrows()))
                    .mapv(f64::from);
                let seen = self
                    .channel
                    .observe(other.view(), &variance(ivar), &mut rng);
                let seen = seen.mapv(|v| v as f32);
                let error = other - self.estimate(&factor, seen.view(), ivar);
                draw.assign(&(&best + &error).mapv(|v| v as f32));
                mean.assign(&best.mapv(|v| v as f32));
                Some(())
            })
            .collect::<Option<Vec<()>>>()?;
        Some((means, draws))
    }

    /// Estimates all spectra with one filter, made for the noise averaged over them. Masked pixels
    /// are taken to hold the mean.
    #[must_use]
    pub fn one_for_all(&self, flux: ArrayView2<f32>, ivar: ArrayView2<f32>) -> Option<Array2<f32>> {
        let variance: Array1<f64> = ivar
            .columns()
            .into_iter()
            .map(|c| {
                let good: Vec<f64> = c
                    .iter()
                    .filter(|v| **v > 0.0)
                    .map(|v| 1.0 / f64::from(*v))
                    .collect();
                good.iter().sum::<f64>() / good.len().max(1) as f64
            })
            .collect();
        let mut a = self.signal.clone();
        self.channel.add_noise(&mut a, &variance);
        for j in (0..variance.len()).filter(|j| variance[*j] == 0.0) {
            a[[j, j]] += 1.0;
        }
        cholesky(&mut a)?;
        let mut out = Array2::zeros(flux.raw_dim());
        for ((mut out, flux), iv) in out.rows_mut().into_iter().zip(flux.rows()).zip(ivar.rows()) {
            out.assign(&self.estimate(&a, flux, iv).mapv(|v| v as f32));
        }
        Some(out)
    }

    /// Cholesky factor of the covariance of one observation.
    fn factor(&self, ivar: ArrayView1<f32>) -> Option<Array2<f64>> {
        let mut a = self.signal.clone();
        self.channel.add_noise(&mut a, &variance(ivar));
        // A masked pixel: its row and column become the identity's, its residual 0.
        for j in (0..ivar.len()).filter(|j| ivar[*j] <= 0.0) {
            a.row_mut(j).fill(0.0);
            a.column_mut(j).fill(0.0);
            a[[j, j]] = 1.0;
        }
        cholesky(&mut a)?;
        Some(a)
    }

    fn estimate(
        &self,
        factor: &Array2<f64>,
        flux: ArrayView1<f32>,
        ivar: ArrayView1<f32>,
    ) -> Array1<f64> {
        let mut residual: Array1<f64> = (0..flux.len())
            .map(|j| {
                if ivar[j] > 0.0 {
                    f64::from(flux[j]) - self.mean_seen[j]
                } else {
                    0.0
                }
            })
            .collect();
        cholesky_solve(factor, &mut residual);
        self.cross.dot(&residual) + &self.mean
    }
}

/// Noise variances; 0 at masked pixels.
fn variance(ivar: ArrayView1<f32>) -> Array1<f64> {
    ivar.mapv(|v| if v > 0.0 { 1.0 / f64::from(v) } else { 0.0 })
}
