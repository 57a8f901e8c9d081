//! Flux-conserving rebinning onto the common grid.
//!
//! The flux density of a common pixel is the mean of the native ones, weighted by the widths of
//! their overlaps in Å: the integral over wavelength is conserved. Weights are computed once per
//! native grid; all SDSS spectra share one lattice of pixels and differ only in where they start.

use super::spectrum::{NativeGrid, SDSS_STEP, Spectrum};
use super::{Block, LogGrid};
use ndarray::ArrayViewMut1;
use std::sync::Arc;

/// A common pixel is good if at least this fraction of its width holds good native pixels.
const COVERED: f64 = 0.5;
/// Grids closer than this in log10 wavelength are the same grid.
const SAME: f64 = 1e-9;

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
}

impl Rebin {
    /// Weights for native pixels between consecutive `edges` (log10 Å, monotonic); the first
    /// native pixel has index `origin`.
    #[must_use]
    pub fn new(grid: &LogGrid, edges: &[f64], origin: i64) -> Self {
        let n = edges.len().saturating_sub(1);
        let mut bins: Vec<(f64, f64, i64)> = (0..n)
            .map(|i| {
                let (a, b) = (edges[i], edges[i + 1]);
                (a.min(b), a.max(b), origin + i as i64)
            })
            .collect();
        bins.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut rebin = Self {
            start: vec![0],
            native: Vec::new(),
            weight: Vec::new(),
            ratio: Vec::new(),
            width: Vec::new(),
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
                for &(a, b, index) in bins[first..].iter().take_while(|bin| bin.0 < high) {
                    let overlap = 10f64.powf(b.min(high)) - 10f64.powf(a.max(low));
                    if overlap > 0.0 {
                        rebin.entry(index, overlap, (b - a) / grid.dloglam);
                    }
                }
            }
            rebin.start.push(rebin.native.len());
        }
        rebin
    }

    fn entry(&mut self, native: i64, weight: f64, ratio: f64) {
        self.native.push(native);
        self.weight.push(weight);
        self.ratio.push(ratio);
    }

    /// Rebins a spectrum whose pixel 0 has native index `first` into one row of a block: `flux`
    /// and `ivar` are 0 where masked; `lsf` in common pixels (without the pixels' own width, which
    /// averaging over a pixel adds to data and model alike), 0 where unknown.
    pub fn apply(
        &self,
        spectrum: &Spectrum,
        first: i64,
        mut flux: ArrayViewMut1<f32>,
        mut ivar: ArrayViewMut1<f32>,
        mut lsf: ArrayViewMut1<f32>,
    ) {
        for j in 0..self.width.len() {
            let (mut sum, mut covered, mut variance) = (0.0, 0.0, 0.0);
            let (mut sigma2, mut known) = (0.0, 0.0);
            for e in self.start[j]..self.start[j + 1] {
                let i = match usize::try_from(self.native[e] - first) {
                    Ok(i) if i < spectrum.flux.len() => i,
                    _ => continue,
                };
                let w = self.weight[e];
                let v = f64::from(spectrum.ivar[i]);
                if v > 0.0 {
                    sum += w * f64::from(spectrum.flux[i]);
                    covered += w;
                    variance += w * w / v;
                }
                let sigma = spectrum.lsf.get(i).map_or(0.0, |s| f64::from(*s));
                if sigma.is_finite() && sigma > 0.0 {
                    sigma2 += w * (sigma * self.ratio[e]).powi(2);
                    known += w;
                }
            }
            let good = covered >= COVERED * self.width[j] && variance > 0.0;
            flux[j] = if good { (sum / covered) as f32 } else { 0.0 };
            ivar[j] = if good {
                (covered * covered / variance) as f32
            } else {
                0.0
            };
            lsf[j] = if known > 0.0 {
                (sigma2 / known).sqrt() as f32
            } else {
                0.0
            };
        }
    }

    /// Correlation of the noise of each common pixel with the next one, which shared native pixels
    /// cause, for equal native variances; [D], the last 0.
    #[must_use]
    pub fn noise_rho(&self) -> Vec<f32> {
        let entries = |j: usize| self.start[j]..self.start[j + 1];
        let power = |j: usize| entries(j).map(|e| self.weight[e].powi(2)).sum::<f64>();
        let pixels = self.width.len();
        let mut rho = vec![0.0; pixels];
        for (j, r) in rho.iter_mut().enumerate().take(pixels.saturating_sub(1)) {
            let shared: f64 = entries(j)
                .flat_map(|a| entries(j + 1).map(move |b| (a, b)))
                .filter(|(a, b)| self.native[*a] == self.native[*b])
                .map(|(a, b)| self.weight[a] * self.weight[b])
                .sum();
            let both = power(j) * power(j + 1);
            if both > 0.0 {
                *r = (shared / both.sqrt()) as f32;
            }
        }
        rho
    }
}

fn same_pixels(grid: &LogGrid, bins: &[(f64, f64, i64)]) -> bool {
    bins.len() == grid.pixels
        && bins.iter().zip(grid.loglam()).all(|(bin, centre)| {
            (0.5 * (bin.0 + bin.1) - centre).abs() < SAME
                && (bin.1 - bin.0 - grid.dloglam).abs() < SAME
        })
}

/// Brings spectra of one survey to the common grid.
#[derive(Debug, Clone)]
pub struct Regridder {
    grid: LogGrid,
    /// The survey's own grid: every spectrum on it is rebinned with ready weights.
    native: NativeGrid,
    rebin: Rebin,
}

impl Regridder {
    /// Weights for a survey whose spectra share the SDSS lattice, wherever each begins.
    #[must_use]
    pub fn sdss(grid: &LogGrid) -> Self {
        let first = ((grid.loglam0 - grid.dloglam) / SDSS_STEP).floor() as i64 - 1;
        let last = grid.loglam0 + (grid.pixels as f64 + 1.0) * grid.dloglam;
        let n = (last / SDSS_STEP).ceil() as i64 - first + 1;
        let lattice = NativeGrid::Sdss { first };
        let edges = lattice.edges(usize::try_from(n).unwrap_or_default());
        Self {
            grid: *grid,
            rebin: Rebin::new(grid, &edges, first),
            native: lattice,
        }
    }

    /// Weights for a survey whose spectra all lie on `native`.
    #[must_use]
    pub fn shared(grid: &LogGrid, native: &Arc<[f64]>) -> Self {
        Self {
            grid: *grid,
            rebin: Rebin::new(grid, native, 0),
            native: NativeGrid::Edges(native.clone()),
        }
    }

    /// As [`Rebin::noise_rho`], for spectra on the survey's own grid.
    #[must_use]
    pub fn noise_rho(&self) -> Vec<f32> {
        self.rebin.noise_rho()
    }

    /// Rebins `spectrum` into row `row` of `block`.
    pub fn regrid(&self, spectrum: &Spectrum, block: &mut Block, row: usize) {
        let one_off;
        let (rebin, first) = match (&self.native, &spectrum.grid) {
            (NativeGrid::Sdss { .. }, NativeGrid::Sdss { first }) => (&self.rebin, *first),
            (NativeGrid::Edges(ours), NativeGrid::Edges(edges)) if Arc::ptr_eq(ours, edges) => {
                (&self.rebin, 0)
            }
            (_, other) => {
                one_off = Rebin::new(&self.grid, &other.edges(spectrum.flux.len()), 0);
                (&one_off, 0)
            }
        };
        rebin.apply(
            spectrum,
            first,
            block.flux.row_mut(row),
            block.ivar.row_mut(row),
            block.lsf.row_mut(row),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::spectrum::Centres;
    use super::*;
    use crate::config::GridConfig;
    use rand::{Rng, SeedableRng};
    use rand_distr::StandardNormal;

    fn grid(pixels: usize) -> LogGrid {
        LogGrid::new(&GridConfig {
            min: 4000.0,
            max: 6500.0,
            pixels,
        })
    }

    fn on(native: NativeGrid, flux: Vec<f32>) -> Spectrum {
        let n = flux.len();
        Spectrum {
            grid: native,
            flux,
            ivar: vec![4.0; n],
            lsf: vec![1.5; n],
        }
    }

    fn regrid(r: &Regridder, s: &Spectrum) -> Block {
        let mut block = Block::masked(1, r.grid.pixels);
        r.regrid(s, &mut block, 0);
        block
    }

    /// A narrow line well inside the grid: its whole flux must survive, whatever the pixels.
    #[test]
    fn flux_is_conserved_from_log_linear_and_reversed_grids() {
        let g = grid(300);
        let line = |wave: f64| (-0.5 * ((wave - 5000.0) / 4.0).powi(2)).exp() as f32;
        let log: Vec<f64> = (35500..38200).map(|k| f64::from(k) * 1e-4).collect();
        let linear: Vec<f64> = (0..3000).map(|i| 3900.0 + f64::from(i)).collect();
        let reversed: Vec<f64> = linear.iter().rev().copied().collect();
        for (centres, kind) in [
            (log, Centres::Log10),
            (linear, Centres::Angstrom),
            (reversed, Centres::Angstrom),
        ] {
            let native = NativeGrid::from_centres(&centres, kind, false).unwrap();
            let wave = |c: &f64| {
                if kind == Centres::Log10 {
                    10f64.powf(*c)
                } else {
                    *c
                }
            };
            let s = on(
                native.clone(),
                centres.iter().map(|c| line(wave(c))).collect(),
            );
            let b = regrid(&Regridder::sdss(&g), &s);
            let edges = native.edges(centres.len());
            let width = |e: &[f64]| (10f64.powf(e[1]) - 10f64.powf(e[0])).abs();
            let before: f64 = edges
                .windows(2)
                .zip(&s.flux)
                .map(|(e, f)| width(e) * f64::from(*f))
                .sum();
            let half = 0.5 * g.dloglam;
            let after: f64 = g
                .loglam()
                .iter()
                .zip(b.flux.row(0))
                .map(|(l, f)| width(&[l - half, l + half]) * f64::from(*f))
                .sum();
            assert!(
                (after / before - 1.0).abs() < 1e-5,
                "{kind:?}: {before} {after}"
            );
        }
    }

    #[test]
    fn a_spectrum_on_the_common_grid_is_unchanged_and_its_noise_uncorrelated() {
        let g = grid(64);
        let native = NativeGrid::from_centres(&g.loglam(), Centres::Log10, false).unwrap();
        let NativeGrid::Edges(edges) = &native else {
            panic!()
        };
        let flux: Vec<f32> = (0..64).map(|i| (i * i) as f32).collect();
        let r = Regridder::shared(&g, edges);
        let b = regrid(&r, &on(native.clone(), flux.clone()));
        assert_eq!(b.flux.row(0).to_vec(), flux);
        assert!(b.ivar.iter().all(|v| (*v - 4.0).abs() < 1e-6));
        assert!(b.lsf.iter().all(|v| (*v - 1.5).abs() < 1e-6));
        assert!(r.noise_rho().iter().all(|r| *r == 0.0));
    }

    /// White noise on SDSS pixels: variance and neighbour correlation after rebinning agree with
    /// the propagated ivar and with `noise_rho`.
    #[test]
    fn propagated_variance_and_correlation_agree_with_monte_carlo() {
        let g = grid(1024);
        let r = Regridder::sdss(&g);
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let (draws, n) = (4000, 2200);
        let (mut square, mut lagged) = (vec![0.0f64; 1024], vec![0.0f64; 1024]);
        let mut ivar = vec![];
        for _ in 0..draws {
            let noise: Vec<f32> = (0..n)
                .map(|_| 0.5 * rng.sample::<f32, _>(StandardNormal))
                .collect();
            let b = regrid(&r, &on(NativeGrid::Sdss { first: 36000 }, noise));
            let f = b.flux.row(0);
            for j in 0..1023 {
                square[j] += f64::from(f[j] * f[j]);
                lagged[j] += f64::from(f[j] * f[j + 1]);
            }
            ivar = b.ivar.row(0).to_vec();
        }
        let rho = r.noise_rho();
        let (mut chi, mut worst) = (0.0, 0.0f64);
        for j in 0..1022 {
            let measured = square[j] / f64::from(draws);
            chi += measured * f64::from(ivar[j]) / 1022.0;
            let c = lagged[j] / (square[j] * square[j + 1]).sqrt();
            worst = worst.max((c - f64::from(rho[j])).abs());
        }
        // Standard errors: 7e-4 for the mean ratio, 0.016 per correlation (4.5 sigma allowed).
        assert!((chi - 1.0).abs() < 4e-3, "{chi}");
        assert!(worst < 0.072, "{worst}");
        assert!(rho[..1023].iter().any(|r| *r > 0.1));
    }

    #[test]
    fn masked_native_pixels_are_left_out_and_mostly_masked_common_pixels_are_masked() {
        let g = grid(256); // about 8 native pixels each
        let r = Regridder::sdss(&g);
        let mut s = on(NativeGrid::Sdss { first: 36000 }, vec![2.0; 2200]);
        let bad = |k: usize| k.is_multiple_of(8) || (500..600).contains(&k);
        for k in (0..2200).filter(|k| bad(*k)) {
            (s.flux[k], s.ivar[k]) = (f32::NAN, 0.0);
        }
        let b = regrid(&r, &s);
        let inside = |j: usize| {
            let k = ((g.loglam()[j] / 1e-4) - 36000.0).round();
            (508.0..592.0).contains(&k)
        };
        for j in 0..256 {
            let (f, v) = (b.flux[[0, j]], b.ivar[[0, j]]);
            if inside(j) {
                assert_eq!((f, v), (0.0, 0.0));
            } else if v > 0.0 {
                assert!((f - 2.0).abs() < 1e-5);
            }
        }
        assert!(b.ivar.iter().filter(|v| **v > 0.0).count() > 230);
    }

    #[test]
    fn beyond_the_spectrum_everything_is_masked() {
        let g = grid(100);
        let r = Regridder::sdss(&g);
        let b = regrid(&r, &on(NativeGrid::Sdss { first: 37000 }, vec![1.0; 100]));
        assert_eq!(b.flux[[0, 0]], 0.0);
        assert_eq!(b.ivar[[0, 99]], 0.0);
        assert!(b.ivar.iter().any(|v| *v > 0.0));
    }

    #[test]
    fn the_line_spread_function_is_in_common_pixels() {
        let g = grid(1024);
        let b = regrid(
            &Regridder::sdss(&g),
            &on(NativeGrid::Sdss { first: 36000 }, vec![1.0; 2200]),
        );
        let expected = 1.5 * SDSS_STEP / g.dloglam;
        assert!((f64::from(b.lsf[[0, 500]]) - expected).abs() < 1e-4);
    }
}
