//! Weights of observations of unequal noise.

use ndarray::ArrayView1;

/// Variance of quasar spectra at a pixel over the square of their mean, roughly: it decides from
/// which S/N on spectra count alike.
const RELATIVE_VARIANCE: f64 = 0.1;

/// How the noise of the spectra goes with their level: σ ∝ level^b, b fitted to the observations
/// (0 where the sky makes the noise, 1 where it is a fraction of the flux).
///
/// What is left of σ when that is divided out says nothing about the clean spectrum, so that
/// spectra can be weighted by it without preferring bright or faint ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct NoiseLaw {
    n: f64,
    /// Sums over the spectra of x = ln level and y = ln σ: x, y, x², xy.
    sums: [f64; 4],
}

impl NoiseLaw {
    pub(crate) fn add(&mut self, flux: ArrayView1<f32>, ivar: ArrayView1<f32>) {
        let (level, sigma) = level_and_noise(flux, ivar);
        if level > 0.0 && sigma > 0.0 {
            let (x, y) = (level.ln(), sigma.ln());
            self.n += 1.0;
            for (sum, v) in self.sums.iter_mut().zip([x, y, x * x, x * y]) {
                *sum += v;
            }
        }
    }

    /// Weight of a spectrum in a covariance: (v / (v + r²))², v the relative variance of the clean
    /// population and r the relative noise at the mean level.
    pub(crate) fn weight(&self, flux: ArrayView1<f32>, ivar: ArrayView1<f32>) -> f64 {
        let (level, sigma) = level_and_noise(flux, ivar);
        if sigma == 0.0 {
            return 1.0;
        }
        if level <= 0.0 || self.n == 0.0 {
            return 0.0;
        }
        let [x, y, xx, xy] = self.sums.map(|s| s / self.n);
        let exponent = ((xy - x * y) / (xx - x * x).max(1e-12)).clamp(0.0, 1.0);
        let relative = (sigma.ln() - exponent * (level.ln() - x) - x).exp();
        (RELATIVE_VARIANCE / (RELATIVE_VARIANCE + relative * relative)).powi(2)
    }
}

/// Mean flux and root-mean-square noise of the unmasked pixels.
fn level_and_noise(flux: ArrayView1<f32>, ivar: ArrayView1<f32>) -> (f64, f64) {
    let good = || flux.iter().zip(ivar).filter(|(_, iv)| **iv > 0.0);
    let n = good().count().max(1) as f64;
    let level = good().map(|(f, _)| f64::from(*f)).sum::<f64>() / n;
    let variance = good().map(|(_, iv)| 1.0 / f64::from(*iv)).sum::<f64>() / n;
    (level, variance.sqrt())
}
