//! The known channel as the linear filters see it: its mean operator and its covariances.

use super::blur::blur_matrix;
use super::residues::Residues;
use crate::config::{ClosedForm, ForwardConfig, SmoothingFrom};
use crate::data::LogGrid;
use crate::forward::possible_correlation;
use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

/// First and second moments of F given the clean spectrum, apart from each spectrum's own noise.
///
/// y = S (1 + a l) x + n with the tilt a uniform in ±tilt, l the lever (−1 … +1 over the range)
/// and S one of the `blurs`, drawn with its weight.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Quadrature over the spread of the smoothing width: weights (sum 1) and operators [D, D].
    blurs: Vec<(f64, Array2<f64>)>,
    /// E`[S]`, [D, D].
    pub mean_blur: Array2<f64>,
    /// Variance of the tilt's amplitude a.
    pub tilt_variance: f64,
    /// Tilt of each pixel per unit amplitude, `[D]`; on a grid of the rest frame, where each object has one
    /// of its own, of an object that covers all of it.
    pub lever: Array1<f64>,
    /// Wavelengths `[D]` of a grid of the rest frame.
    at_rest: Option<Vec<f64>>,
    /// Correlation of the noise of neighbouring pixels, `[D]`, the last one 0.
    pub noise_rho: Array1<f64>,
    /// Median width of the smoothing, σ in pixels.
    pub sigma_pixels: f64,
    /// log10 of the wavelengths `[D]`.
    loglam: Vec<f64>,
    /// What the sky's subtraction leaves beside the noise of pixels, where it is known.
    residues: Option<Residues>,
}

/// The correlations of neighbouring pixels' noise, as the forward model takes them, [D].
pub(crate) fn correlations(rho: &[f32]) -> Array1<f64> {
    let rho = rho.iter().map(|r| possible_correlation(*r));
    rho.map(f64::from).collect()
}

impl Channel {
    /// The channel of `config` on `grid`. `lsf` `[D]` is the population's mean line-spread function
    /// (σ in pixels), used where the config takes the smoothing from the spectra; `noise_rho` `[D]`
    /// is the prepared set's.
    ///
    /// # Errors
    /// [`Error::Config`] for a channel that is not linear with known moments: a program, or images.
    pub fn new(
        config: &ForwardConfig,
        grid: &LogGrid,
        lsf: &[f64],
        noise_rho: &[f32],
    ) -> Result<Self> {
        let d = grid.pixels;
        let form = match (config, config.closed_form()) {
            (ForwardConfig::Gaussian { .. }, _) => ClosedForm {
                tilt_variance: 0.0,
                smoothing: None,
            },
            (_, Some(form)) => form,
            (_, None) => {
                return Err(Error::config(
                    "config",
                    "forward.kind",
                    "the warm start and the linear filters need a channel in closed form",
                    "give quasar, gaussian, or stages that are a tilt, a smoothing and noise; training needs none of it with train.warm_start = 0",
                ));
            }
        };
        let widths: Vec<(f64, Vec<f64>)> = match form.smoothing {
            None => vec![(1.0, vec![0.0; d])],
            // The matrices of a survey are as wide as its line-spread function says.
            Some(SmoothingFrom::Lsf | SmoothingFrom::Matrix) => vec![(1.0, lsf.to_vec())],
            Some(SmoothingFrom::Resolution { resolution, spread }) => legendre()
                .iter()
                .map(|(node, w)| {
                    let r = resolution * (1.0 + spread * node);
                    (*w, vec![1.0 / (r * grid.dln()); d])
                })
                .collect(),
        };
        let middle = &widths[widths.len() / 2].1;
        let sigma_pixels = crate::base::statistics::median(middle.iter().copied());
        let blurs: Vec<(f64, Array2<f64>)> = widths
            .iter()
            .map(|(w, sigma)| (*w, blur_matrix(sigma)))
            .collect();
        let mean_blur = blurs
            .iter()
            .fold(Array2::zeros((d, d)), |m, (w, b)| m + b * *w);
        let lever = grid.tilt_lever();
        Ok(Self {
            blurs,
            mean_blur,
            tilt_variance: form.tilt_variance,
            lever: grid.wavelength().iter().map(|w| lever(*w)).collect(),
            at_rest: grid.is_rest().then(|| grid.wavelength()),
            noise_rho: correlations(noise_rho),
            sigma_pixels,
            loglam: grid.loglam(),
            residues: None,
        })
    }

    /// With what the sky's subtraction leaves.
    #[must_use]
    pub fn with_residues(self, residues: Option<Residues>) -> Self {
        Self { residues, ..self }
    }

    /// U `[D, K]`: U Uᵀ is the covariance of the sky's residues in an observation at redshift `z` that was divided by
    /// `norm` and is masked where `variance` `[D]` is 0; without columns where nothing is known of them. On a grid of
    /// the rest frame the redshift tells where the object was observed.
    #[must_use]
    pub fn residues(&self, variance: &Array1<f64>, [z, norm]: [f64; 2]) -> Array2<f64> {
        let Some(residues) = self.residues.as_ref().filter(|_| norm > 0.0) else {
            return Array2::zeros((variance.len(), 0));
        };
        let moved = match self.at_rest {
            Some(_) if z > -1.0 => (1.0 + z).log10(),
            _ => 0.0,
        };
        let mut found = residues.at(self.loglam.iter().map(|l| l + moved)) / norm;
        for (mut row, v) in found.rows_mut().into_iter().zip(variance) {
            if *v <= 0.0 {
                row.fill(0.0);
            }
        }
        found
    }

    /// The lever of an observation with the noise variances `variance` `[D]`, 0 where masked: on a grid of
    /// the rest frame from −1 at its first unmasked pixel to 1 at its last.
    #[must_use]
    pub fn lever_of(&self, variance: &Array1<f64>) -> Array1<f64> {
        let Some(wavelength) = &self.at_rest else {
            return self.lever.clone();
        };
        let good = |v: &f64| *v > 0.0;
        let first = variance.iter().position(good);
        let last = variance.iter().rposition(good);
        match first.zip(last) {
            Some((first, last)) if first < last => {
                let (a, b) = (wavelength[first], wavelength[last]);
                let lever = |w: &f64| (2.0 * (w - a) / (b - a) - 1.0).clamp(-1.0, 1.0);
                wavelength.iter().map(lever).collect()
            }
            _ => Array1::zeros(variance.len()),
        }
    }

    /// Covariance [D, D] of a noiseless observation when the clean population has mean `mean` `[D]`
    /// and covariance `covariance` [D, D]: exact for the tilt, by quadrature for the width.
    #[must_use]
    pub fn signal_covariance(&self, mean: &Array1<f64>, covariance: &Array2<f64>) -> Array2<f64> {
        let second = covariance + &outer(mean);
        let tilted = &second * &(outer(&self.lever) * self.tilt_variance + 1.0);
        let seen = self.mean_blur.dot(mean);
        let mut sum = -outer(&seen);
        for (w, blur) in &self.blurs {
            sum = sum + blur.dot(&tilted).dot(&blur.t()) * *w;
        }
        sum
    }

    /// Lᵀ V L [K, K] for the columns L = `left` [D, K], V the covariance of
    /// [`Channel::signal_covariance`].
    #[must_use]
    pub fn signal_within(
        &self,
        left: &Array2<f64>,
        mean: ArrayView1<f64>,
        covariance: ArrayView2<f64>,
    ) -> Array2<f64> {
        let second = &covariance + &outer(&mean.to_owned());
        let tilted = &second * &(outer(&self.lever) * self.tilt_variance + 1.0);
        let seen = left.t().dot(&self.mean_blur.dot(&mean));
        let mut sum = -outer(&seen);
        for (w, blur) in &self.blurs {
            let through = left.t().dot(blur);
            sum = sum + through.dot(&tilted).dot(&through.t()) * *w;
        }
        sum
    }

    /// Removes from the covariance of *tilted* spectra what the tilt put there.
    #[must_use]
    pub fn untilt(&self, mean: &Array1<f64>, tilted: &Array2<f64>) -> Array2<f64> {
        let v = outer(&self.lever) * self.tilt_variance;
        (tilted - &(&v * &outer(mean))) / (v + 1.0)
    }

    /// Observes one clean spectrum `[D]` with the noise variances `variance` `[D]`.
    pub fn observe(
        &self,
        x: ArrayView1<f64>,
        variance: &Array1<f64>,
        rng: &mut impl RngExt,
    ) -> Array1<f64> {
        let amplitude = (3.0 * self.tilt_variance).sqrt() * (2.0 * rng.random::<f64>() - 1.0);
        let mut left = rng.random::<f64>();
        let blur = self.blurs.iter().find(|(w, _)| {
            left -= w;
            left < 0.0
        });
        let blur = blur.map_or(&self.mean_blur, |(_, b)| b);
        blur.dot(&(&x * &(&self.lever * amplitude + 1.0))) + self.noise(variance, rng)
    }

    /// Noise `[D]` with the variances `variance` `[D]` and the regridding's correlation.
    pub fn noise(&self, variance: &Array1<f64>, rng: &mut impl RngExt) -> Array1<f64> {
        let mut y = Array1::zeros(variance.len());
        // Backwards, so that the neighbour's share is known: Corr(u_i, u_{i+1}) = d_i c_{i+1}.
        let (mut right, mut c_right): (f64, f64) = (StandardNormal.sample(rng), 1.0);
        for i in (0..y.len()).rev() {
            let d = (self.noise_rho[i] / c_right).clamp(-0.9, 0.9);
            let c = (1.0 - d * d).sqrt();
            let own: f64 = StandardNormal.sample(rng);
            y[i] = variance[i].sqrt() * (c * own + d * right);
            (right, c_right) = (own, c);
        }
        y
    }

    /// Adds one spectrum's noise covariance to `a`: variances `variance` `[D]` on the diagonal and
    /// the regridding's correlation beside it.
    pub fn add_noise(&self, a: &mut Array2<f64>, variance: &Array1<f64>) {
        let d = variance.len();
        for i in 0..d {
            a[[i, i]] += variance[i];
            if i + 1 < d && self.noise_rho[i] != 0.0 {
                let c = self.noise_rho[i] * (variance[i] * variance[i + 1]).sqrt();
                a[[i, i + 1]] += c;
                a[[i + 1, i]] += c;
            }
        }
    }
}

/// v vᵀ.
fn outer(v: &Array1<f64>) -> Array2<f64> {
    let column = v.view().insert_axis(ndarray::Axis(1));
    column.dot(&column.t())
}

/// Three-point Gauss–Legendre nodes on −1..1 with weights of sum 1.
fn legendre() -> [(f64, f64); 3] {
    let x = 0.6f64.sqrt();
    [(-x, 5.0 / 18.0), (0.0, 8.0 / 18.0), (x, 5.0 / 18.0)]
}
