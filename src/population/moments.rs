//! Mean and covariance of a clean population, from truth or from observations alone.

use super::channel::Channel;
use super::linalg::{clip_to_psd, eigen, recompose};
use super::modes::Modes;
use super::noise_law::NoiseLaw;
use super::structured::structured;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};
use rayon::prelude::*;

/// Least weight of the spectra that show two pixels, as a part of all, for a covariance.
const PAIRS_MIN: f64 = 1e-3;
/// A blur of less than this σ, in pixels, leaves local structure to be seen.
const BLUR_LOCAL: f64 = 3.0;
/// With fewer spectra per pixel than this, sample eigenvalues are too uneven to be used as they are.
const SAMPLES_PER_PIXEL: usize = 10;

/// Mean `[D]` and covariance [D, D] of clean spectra (normalised flux).
#[derive(Debug, Clone)]
pub struct Moments {
    /// Normalised flux, `[D]`.
    pub mean: Array1<f64>,
    /// Its square, [D, D].
    pub covariance: Array2<f64>,
    /// Spectra that they were estimated from.
    pub spectra: usize,
}

/// What observations and the known channel tell of the clean population.
#[derive(Debug, Clone)]
pub struct Learned {
    /// Estimated mean and covariance.
    pub moments: Moments,
    /// Orthonormal basis (columns) of the K modes of clean spectra whose population the observations
    /// determine, [D, K]; the others are erased: the channel passes so little of them that even the
    /// whole survey's covariance shows no significant trace.
    pub passed: Array2<f64>,
}

impl Learned {
    /// The moments with a declared variance in the modes that the channel erases: `part` times a power
    /// law in wavenumber, the one that the weaker half of the passed modes follows. It is shared out
    /// along the spectrum as the variance of those modes is.
    #[must_use]
    pub fn declared(&self, part: f64) -> Moments {
        let (d, k) = self.passed.dim();
        let weak = self.passed.slice(s![.., k / 2..]);
        let coefficients = weak.t().dot(&self.moments.covariance).dot(&weak);
        let law = PowerLaw::of(&coefficients.diag().to_vec(), k / 2, d);
        let local = (weak.dot(&coefficients) * weak).sum_axis(Axis(1));
        let local = local.mapv(|v| v.max(0.0));
        let mean = local.mean().unwrap_or(1.0).max(f64::MIN_POSITIVE);
        // Cosines, which the modes of a smoothing with reflecting edges are, in order of falling gain.
        let wave = Array2::from_shape_fn((d, d - k), |(j, i)| {
            let number = (k + i) as f64;
            let phase = std::f64::consts::PI * number * (j as f64 + 0.5) / d as f64;
            let variance = part * law.variance(number / d as f64);
            (variance * local[j] / mean * 2.0 / d as f64).sqrt() * phase.cos()
        });
        let factor = &wave - &self.passed.dot(&self.passed.t().dot(&wave));
        Moments {
            covariance: &self.moments.covariance + &factor.dot(&factor.t()),
            ..self.moments.clone()
        }
    }
}

/// ln variance = level + slope · ln (number of the mode over the pixels): the same whatever part of a
/// spectrum is seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct PowerLaw {
    slope: f64,
    level: f64,
}

impl PowerLaw {
    /// Of the `variances` of the modes from number `first` on, of `pixels` pixels.
    pub fn of(variances: &[f64], first: usize, pixels: usize) -> Self {
        let (slope, level) = power_law(variances, first);
        Self {
            slope,
            level: level + slope * (pixels as f64).ln(),
        }
    }

    /// Of the mode with this number over the pixels.
    pub fn variance(&self, number: f64) -> f64 {
        (self.level + self.slope * number.ln()).exp()
    }
}

/// Slope (never above 0) and level of ln `variances` against the ln of their modes' numbers, `first` and on.
fn power_law(variances: &[f64], first: usize) -> (f64, f64) {
    let known = (first.max(1)..).zip(variances).filter(|(_, v)| **v > 0.0);
    let points: Vec<(f64, f64)> = known.map(|(i, v)| ((i as f64).ln(), v.ln())).collect();
    let n = points.len().max(1) as f64;
    let mean = |f: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>() / n;
    let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
    let (xx, xy) = (
        mean(&|p| (p.0 - x).powi(2)),
        mean(&|p| (p.0 - x) * (p.1 - y)),
    );
    let slope = (xy / xx.max(f64::MIN_POSITIVE)).min(0.0);
    let level = if points.is_empty() {
        f64::NEG_INFINITY
    } else {
        y - slope * x
    };
    (slope, level)
}

/// Second moments of one half of a sample, about a given mean, with masked pixels left out.
#[derive(Debug, Clone)]
struct Half {
    products: Array2<f64>,
    pairs: Array2<f64>,
    /// Sums of the noise variances and of the neighbours' noise covariances.
    noise: Array1<f64>,
    neighbours: Array1<f64>,
}

impl Moments {
    /// The same population without what is outside the modes `passed` [D, K].
    #[must_use]
    pub fn within(&self, passed: &Array2<f64>) -> Self {
        Self {
            mean: passed.dot(&passed.t().dot(&self.mean)),
            covariance: within(&self.covariance, passed),
            spectra: self.spectra,
        }
    }
}

/// What a covariance [D, D] is within the modes `passed` [D, K].
pub(super) fn within(covariance: &Array2<f64>, passed: &Array2<f64>) -> Array2<f64> {
    let coefficients = passed.t().dot(covariance).dot(passed);
    passed.dot(&coefficients).dot(&passed.t())
}

/// Sums over spectra that arrive in blocks; memory does not grow with their number. Feed every
/// block to [`Accumulator::add_mean`], then every block again to [`Accumulator::add_products`].
#[derive(Debug, Clone)]
pub struct Accumulator {
    sum: Array1<f64>,
    count: Array1<f64>,
    spectra: usize,
    /// Sums of the weights and of their squares.
    weights: [f64; 2],
    law: NoiseLaw,
    mean: Option<Array1<f64>>,
    halves: [Half; 2],
    /// Rows seen in the second pass: even ones go to one half, odd ones to the other.
    seen: usize,
}

impl Accumulator {
    /// For spectra of `d` pixels.
    #[must_use]
    pub fn new(d: usize) -> Self {
        let half = Half {
            products: Array2::zeros((d, d)),
            pairs: Array2::zeros((d, d)),
            noise: Array1::zeros(d),
            neighbours: Array1::zeros(d),
        };
        Self {
            sum: Array1::zeros(d),
            count: Array1::zeros(d),
            spectra: 0,
            weights: [0.0; 2],
            law: NoiseLaw::default(),
            mean: None,
            halves: [half.clone(), half],
            seen: 0,
        }
    }

    /// First pass: `flux` [n, D] where `ivar` [n, D] > 0.
    pub fn add_mean(&mut self, flux: ArrayView2<f32>, ivar: ArrayView2<f32>) {
        for (row, iv) in flux.rows().into_iter().zip(ivar.rows()) {
            self.law.add(row, iv);
            for j in 0..row.len() {
                if iv[j] > 0.0 {
                    self.sum[j] += f64::from(row[j]);
                    self.count[j] += 1.0;
                }
            }
        }
        self.spectra += flux.nrows();
    }

    /// Second pass, over the same rows in the same order. An infinite `ivar` is a noiseless pixel.
    pub fn add_products(
        &mut self,
        flux: ArrayView2<f32>,
        ivar: ArrayView2<f32>,
        noise_rho: &Array1<f64>,
    ) {
        let mean = self
            .mean
            .get_or_insert_with(|| filled_mean(&self.sum, &self.count))
            .clone();
        let weights: Array1<f64> = flux
            .rows()
            .into_iter()
            .zip(ivar.rows())
            .map(|(f, iv)| self.law.weight(f, iv))
            .collect();
        self.weights[0] += weights.sum();
        self.weights[1] += weights.dot(&weights);
        for parity in 0..2 {
            let first = (self.seen + parity) % 2;
            self.halves[parity].add(
                flux.slice(s![first..;2, ..]),
                ivar.slice(s![first..;2, ..]),
                weights.slice(s![first..;2]),
                &mean,
                noise_rho,
            );
        }
        self.seen += flux.nrows();
    }

    /// Mean and covariance of *clean* spectra, when clean spectra were added.
    #[must_use]
    pub fn clean(mut self) -> Moments {
        let mean = self.take_mean();
        let covariance = if self.spectra < SAMPLES_PER_PIXEL * mean.len() {
            let [a, b] = [0, 1].map(|h| self.halves[h].covariance(&mean, None).0);
            cross_validated(&a, &b)
        } else {
            self.pooled().covariance(&mean, None).0
        };
        Moments {
            mean,
            covariance,
            spectra: self.spectra,
        }
    }

    /// Mean and covariance of the *clean* spectra behind the observations that were added, with
    /// the known `channel` and nothing else. The estimator:
    ///
    /// 1. covariance of the observations over the pixels that both are unmasked, less the mean of
    ///    the spectra's own known noise covariances; noisy spectra count less (noise_law.rs):
    ///    unbiased for the smoothed, tilted spectra;
    /// 2. projection on the singular modes of the mean blur; those that the blur weakens below
    ///    one half are kept, in order of falling gain, until the first whose signal is not three
    ///    standard errors above zero;
    /// 3. regularisation. Of a mild blur (structured.rs, before the projection): a few broad modes,
    ///    significant by cross-validation, and local structure averaged along the spectrum. Of a
    ///    wide blur, which erases local structure: cross-validation alone, on the modes (NERCOME,
    ///    Joachimi 2017): eigenvectors from one half of the spectra, their variances from the other
    ///    half, negative ones set to zero; both ways, averaged;
    /// 4. division by the gains, removal of the tilt, clipping to positive semidefinite.
    #[must_use]
    pub fn deconvolved(mut self, channel: &Channel) -> Learned {
        let seen = self.take_mean();
        let (signal, noise) = self.pooled().covariance(&seen, Some(&channel.noise_rho));
        let modes = Modes::new(&channel.mean_blur, &signal, &noise, self.effective());
        let halves = [0, 1].map(|h| self.halves[h].covariance(&seen, Some(&channel.noise_rho)).0);
        let project = |c: &Array2<f64>| modes.left.t().dot(c).dot(&modes.left);
        let regular = if channel.sigma_pixels < BLUR_LOCAL {
            project(&structured(&halves, &noise, self.effective()))
        } else {
            cross_validated(&project(&halves[0]), &project(&halves[1]))
        };
        let mean = modes.inverse.dot(&modes.left.t().dot(&seen));
        let tilted = modes.inverse.dot(&regular).dot(&modes.inverse.t());
        let covariance = clip_to_psd(&channel.untilt(&mean, &tilted));
        Learned {
            moments: Moments {
                mean,
                covariance,
                spectra: self.spectra,
            },
            passed: modes.right,
        }
    }

    /// Number of equally weighted spectra that would say as much.
    fn effective(&self) -> f64 {
        (self.weights[0] * self.weights[0] / self.weights[1].max(f64::MIN_POSITIVE)).max(1.0)
    }

    fn take_mean(&mut self) -> Array1<f64> {
        self.mean
            .take()
            .unwrap_or_else(|| filled_mean(&self.sum, &self.count))
    }

    fn pooled(&self) -> Half {
        let [a, b] = &self.halves;
        Half {
            products: &a.products + &b.products,
            pairs: &a.pairs + &b.pairs,
            noise: &a.noise + &b.noise,
            neighbours: &a.neighbours + &b.neighbours,
        }
    }
}

impl Half {
    fn add(
        &mut self,
        flux: ArrayView2<f32>,
        ivar: ArrayView2<f32>,
        weights: ArrayView1<f64>,
        mean: &Array1<f64>,
        rho: &Array1<f64>,
    ) {
        let (n, d) = flux.dim();
        let centred = Array2::from_shape_fn((n, d), |(i, j)| {
            if ivar[[i, j]] > 0.0 {
                weights[i].sqrt() * (f64::from(flux[[i, j]]) - mean[j])
            } else {
                0.0
            }
        });
        add_product(&mut self.products, &centred);
        if ivar.iter().all(|v| *v > 0.0) {
            self.pairs += weights.sum();
        } else {
            let good = Array2::from_shape_fn((n, d), |(i, j)| {
                if ivar[[i, j]] > 0.0 {
                    weights[i].sqrt() as f32
                } else {
                    0.0
                }
            });
            let mut pairs = Array2::<f32>::zeros((d, d));
            add_product(&mut pairs, &good);
            self.pairs += &pairs.mapv(f64::from);
        }
        for (row, weight) in ivar.rows().into_iter().zip(weights) {
            for j in 0..d {
                if row[j] > 0.0 {
                    self.noise[j] += weight / f64::from(row[j]);
                    if j + 1 < d && row[j + 1] > 0.0 {
                        let product = f64::from(row[j]) * f64::from(row[j + 1]);
                        self.neighbours[j] += weight * rho[j] / product.sqrt();
                    }
                }
            }
        }
    }

    /// Covariance less the noise, and the noise's mean covariance. Pairs of pixels that are hardly
    /// ever seen together get 0.
    fn covariance(
        &self,
        mean: &Array1<f64>,
        rho: Option<&Array1<f64>>,
    ) -> (Array2<f64>, Array2<f64>) {
        let d = mean.len();
        let least = PAIRS_MIN
            * self
                .pairs
                .diag()
                .iter()
                .fold(f64::MIN_POSITIVE, |a, b| a.max(*b));
        let mut noise = Array2::zeros((d, d));
        for j in 0..d {
            noise[[j, j]] = self.noise[j] / self.pairs[[j, j]].max(least);
            if rho.is_some() && j + 1 < d {
                let c = self.neighbours[j] / self.pairs[[j, j + 1]].max(least);
                noise[[j, j + 1]] = c;
                noise[[j + 1, j]] = c;
            }
        }
        let mut signal = Array2::from_shape_fn((d, d), |(i, j)| {
            let n = self.pairs[[i, j]];
            if n < least {
                0.0
            } else {
                self.products[[i, j]] / n - noise[[i, j]]
            }
        });
        // A pixel that is never seen has no covariance with any other.
        for j in 0..d {
            if self.pairs[[j, j]] < least {
                signal.row_mut(j).fill(0.0);
                signal.column_mut(j).fill(0.0);
            }
        }
        (signal, noise)
    }
}

/// Eigenvectors of one covariance estimate with the variances that an independent one gives them.
fn cross_validated(a: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
    let (one, other) = rayon::join(|| validated(a, b), || validated(b, a));
    (one + other) * 0.5
}

fn validated(vectors_from: &Array2<f64>, values_from: &Array2<f64>) -> Array2<f64> {
    let (_, v) = eigen(vectors_from);
    let image = values_from.dot(&v);
    let values = (0..v.ncols())
        .map(|k| v.column(k).dot(&image.column(k)).max(0.0))
        .collect();
    recompose(&v, &values)
}

/// target += zᵀ z, a panel of columns per thread.
pub(crate) fn add_product<T>(target: &mut Array2<T>, z: &Array2<T>)
where
    T: ndarray::LinalgScalar + Send + Sync,
{
    let width = target.ncols().div_ceil(rayon::current_num_threads()).max(1);
    target
        .axis_chunks_iter_mut(Axis(0), width)
        .into_par_iter()
        .enumerate()
        .for_each(|(k, mut panel)| {
            let columns = z.slice(s![.., k * width..k * width + panel.nrows()]);
            general_mat_mul(T::one(), &columns.t(), z, T::one(), &mut panel);
        });
}

/// Mean over the unmasked values; pixels never seen are interpolated from their neighbours.
fn filled_mean(sum: &Array1<f64>, count: &Array1<f64>) -> Array1<f64> {
    let mut mean: Vec<f64> = sum
        .iter()
        .zip(count)
        .map(|(s, n)| s / n.max(f64::MIN_POSITIVE))
        .collect();
    let good: Vec<bool> = count.iter().map(|n| *n > 0.0).collect();
    super::fill::interpolate(&mut mean, &good);
    mean.into()
}
