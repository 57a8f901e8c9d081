//! Sums over noisy spectra on the rest-frame grid: mean, amplitudes, second moments.

use super::average::averaged;
use super::channel::Channel;
use super::moments::add_product;
use super::rest_grid::RestGrid;
use crate::data::{Block, RowBlock};
use ndarray::{Array1, Array2, ArrayView1, s};

/// Variance of a normalised spectrum about the population's mean, roughly: noise far below it makes
/// no spectrum count more.
const VARIANCE: f64 = 0.5;
/// The same from pixel to pixel.
const LOCAL: f64 = 0.1;
/// Variance of an amplitude about the one that was found, before the observation says more: far above what noise
/// makes it off by.
pub(super) const AMPLITUDE: f64 = 0.1;
/// Least amplitude: a spectrum without light has none.
const LEAST: f64 = 0.05;
/// Least variance of the amplitudes that show a pixel, and the least part of the weight there, for a trend of
/// its own.
const SPREAD_MIN: f64 = 1e-3;
const SHOWN_MIN: f64 = 0.01;
/// σ of the smoothing of what trends depart from scaled spectra by, pixels.
const TREND_SMOOTH: f64 = 3.0;
/// Pixels that so small a part of the weight shows together have no covariance.
const PAIRS_MIN: f64 = 1e-3;

/// The scale of one spectrum against the mean of its population, both `[D]`: by least squares.
pub(super) fn amplitude(
    flux: ArrayView1<f32>,
    ivar: ArrayView1<f32>,
    mean: ArrayView1<f64>,
) -> f64 {
    let (mut with, mut own) = (0.0, 0.0);
    for ((y, iv), m) in flux.iter().zip(ivar).zip(mean) {
        if *iv > 0.0 {
            let w = m / (1.0 / f64::from(*iv) + LOCAL);
            with += w * f64::from(*y);
            own += w * m;
        }
    }
    if own > 0.0 {
        (with / own).max(LEAST)
    } else {
        1.0
    }
}

/// What noise makes [`amplitude`] off by, standard deviation; residues with the covariance U Uᵀ, U = `residues`
/// `[D, K]`, are part of it.
pub(super) fn amplitude_error(
    ivar: ArrayView1<f32>,
    mean: ArrayView1<f64>,
    residues: &Array2<f64>,
) -> f64 {
    let (mut square, mut own) = (0.0, 0.0);
    let mut along = Array1::<f64>::zeros(residues.ncols());
    let good = ivar.iter().zip(mean).zip(residues.rows());
    for ((iv, m), u) in good.filter(|((iv, _), _)| **iv > 0.0) {
        let noise = 1.0 / f64::from(*iv);
        let w = m / (noise + LOCAL);
        square += w * w * noise;
        own += w * m;
        along.scaled_add(w, &u);
    }
    square += along.dot(&along);
    if own > 0.0 { square.sqrt() / own } else { 0.0 }
}

/// The derivative of [`amplitude`] by the pixels of `flux`, `[D]`: 0 where it is the least.
pub(super) fn amplitude_response(
    flux: ArrayView1<f32>,
    ivar: ArrayView1<f32>,
    mean: ArrayView1<f64>,
) -> Array1<f64> {
    let weight = |iv: f32, m: f64| match iv > 0.0 {
        true => m / (1.0 / f64::from(iv) + LOCAL),
        false => 0.0,
    };
    let weights: Array1<f64> = ivar
        .iter()
        .zip(mean)
        .map(|(iv, m)| weight(*iv, *m))
        .collect();
    let own = weights.dot(&mean);
    if own > 0.0 && amplitude(flux, ivar, mean) > LEAST {
        weights / own
    } else {
        weights * 0.0
    }
}

/// Mean noise variance of the unmasked pixels; `None` of a spectrum without any.
fn noise(ivar: ArrayView1<f32>) -> Option<f64> {
    let good = || ivar.iter().filter(|v| **v > 0.0);
    let n = good().count();
    (n > 0).then(|| good().map(|v| 1.0 / f64::from(*v)).sum::<f64>() / n as f64)
}

/// The weighted mean of spectra over their amplitudes.
pub(super) struct MeanSums {
    sum: Array1<f64>,
    weight: Array1<f64>,
    /// Sum and number of the amplitudes.
    amplitudes: (f64, f64),
}

impl MeanSums {
    pub fn new(grid: &RestGrid) -> Self {
        Self {
            sum: Array1::zeros(grid.len()),
            weight: Array1::zeros(grid.len()),
            amplitudes: (0.0, 0.0),
        }
    }

    /// Adds spectra whose amplitudes are against `mean` `[L]`, if there is one, and else 1.
    pub fn add(&mut self, block: &Block, grid: &RestGrid, mean: Option<&Array1<f64>>) {
        for i in 0..block.len() {
            let (flux, ivar) = (block.flux.row(i), block.ivar.row(i));
            let (Some(k), Some(noise)) = (grid.shift(block.z[i]), noise(ivar)) else {
                continue;
            };
            let window = s![k..k + grid.pixels];
            let a = mean.map_or(1.0, |m| amplitude(flux, ivar, m.slice(window)));
            self.amplitudes.0 += a;
            self.amplitudes.1 += 1.0;
            let w = 1.0 / (1.0 + noise / (a * a));
            for j in (0..grid.pixels).filter(|j| ivar[*j] > 0.0) {
                self.sum[j + k] += w * f64::from(flux[j]) / a;
                self.weight[j + k] += w;
            }
        }
    }

    /// The mean of spectra of amplitude 1 on average, `[L]`; pixels that no spectrum shows are
    /// interpolated.
    pub fn mean(&self) -> Array1<f64> {
        let scale = self.amplitudes.0 / f64::max(self.amplitudes.1, 1.0);
        let mut mean: Vec<f64> = (self.sum.iter().zip(&self.weight))
            .map(|(s, w)| scale * s / w.max(f64::MIN_POSITIVE))
            .collect();
        let seen: Vec<bool> = self.weight.iter().map(|w| *w > 0.0).collect();
        super::fill::interpolate(&mut mean, &seen);
        mean.into()
    }
}

/// The mean of spectra of amplitude a is m + (a − 1) s, both `[L]`.
#[derive(Debug, Clone)]
pub(super) struct Trend {
    /// m.
    pub mean: Array1<f64>,
    /// s.
    pub slope: Array1<f64>,
}

impl Trend {
    /// Spectra that are scaled as a whole.
    pub fn of_scale(mean: Array1<f64>) -> Self {
        Self {
            slope: mean.clone(),
            mean,
        }
    }
}

/// Sums of the regression of spectra on their amplitudes, pixel by pixel.
pub(super) struct TrendSums {
    /// Of the weights, times 1, a − 1 and its square; and of the weights times y and y (a − 1): `[L]` each.
    weights: [Array1<f64>; 3],
    products: [Array1<f64>; 2],
}

impl TrendSums {
    pub fn new(grid: &RestGrid) -> Self {
        let zeros = || Array1::zeros(grid.len());
        Self {
            weights: [zeros(), zeros(), zeros()],
            products: [zeros(), zeros()],
        }
    }

    /// Adds spectra, whose amplitudes are against `mean` `[L]`.
    pub fn add(&mut self, block: &Block, grid: &RestGrid, mean: &Array1<f64>) {
        for i in 0..block.len() {
            let (flux, ivar) = (block.flux.row(i), block.ivar.row(i));
            let (Some(k), Some(noise)) = (grid.shift(block.z[i]), noise(ivar)) else {
                continue;
            };
            let a = amplitude(flux, ivar, mean.slice(s![k..k + grid.pixels]));
            let w = 1.0 / (a * a + noise);
            for j in (0..grid.pixels).filter(|j| ivar[*j] > 0.0) {
                let (e, y, off) = (j + k, f64::from(flux[j]), a - 1.0);
                for (sum, v) in self.weights.iter_mut().zip([1.0, off, off * off]) {
                    sum[e] += w * v;
                }
                for (sum, v) in self.products.iter_mut().zip([y, y * off]) {
                    sum[e] += w * v;
                }
            }
        }
    }

    /// The trend; `before` where too few spectra, or spectra of too like amplitudes, show a pixel. How it
    /// departs from scaled spectra is smooth.
    pub fn trend(&self, before: &Trend) -> Trend {
        let [n, x, xx] = &self.weights;
        let [y, xy] = &self.products;
        let most = n.iter().fold(0.0, |a: f64, b| a.max(*b));
        let known = |e: usize| {
            let spread = n[e] * xx[e] - x[e] * x[e];
            n[e] > SHOWN_MIN * most && spread > SPREAD_MIN * n[e] * n[e]
        };
        let slope = |e: usize| (n[e] * xy[e] - x[e] * y[e]) / (n[e] * xx[e] - x[e] * x[e]);
        let pixels = 0..n.len();
        let (mean, departs): (Vec<f64>, Vec<f64>) = pixels
            .map(|e| {
                if !known(e) {
                    return (before.mean[e], before.slope[e] - before.mean[e]);
                }
                let (centre, level, s) = (x[e] / n[e], y[e] / n[e], slope(e));
                let mean = level - s * centre;
                (mean, s - mean)
            })
            .unzip();
        let mean = Array1::from(mean);
        Trend {
            slope: &mean + &Array1::from(averaged(&departs, TREND_SMOOTH)),
            mean,
        }
    }
}

/// Second moments of one half of the spectra about a mean.
#[derive(Clone)]
struct Half {
    products: Array2<f64>,
    pairs: Array2<f64>,
    /// Sums of the noise variances and of the neighbours' noise covariances, `[L]`.
    noise: Array1<f64>,
    neighbours: Array1<f64>,
}

/// Second moments of spectra over their amplitudes, in two halves.
pub(super) struct Products<'a> {
    grid: &'a RestGrid,
    trend: &'a Trend,
    scaled: bool,
    channel: &'a Channel,
    halves: [Half; 2],
    /// How many spectra at each shift.
    pub seen: Vec<f64>,
    weights: [f64; 2],
}

/// What the two halves say: covariances less the noise, and the noise's variances, `[L]`.
pub(super) struct Covariances {
    pub halves: [Array2<f64>; 2],
    pub noise: Array1<f64>,
    /// So many spectra of equal weight would say as much.
    pub effective: f64,
}

impl<'a> Products<'a> {
    /// About the mean of each spectrum's amplitude; `scaled`: over that amplitude.
    pub fn new(grid: &'a RestGrid, trend: &'a Trend, scaled: bool, channel: &'a Channel) -> Self {
        let l = grid.len();
        let half = Half {
            products: Array2::zeros((l, l)),
            pairs: Array2::zeros((l, l)),
            noise: Array1::zeros(l),
            neighbours: Array1::zeros(l),
        };
        Self {
            grid,
            trend,
            scaled,
            channel,
            halves: [half.clone(), half],
            seen: vec![0.0; grid.shifts],
            weights: [0.0; 2],
        }
    }

    pub fn add(&mut self, block: &Block) {
        let (grid, d) = (self.grid, self.grid.pixels);
        let known: Vec<(usize, usize, f64)> = (0..block.len())
            .filter_map(|i| Some((i, grid.shift(block.z[i])?, noise(block.ivar.row(i))?)))
            .collect();
        for parity in 0..2 {
            let rows: Vec<_> = known.iter().skip(parity).step_by(2).collect();
            let zeros = || Array2::<f32>::zeros((rows.len(), grid.len()));
            let (mut centred, mut good) = (zeros(), zeros());
            let half = &mut self.halves[parity];
            let rho = &self.channel.noise_rho;
            let mut residues = Vec::new();
            for (r, (i, k, noise)) in rows.iter().enumerate() {
                let (flux, ivar) = (block.flux.row(*i), block.ivar.row(*i));
                let window = s![*k..k + d];
                let mean = self.trend.mean.slice(window);
                let slope = self.trend.slope.slice(window);
                let a = if self.scaled {
                    amplitude(flux, ivar, mean)
                } else {
                    1.0
                };
                let weight = (VARIANCE / (VARIANCE + noise / (a * a))).powi(2);
                self.weights[0] += weight;
                self.weights[1] += weight * weight;
                self.seen[*k] += 1.0;
                let own = |j: usize| weight / (f64::from(ivar[j]) * a * a);
                let variance = ivar.mapv(|v| if v > 0.0 { 1.0 / f64::from(v) } else { 0.0 });
                let seen = [block.z[*i], block.norm[*i]];
                for mode in self.channel.residues(&variance, seen).columns() {
                    let mut row = vec![0.0f32; grid.len()];
                    for (to, u) in row[*k..].iter_mut().zip(mode) {
                        *to = (weight.sqrt() / a * u) as f32;
                    }
                    residues.extend(row);
                }
                for j in (0..d).filter(|j| ivar[*j] > 0.0) {
                    let expected = mean[j] + (a - 1.0) * slope[j];
                    let residual = (f64::from(flux[j]) - expected) / a;
                    centred[[r, j + k]] = (weight.sqrt() * residual) as f32;
                    good[[r, j + k]] = weight.sqrt() as f32;
                    half.noise[j + k] += own(j);
                    if j + 1 < d && ivar[j + 1] > 0.0 {
                        half.neighbours[j + k] += rho[j] * (own(j) * own(j + 1)).sqrt();
                    }
                }
            }
            for (sums, x) in [(&mut half.products, centred), (&mut half.pairs, good)] {
                let mut product = Array2::<f32>::zeros(sums.raw_dim());
                add_product(&mut product, &x);
                *sums += &product.mapv(f64::from);
            }
            if !residues.is_empty() {
                let rows = residues.len() / grid.len();
                let residues = Array2::from_shape_vec((rows, grid.len()), residues);
                let mut product = Array2::<f32>::zeros(half.products.raw_dim());
                add_product(&mut product, &residues.unwrap_or_default());
                half.products -= &product.mapv(f64::from);
            }
        }
    }

    pub fn covariances(&self) -> Covariances {
        let [a, b] = &self.halves;
        let pairs = &a.pairs.diag() + &b.pairs.diag();
        let noise = (&a.noise + &b.noise) / pairs.mapv(|n| n.max(f64::MIN_POSITIVE));
        Covariances {
            halves: [a.covariance(), b.covariance()],
            noise,
            effective: self.weights[0].powi(2) / self.weights[1].max(f64::MIN_POSITIVE),
        }
    }
}

impl Half {
    fn covariance(&self) -> Array2<f64> {
        let most = self.pairs.diag().iter().fold(0.0, |a: f64, b| a.max(*b));
        let least = (PAIRS_MIN * most).max(f64::MIN_POSITIVE);
        Array2::from_shape_fn(self.products.raw_dim(), |(i, j)| {
            let noise = match i.abs_diff(j) {
                0 => self.noise[i],
                1 => self.neighbours[i.min(j)],
                _ => 0.0,
            };
            if self.pairs[[i, j]] < least {
                return 0.0;
            }
            (self.products[[i, j]] - noise) / self.pairs[[i, j]]
        })
    }
}
