//! The best linear estimate of clean spectra, given the population's mean and covariance.

use super::channel::Channel;
use super::linalg::Cholesky;
use super::moments::Moments;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use rand::SeedableRng;
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
        let [estimate] = self.estimates([flux], ivar)?;
        Some(single(&estimate))
    }

    /// As [`Self::own_noise`], together with a *draw* for each spectrum: the estimate plus the
    /// error that it makes for another clean spectrum, row i (mod M) of `clean` [M, D], observed
    /// with the same noise. Such draws have the population's mean and covariance, and of Gaussian
    /// populations they are exact posterior draws.
    #[must_use]
    pub fn with_draws(
        &self,
        flux: ArrayView2<f32>,
        ivar: ArrayView2<f32>,
        clean: ArrayView2<f32>,
        seed: u64,
    ) -> Option<(Array2<f32>, Array2<f32>)> {
        let others = Array2::from_shape_fn(flux.raw_dim(), |(i, j)| {
            f64::from(clean[[i % clean.nrows(), j]])
        });
        let mut seen = Array2::<f32>::zeros(flux.raw_dim());
        seen.axis_iter_mut(Axis(0))
            .into_par_iter()
            .enumerate()
            .for_each(|(i, mut seen)| {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream(i as u64);
                let y = self
                    .channel
                    .observe(others.row(i), &variance(ivar.row(i)), &mut rng);
                seen.assign(&y.mapv(|v| v as f32));
            });
        let [best, of_others] = self.estimates([flux, seen.view()], ivar)?;
        let draw = single(&(others - of_others + &best));
        Some((single(&best), draw))
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
        let mut residuals = Array2::zeros(flux.raw_dim());
        for ((mut out, flux), iv) in residuals
            .rows_mut()
            .into_iter()
            .zip(flux.rows())
            .zip(ivar.rows())
        {
            out.assign(&self.residual(flux, iv));
        }
        let solved = Cholesky::new(&a)?.solve(&residuals.reversed_axes());
        Some(single(&self.back(&solved.reversed_axes())))
    }

    /// Estimates from K sets of observations with the same noise `ivar`: [N, D] each.
    fn estimates<const K: usize>(
        &self,
        observed: [ArrayView2<f32>; K],
        ivar: ArrayView2<f32>,
    ) -> Option<[Array2<f64>; K]> {
        let solved = (0..ivar.nrows())
            .into_par_iter()
            .map(|i| {
                let mut residuals = Array2::zeros((ivar.ncols(), K));
                for (k, flux) in observed.iter().enumerate() {
                    residuals
                        .column_mut(k)
                        .assign(&self.residual(flux.row(i), ivar.row(i)));
                }
                Some(Cholesky::new(&self.covariance(ivar.row(i)))?.solve(&residuals))
            })
            .collect::<Option<Vec<Array2<f64>>>>()?;
        Some(std::array::from_fn(|k| {
            let rows = Array2::from_shape_fn(ivar.raw_dim(), |(i, j)| solved[i][[j, k]]);
            self.back(&rows)
        }))
    }

    /// Covariance of one observation.
    fn covariance(&self, ivar: ArrayView1<f32>) -> Array2<f64> {
        let mut a = self.signal.clone();
        self.channel.add_noise(&mut a, &variance(ivar));
        // A masked pixel: its row and column become the identity's, its residual 0.
        for j in (0..ivar.len()).filter(|j| ivar[*j] <= 0.0) {
            a.row_mut(j).fill(0.0);
            a.column_mut(j).fill(0.0);
            a[[j, j]] = 1.0;
        }
        a
    }

    /// Observation less its mean; 0 where masked.
    fn residual(&self, flux: ArrayView1<f32>, ivar: ArrayView1<f32>) -> Array1<f64> {
        (0..flux.len())
            .map(|j| {
                if ivar[j] > 0.0 {
                    f64::from(flux[j]) - self.mean_seen[j]
                } else {
                    0.0
                }
            })
            .collect()
    }

    /// From solved residuals [N, D] to estimates.
    fn back(&self, solved: &Array2<f64>) -> Array2<f64> {
        solved.dot(&self.cross.t()) + &self.mean
    }
}

fn single(x: &Array2<f64>) -> Array2<f32> {
    x.mapv(|v| v as f32)
}

/// Noise variances; 0 at masked pixels.
fn variance(ivar: ArrayView1<f32>) -> Array1<f64> {
    ivar.mapv(|v| if v > 0.0 { 1.0 / f64::from(v) } else { 0.0 })
}
