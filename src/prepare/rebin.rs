//! Overlap weights from one grid of pixels to another, and what they do to flux and noise.
//!
//! The flux density of a common pixel is the mean of the native ones, weighted by the widths of
//! their overlaps in Å: the integral over wavelength is conserved.

use super::noise_law::{LAGS, NoiseLaw};
use crate::data::LogGrid;
use crate::data::Spectrum;
use ndarray::ArrayViewMut1;

/// A common pixel is good if at least this fraction of its width holds good native pixels.
const COVERED: f64 = 0.5;
/// However the noise is correlated, this part of the variance of white noise is left.
const LEAST: f64 = 0.1;
/// Grids closer than this in log10 wavelength are the same grid.
const SAME: f64 = 1e-9;
/// Pixels that overlap by less than this part of one do so by rounding.
const ROUNDING: f64 = 1e-9;

/// Overlap weights from one native grid to the common grid.
#[derive(Debug, Clone)]
pub struct Rebin {
    /// Native pixels of common pixel j are entries `start[j]..start[j + 1]`; [D + 1].
    start: Vec<usize>,
    /// Native pixel of each entry.
    native: Vec<i64>,
    /// Width of each overlap in Å.
    weight: Vec<f64>,
    /// Native pixel width over common pixel width, in log10 wavelength.
    ratio: Vec<f64>,
    /// Width of each common pixel in Å, [D].
    width: Vec<f64>,
    /// What a common pixel is smeared by, because it takes native ones as a whole that lie in it in part:
    /// σ² in common pixels, [D].
    smear: Vec<f64>,
    /// Correlation of the noise of the native pixels of each common one with that of the next ones, [D]; empty
    /// where it is white.
    rho: Vec<[f64; LAGS]>,
}

impl Rebin {
    /// Weights for native `pixels`, each between its two edges (log10 Å, monotonic); the first has
    /// index `origin`.
    #[must_use]
    pub fn new(grid: &LogGrid, pixels: &[[f64; 2]], origin: i64) -> Self {
        let n = pixels.len();
        let mut bins: Vec<(f64, f64, i64)> = (origin..)
            .zip(pixels)
            .map(|(i, [a, b])| (a.min(*b), a.max(*b), i))
            .collect();
        bins.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut rebin = Self {
            start: vec![0],
            native: Vec::new(),
            weight: Vec::new(),
            ratio: Vec::new(),
            width: Vec::new(),
            smear: vec![0.0; grid.pixels],
            rho: Vec::new(),
        };
        let same = same_pixels(grid, &bins);
        let mut first = 0;
        for j in 0..grid.pixels {
            let low = grid.loglam0 + (j as f64 - 0.5) * grid.dloglam;
            let high = low + grid.dloglam;
            let width = 10f64.powf(high) - 10f64.powf(low);
            rebin.width.push(width);
            if same {
                rebin.entry(bins[j].2, width, 1.0);
            } else {
                while first < n && bins[first].1 <= low {
                    first += 1;
                }
                let mut spread = Spread::default();
                for &(a, b, index) in bins[first..].iter().take_while(|bin| bin.0 < high) {
                    let overlap = 10f64.powf(b.min(high)) - 10f64.powf(a.max(low));
                    if overlap > ROUNDING * width {
                        let [a, b] = [a, b].map(|l| (l - low) / grid.dloglam);
                        rebin.entry(index, overlap, b - a);
                        spread.add(overlap, a, b);
                    }
                }
                rebin.smear[j] = spread.beyond_a_pixel();
            }
            rebin.start.push(rebin.native.len());
        }
        rebin
    }

    /// The same, for spectra on the pixels of `grid` whose native noise is correlated by `law`.
    #[must_use]
    pub fn with_noise(mut self, grid: &LogGrid, law: &NoiseLaw) -> Self {
        self.rho = grid.loglam().iter().map(|l| law.rho(*l)).collect();
        self
    }

    /// Correlation of the noise of two native pixels `lag` apart, at common pixel `j`.
    fn correlation(&self, j: usize, lag: u64) -> f64 {
        match (lag, self.rho.get(j)) {
            (0, _) => 1.0,
            (1.., Some(rho)) => rho.get(lag as usize - 1).copied().unwrap_or(0.0),
            _ => 0.0,
        }
    }

    /// Variance of the weighted sum of the native pixels of common pixel `j`, whose standard deviations times
    /// weight are `sizes`, 0 where masked; `white` is what it were without correlation.
    fn variance(&self, j: usize, sizes: &[f64], white: f64) -> f64 {
        if self.rho.is_empty() {
            return white;
        }
        let first = self.start[j];
        let shared: f64 = (0..sizes.len())
            .flat_map(|a| (a + 1..sizes.len().min(a + 1 + LAGS)).map(move |b| (a, b)))
            .map(|(a, b)| {
                let lag = self.native[first + a].abs_diff(self.native[first + b]);
                self.correlation(j, lag) * sizes[a] * sizes[b]
            })
            .sum();
        (white + 2.0 * shared).max(LEAST * white)
    }

    /// The native pixels of a spectrum of `n`, of which pixel 0 has native index `first`, in common pixel
    /// `j`, with the widths of the overlaps in Å.
    pub(super) fn entries(
        &self,
        j: usize,
        first: i64,
        n: usize,
    ) -> impl Iterator<Item = (usize, f64)> {
        (self.start[j]..self.start[j + 1]).filter_map(move |e| {
            let i = usize::try_from(self.native[e] - first).ok()?;
            (i < n).then_some((i, self.weight[e]))
        })
    }

    fn entry(&mut self, native: i64, weight: f64, ratio: f64) {
        self.native.push(native);
        self.weight.push(weight);
        self.ratio.push(ratio);
    }

    /// Rebins a spectrum whose pixel 0 has native index `first` into one row of a block: `flux`
    /// and `ivar` are 0 where masked; `lsf` in common pixels, 0 where unknown: the native one, wider by what
    /// rebinning smears (without the common pixels' own width, which averaging over a pixel adds to data
    /// and model alike).
    pub fn apply(
        &self,
        spectrum: &Spectrum,
        first: i64,
        mut flux: ArrayViewMut1<f32>,
        mut ivar: ArrayViewMut1<f32>,
        mut lsf: ArrayViewMut1<f32>,
    ) {
        let mut sizes = Vec::new();
        for j in 0..self.width.len() {
            let (mut sum, mut covered, mut white) = (0.0, 0.0, 0.0);
            sizes.clear();
            let (mut sigma2, mut known) = (0.0, 0.0);
            for e in self.start[j]..self.start[j + 1] {
                let i = match usize::try_from(self.native[e] - first) {
                    Ok(i) if i < spectrum.flux.len() => i,
                    _ => {
                        sizes.push(0.0);
                        continue;
                    }
                };
                let w = self.weight[e];
                let v = f64::from(spectrum.ivar[i]);
                if v > 0.0 {
                    sum += w * f64::from(spectrum.flux[i]);
                    covered += w;
                    white += w * w / v;
                    sizes.push(w / v.sqrt());
                } else {
                    sizes.push(0.0);
                }
                let sigma = spectrum.lsf.get(i).map_or(0.0, |s| f64::from(*s));
                if sigma.is_finite() && sigma > 0.0 {
                    sigma2 += w * (sigma * self.ratio[e]).powi(2);
                    known += w;
                }
            }
            let variance = self.variance(j, &sizes, white);
            let good = covered >= COVERED * self.width[j] && variance > 0.0;
            flux[j] = if good { (sum / covered) as f32 } else { 0.0 };
            ivar[j] = if good {
                (covered * covered / variance) as f32
            } else {
                0.0
            };
            lsf[j] = if known > 0.0 {
                (sigma2 / known + self.smear[j]).sqrt() as f32
            } else {
                0.0
            };
        }
    }

    /// Correlation of the noise of each common pixel with the next one, which shared native pixels and the
    /// correlation of native noise cause, for equal native variances; `[D]`, the last 0.
    #[must_use]
    pub fn noise_rho(&self) -> Vec<f32> {
        let entries = |j: usize| self.start[j]..self.start[j + 1];
        let near = LAGS as u64;
        let product = |j: usize, k: usize| -> f64 {
            entries(j)
                .flat_map(|a| entries(k).map(move |b| (a, b)))
                .map(|(a, b)| (a, b, self.native[a].abs_diff(self.native[b])))
                .filter(|(.., lag)| *lag <= near)
                .map(|(a, b, lag)| self.correlation(j, lag) * self.weight[a] * self.weight[b])
                .sum()
        };
        let pixels = self.width.len();
        let mut rho = vec![0.0; pixels];
        for (j, r) in rho.iter_mut().enumerate().take(pixels.saturating_sub(1)) {
            let shared = product(j, j + 1);
            let both = product(j, j) * product(j + 1, j + 1);
            if both > 0.0 {
                *r = (shared / both.sqrt()) as f32;
            }
        }
        rho
    }
}

/// How far the native pixels that a common one is made of reach, in common pixels.
#[derive(Debug, Default)]
struct Spread {
    weight: f64,
    /// Sums of the weighted positions and of their squares.
    first: f64,
    second: f64,
}

impl Spread {
    /// A native pixel from `a` to `b`, all of which counts alike.
    fn add(&mut self, weight: f64, a: f64, b: f64) {
        self.weight += weight;
        self.first += weight * 0.5 * (a + b);
        self.second += weight * (a * a + a * b + b * b) / 3.0;
    }

    /// The variance of the positions, less that of a pixel.
    fn beyond_a_pixel(&self) -> f64 {
        let weight = self.weight.max(f64::MIN_POSITIVE);
        let mean = self.first / weight;
        (self.second / weight - mean * mean - 1.0 / 12.0).max(0.0)
    }
}

fn same_pixels(grid: &LogGrid, bins: &[(f64, f64, i64)]) -> bool {
    bins.len() == grid.pixels
        && bins.iter().zip(grid.loglam()).all(|(bin, centre)| {
            (0.5 * (bin.0 + bin.1) - centre).abs() < SAME
                && (bin.1 - bin.0 - grid.dloglam).abs() < SAME
        })
}
