//! Bringing the spectra of one survey to the common grid.
//!
//! Weights are computed once per native grid; all SDSS spectra share one lattice of pixels and
//! differ only in where they start.

use super::noise_law::NoiseLaw;
use super::rebin::Rebin;
use super::rest_lattice::RestLattice;
use crate::data::spectrum::SDSS_STEP;
use crate::data::{Block, LogGrid};
use crate::data::{NativeGrid, Spectrum};
use crate::survey::spectra::Pixels;
use std::sync::Arc;

/// Brings spectra of one survey to the common grid.
#[derive(Debug, Clone)]
pub struct Regridder {
    grid: LogGrid,
    /// The survey's own grid: every spectrum on it is rebinned with ready weights.
    native: NativeGrid,
    rebin: Rebin,
    /// Of a grid of the rest frame.
    rest: Option<RestLattice>,
    /// Of the native pixels, where it is not as their inverse variances say.
    law: Option<NoiseLaw>,
}

impl Regridder {
    /// Weights for the survey whose spectra lie on `pixels`.
    pub(crate) fn new(grid: &LogGrid, pixels: &Pixels) -> Self {
        let observed = match pixels {
            Pixels::Sdss => Self::sdss(grid),
            Pixels::Shared(pixels) | Pixels::Own(pixels) => Self::shared(grid, pixels),
        };
        let rest = grid.is_rest().then(|| RestLattice::new(grid, pixels));
        Self { rest, ..observed }
    }

    /// Weights for a survey whose spectra share the SDSS lattice, wherever each begins.
    #[must_use]
    pub fn sdss(grid: &LogGrid) -> Self {
        let first = ((grid.loglam0 - grid.dloglam) / SDSS_STEP).floor() as i64 - 1;
        let last = grid.loglam0 + (grid.pixels as f64 + 1.0) * grid.dloglam;
        let n = (last / SDSS_STEP).ceil() as i64 - first + 1;
        let lattice = NativeGrid::Sdss { first };
        let pixels = lattice.pixels(usize::try_from(n).unwrap_or_default());
        Self {
            grid: *grid,
            rebin: Rebin::new(grid, &pixels, first),
            native: lattice,
            rest: None,
            law: None,
        }
    }

    /// Weights for a survey whose spectra all lie on `native`.
    #[must_use]
    pub fn shared(grid: &LogGrid, native: &Arc<[[f64; 2]]>) -> Self {
        Self {
            grid: *grid,
            rebin: Rebin::new(grid, native, 0),
            native: NativeGrid::Pixels(native.clone()),
            rest: None,
            law: None,
        }
    }

    /// The same, for spectra whose noise is correlated by `law`.
    #[must_use]
    pub fn with_noise(mut self, law: NoiseLaw) -> Self {
        self.rebin = self.rebin.with_noise(&self.grid, &law);
        self.rest = self.rest.map(|rest| rest.with_noise(&law));
        self.law = Some(law);
        self
    }

    /// As [`Rebin::noise_rho`], for spectra on the survey's own grid.
    #[must_use]
    pub fn noise_rho(&self) -> Vec<f32> {
        match &self.rest {
            Some(rest) => rest.noise_rho(),
            None => self.rebin.noise_rho(),
        }
    }

    /// Rebins `spectrum` of an object at redshift `z` into row `row` of `block`; gives
    /// [`Object::z_grid`](crate::data::Object): 0 on a grid of the observed frame, which asks for no `z`.
    pub(crate) fn place(&self, spectrum: &Spectrum, z: f64, block: &mut Block, row: usize) -> f64 {
        match &self.rest {
            Some(rest) => rest.regrid(spectrum, z, block, row),
            None => {
                self.regrid(spectrum, block, row);
                0.0
            }
        }
    }

    /// Rebins `spectrum` as it was observed into row `row` of `block`.
    pub fn regrid(&self, spectrum: &Spectrum, block: &mut Block, row: usize) {
        let one_off;
        let (rebin, first) = match (&self.native, &spectrum.grid) {
            (NativeGrid::Sdss { .. }, NativeGrid::Sdss { first }) => (&self.rebin, *first),
            (NativeGrid::Pixels(ours), NativeGrid::Pixels(its)) if Arc::ptr_eq(ours, its) => {
                (&self.rebin, 0)
            }
            (_, other) => {
                let white = Rebin::new(&self.grid, &other.pixels(spectrum.flux.len()), 0);
                one_off = match &self.law {
                    Some(law) => white.with_noise(&self.grid, law),
                    None => white,
                };
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
        rebin.carry(&self.grid, spectrum, first, block, row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GridConfig;
    use crate::data::Centres;
    use rand::{RngExt, SeedableRng};
    use rand_distr::StandardNormal;

    fn grid(pixels: usize) -> LogGrid {
        LogGrid::new(&GridConfig {
            min: 4000.0,
            max: 6500.0,
            pixels,
            ..GridConfig::default()
        })
    }

    fn on(native: NativeGrid, flux: Vec<f32>) -> Spectrum {
        let n = flux.len();
        Spectrum {
            grid: native,
            flux,
            ivar: vec![4.0; n],
            lsf: vec![1.5; n],
            extras: Default::default(),
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
            let pixels = native.pixels(centres.len());
            let width = |e: &[f64]| (10f64.powf(e[1]) - 10f64.powf(e[0])).abs();
            let before: f64 = pixels
                .iter()
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
        let NativeGrid::Pixels(pixels) = &native else {
            panic!()
        };
        let flux: Vec<f32> = (0..64).map(|i| (i * i) as f32).collect();
        let r = Regridder::shared(&g, pixels);
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

    /// Of native pixels of `w` common ones, cut anywhere, the mean over all cuts is w²/6.
    #[test]
    fn the_line_spread_function_is_in_common_pixels_and_holds_what_rebinning_smears() {
        let g = grid(1024);
        let b = regrid(
            &Regridder::sdss(&g),
            &on(NativeGrid::Sdss { first: 36000 }, vec![1.0; 2200]),
        );
        let w = SDSS_STEP / g.dloglam;
        let squares = b.lsf.iter().map(|l| f64::from(*l).powi(2));
        let smear: Vec<f64> = squares.map(|l| l - (1.5 * w).powi(2)).collect();
        assert!(smear.iter().all(|s| (0.0..0.26 * w * w).contains(s)));
        let mean = smear.iter().sum::<f64>() / 1024.0;
        assert!((mean - w * w / 6.0).abs() < 0.02 * w * w, "{mean}");
        // Whole native pixels in every common one: nothing is smeared.
        let edges: Vec<f64> = (0..=2048)
            .map(|k| g.loglam0 + (0.5 * f64::from(k) - 0.5) * g.dloglam)
            .collect();
        let halves: Vec<[f64; 2]> = edges.windows(2).map(|e| [e[0], e[1]]).collect();
        let halves = NativeGrid::Pixels(halves.into());
        let b = regrid(&Regridder::sdss(&g), &on(halves, vec![1.0; 2048]));
        assert!(b.lsf.iter().all(|l| (l - 0.75).abs() < 1e-3));
    }

    /// Second moments of lines as the regridded spectrum has them, over what the width says.
    #[test]
    fn a_line_is_as_wide_as_its_line_spread_function_says() {
        let g = grid(1024);
        let regridder = Regridder::sdss(&g);
        let (mut found, mut said) = (0.0, 0.0);
        for k in 0..64 {
            let centre = 5000.0 + 4.37 * f64::from(k);
            let at = |l: f64| (l - centre.log10()) / SDSS_STEP;
            // The mean of a Gaussian over each native pixel, by 32 points.
            let value = |i: i32| {
                let low = f64::from(i) - 0.5;
                let points = (0..32).map(|p| low + (f64::from(p) + 0.5) / 32.0);
                let sum: f64 = points
                    .map(|x| (-0.5 * (at(x * SDSS_STEP) / 1.5).powi(2)).exp())
                    .sum();
                (sum / 32.0) as f32
            };
            let flux: Vec<f32> = (36000..38200).map(value).collect();
            let b = regrid(&regridder, &on(NativeGrid::Sdss { first: 36000 }, flux));
            let (mut sums, mut lsf) = ([0.0; 3], 0.0);
            for (j, f) in b.flux.row(0).iter().enumerate() {
                let (f, x) = (f64::from(*f), j as f64);
                sums = [sums[0] + f, sums[1] + f * x, sums[2] + f * x * x];
                lsf += f * f64::from(b.lsf[[0, j]]).powi(2);
            }
            let mean = sums[1] / sums[0];
            found += sums[2] / sums[0] - mean * mean;
            // A pixel's own width is in the data and in the model.
            said += lsf / sums[0] + 1.0 / 12.0;
        }
        assert!((found / said - 1.0).abs() < 5e-3, "{}", found / said);
    }
}
