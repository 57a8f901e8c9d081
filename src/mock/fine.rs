//! The fine wavelength grid on which spectra are made before any pixel or instrument sees them.

use crate::data::LogGrid;

/// Step of SDSS's native grid in log10 wavelength; its pixel centres are integer multiples.
pub const NATIVE: f64 = 1e-4;
/// Fine pixels in a native one: 17 km/s each.
pub const OVERSAMPLING: usize = 4;
/// Step of the fine grid in log10 wavelength.
pub const STEP: f64 = NATIVE / OVERSAMPLING as f64;

/// Flux density in fine pixels of one spectrum. Fine pixel `n` has its *lower edge* at
/// log10 λ = (n − OVERSAMPLING/2)·STEP, so that each native pixel holds exactly OVERSAMPLING.
#[derive(Debug, Clone)]
pub struct Fine {
    /// Index of the first pixel.
    pub first: i64,
    /// 1e-17 erg/s/cm²/Å, one value per pixel.
    pub flux: Vec<f64>,
}

/// log10 wavelength at the centre of fine pixel `n`.
#[must_use]
pub fn loglam(n: i64) -> f64 {
    (n as f64 + 0.5 - OVERSAMPLING as f64 / 2.0) * STEP
}

/// The fine pixel that holds `loglam`.
#[must_use]
pub fn index(loglam: f64) -> i64 {
    (loglam / STEP + OVERSAMPLING as f64 / 2.0).floor() as i64
}

impl Fine {
    /// Mean flux in each pixel of `grid`, `[D]`; NaN in pixels that this spectrum does not cover.
    #[must_use]
    pub fn rebin(&self, grid: &LogGrid) -> Vec<f64> {
        let mut sum = Vec::with_capacity(self.flux.len() + 1);
        let mut total = 0.0;
        sum.push(total);
        for f in &self.flux {
            total += f;
            sum.push(total);
        }
        // ∫ flux d(fine pixel) from the spectrum's blue edge to `l`: piecewise linear in `l`.
        let upto = |l: f64| {
            let x = l / STEP + OVERSAMPLING as f64 / 2.0 - self.first as f64;
            let i = x.floor();
            // Rounding may put an edge that coincides with ours just outside.
            if !(-1e-6..=self.flux.len() as f64 + 1e-6).contains(&x) {
                return f64::NAN;
            }
            let i = (i.max(0.0) as usize).min(self.flux.len() - 1);
            sum[i] + (x - i as f64) * self.flux[i]
        };
        let edge = |i: usize| grid.loglam0 + (i as f64 - 0.5) * grid.dloglam;
        let width = grid.dloglam / STEP;
        (0..grid.pixels)
            .map(|i| (upto(edge(i + 1)) - upto(edge(i))) / width)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn a_native_pixel_is_the_mean_of_its_fine_pixels() {
        let m = 36_500;
        let fine = Fine {
            first: 4 * m,
            flux: vec![1.0, 2.0, 3.0, 6.0, 5.0, 5.0, 5.0, 5.0],
        };
        assert_relative_eq!(loglam(4 * m + 2), m as f64 * NATIVE + 0.5 * STEP);
        assert_eq!(index(m as f64 * NATIVE + 0.4 * STEP), 4 * m + 2);
        let native = LogGrid {
            loglam0: m as f64 * NATIVE,
            dloglam: NATIVE,
            pixels: 2,
            frame: crate::config::Frame::Observed,
        };
        let got = fine.rebin(&native);
        assert_relative_eq!(got[0], 3.0, max_relative = 1e-6);
        assert_relative_eq!(got[1], 5.0, max_relative = 1e-6);
    }

    #[test]
    fn rebinning_conserves_flux() {
        let fine = Fine {
            first: 140_000,
            flux: (0..1000)
                .map(|i| (f64::from(i) * 0.1).sin() + 2.0)
                .collect(),
        };
        let lower = loglam(140_000) - 0.5 * STEP;
        let grid = LogGrid {
            loglam0: lower + 0.5 * 1000.0 * STEP / 37.0,
            dloglam: 1000.0 * STEP / 37.0,
            pixels: 37,
            frame: crate::config::Frame::Observed,
        };
        let mean = grid.pixels as f64;
        let total: f64 = fine.rebin(&grid).iter().sum::<f64>() / mean;
        let expected = fine.flux.iter().sum::<f64>() / 1000.0;
        assert_relative_eq!(total, expected, max_relative = 1e-6);
    }
}
