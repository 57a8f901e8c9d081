//! Errors relative to the unabsorbed continuum, as those who predict continua publish them.

use crate::base::statistics::quantile;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// Rest-frame windows, Å: the forest between the wings of Lyβ and Lyα, and the red side without
/// Lyα, N V and C IV.
pub const WINDOWS: [(f64, f64); 2] = [(1040.0, 1200.0), (1280.0, 1500.0)];

/// Errors in one window. An object's is the mean over its pixels there of |restored − truth| over the
/// continuum (emission lines included) that the truth has before absorption.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ContinuumErrors {
    /// Rest frame, Å.
    pub window: (f64, f64),
    /// Objects with pixels in the window.
    pub n: usize,
    /// So large is the error of half of the objects at most; NaN of no objects.
    #[serde(with = "super::json_nan")]
    pub median: f64,
    /// Of 68 % of them.
    #[serde(with = "super::json_nan")]
    pub p68: f64,
    /// Of 95 % of them.
    #[serde(with = "super::json_nan")]
    pub p95: f64,
}

/// Of restored, true and unabsorbed spectra, each [N, D] in the same unit, on `wavelength` `[D]` (Å, in
/// the frame that the redshifts `z` `[N]` are against), in each of [`WINDOWS`]. Pixels whose truth is NaN do
/// not count.
#[must_use]
pub fn continuum_errors(
    [restored, truth, continuum]: [ArrayView2<f32>; 3],
    wavelength: &[f64],
    z: &[f64],
) -> Vec<ContinuumErrors> {
    let of = |window: (f64, f64)| {
        let object = |i: usize| {
            let rest = |j: &usize| wavelength[*j] / (1.0 + z[i]);
            let inside = |j: &usize| {
                let known = continuum[[i, *j]] > 0.0 && !truth[[i, *j]].is_nan();
                (window.0..window.1).contains(&rest(j)) && known
            };
            let errors = (0..wavelength.len()).filter(inside).map(|j| {
                let error = f64::from(restored[[i, j]]) - f64::from(truth[[i, j]]);
                error.abs() / f64::from(continuum[[i, j]])
            });
            let (sum, n) = errors.fold((0.0, 0.0), |(sum, n), e| (sum + e, n + 1.0));
            (n > 0.0).then_some(sum / n)
        };
        let errors: Vec<f64> = (0..z.len()).filter_map(object).collect();
        let [median, p68, p95] = [0.5, 0.68, 0.95].map(|p| quantile(&errors, p));
        ContinuumErrors {
            window,
            n: errors.len(),
            median,
            p68,
            p95,
        }
    };
    WINDOWS.map(of).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn an_error_is_a_part_of_the_continuum_in_the_window_of_the_rest_frame() {
        // At z = 1: 1100 and 1390 Å are inside, 1250 Å is in neither window; no redshift, no window.
        let wavelength = [2200.0, 2500.0, 2780.0];
        let z = [1.0, 1.0, 1.0, f64::NAN];
        let truth = Array2::<f32>::ones((4, 3));
        let continuum = Array2::from_elem((4, 3), 2f32);
        let restored = array![
            [1.2f32, 9.0, 1.0],
            [0.6, 9.0, 1.0],
            [1.6, 9.0, 1.0],
            [9.0, 9.0, 9.0]
        ];
        let found = continuum_errors(
            [restored.view(), truth.view(), continuum.view()],
            &wavelength,
            &z,
        );
        assert_eq!((found[0].n, found[1].n), (3, 3));
        assert!((found[0].median - 0.2).abs() < 1e-6 && found[0].p95 > 0.28);
        assert_eq!((found[1].median, found[1].p95), (0.0, 0.0));
        let none = continuum_errors(
            [restored.view(), truth.view(), continuum.view()],
            &wavelength,
            &[f64::NAN; 4],
        );
        assert!(none[0].n == 0 && none[0].median.is_nan());
    }
}
