//! The common grid of ln λ_rest that spectra at known redshifts are shifted to.

use crate::data::LogGrid;
use ndarray::{Array2, ArrayView2, s};

/// Pixel j of a spectrum at ln(1 + z) = l lies at pixel j + k of this grid, k the whole number next
/// to (l_max − l)/Δ ln λ. Spectra that are on a grid of the rest frame already are not shifted: k = 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RestGrid {
    /// ln λ_rest (Å) of the first pixel: of the first observed one at the largest redshift.
    first: f64,
    dln: f64,
    /// l_max.
    furthest: f64,
    /// D, pixels of a spectrum.
    pub pixels: usize,
    /// How many values k takes.
    pub shifts: usize,
    /// Whether the spectra are in the rest frame already.
    rest: bool,
}

impl RestGrid {
    /// For spectra on `grid` at redshifts `z`, unknown ones (NaN) left out; `None` if all are.
    #[must_use]
    pub fn new(grid: &LogGrid, z: impl Iterator<Item = f64>) -> Option<Self> {
        let known = z.filter(|z| *z > -1.0 && z.is_finite()).map(f64::ln_1p);
        let (least, furthest) = known.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), l| {
            (a.min(l), b.max(l))
        });
        if least > furthest {
            return None;
        }
        if grid.is_rest() {
            return Some(Self::over(grid, 0.0, 1));
        }
        let shifts = ((furthest - least) / grid.dln()).round() as usize + 1;
        Some(Self::over(grid, furthest, shifts))
    }

    /// For spectra on `grid` whose ln(1 + z) reach from `furthest` down over so many `shifts`.
    #[must_use]
    pub fn over(grid: &LogGrid, furthest: f64, shifts: usize) -> Self {
        Self {
            first: grid.loglam0 * std::f64::consts::LN_10 - furthest,
            dln: grid.dln(),
            furthest,
            pixels: grid.pixels,
            shifts,
            rest: grid.is_rest(),
        }
    }

    /// L = D + shifts − 1, its pixels.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pixels + self.shifts - 1
    }

    /// Whether the spectra are in the rest frame already.
    #[must_use]
    pub fn is_rest(&self) -> bool {
        self.rest
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The grid of spectra that are not shifted: a single k = 0.
    #[must_use]
    pub(super) fn unshifted(&self) -> Self {
        Self { shifts: 1, ..*self }
    }

    /// ln λ_rest of pixel `e`.
    #[must_use]
    pub fn ln(&self, e: usize) -> f64 {
        self.first + e as f64 * self.dln
    }

    /// ln(1 + z) of a spectrum at k = 0.
    #[must_use]
    pub fn furthest(&self) -> f64 {
        self.furthest
    }

    /// Width of a pixel in ln λ.
    #[must_use]
    pub fn dln(&self) -> f64 {
        self.dln
    }

    /// k of a spectrum at redshift `z`; `None` where that is unknown or beyond the grid.
    #[must_use]
    pub fn shift(&self, z: f64) -> Option<usize> {
        if self.rest {
            return (z > -1.0 && z.is_finite()).then_some(0);
        }
        let k = ((self.furthest - z.ln_1p()) / self.dln).round();
        (k >= 0.0 && k < self.shifts as f64).then_some(k as usize)
    }

    /// Rows of `x` `[n, D]` at the `shifts` k of each, `[n, L]`, `beyond` where a row has no pixel.
    #[must_use]
    pub fn placed(&self, x: ArrayView2<f32>, shifts: &[usize], beyond: f32) -> Array2<f32> {
        let mut out = Array2::from_elem((x.nrows(), self.len()), beyond);
        for ((mut to, from), k) in out.rows_mut().into_iter().zip(x.rows()).zip(shifts) {
            to.slice_mut(s![*k..k + self.pixels]).assign(&from);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GridConfig;
    use ndarray::array;

    #[test]
    fn a_line_is_at_the_same_rest_pixel_at_any_redshift() {
        let grid = LogGrid::new(&GridConfig::default());
        let rest = RestGrid::new(&grid, [2.7, f64::NAN, 3.3].into_iter()).unwrap();
        assert!(rest.shift(f64::NAN).is_none() && rest.shift(2.0).is_none());
        assert_eq!(
            (rest.shift(3.3), rest.shift(2.7)),
            (Some(0), Some(rest.shifts - 1))
        );
        let ln = grid.loglam0 * std::f64::consts::LN_10;
        for z in [2.7f64, 2.9173, 3.1, 3.3] {
            let k = rest.shift(z).unwrap();
            for j in [0, 700] {
                let true_rest = ln + j as f64 * grid.dln() - z.ln_1p();
                assert!((rest.ln(j + k) - true_rest).abs() <= 0.5001 * grid.dln());
            }
        }
    }

    #[test]
    fn rows_are_placed_at_their_shifts() {
        let grid = LogGrid::new(&GridConfig {
            pixels: 2,
            ..GridConfig::default()
        });
        let z = [0.0, 2.0 * grid.dln()].map(f64::exp_m1);
        let rest = RestGrid::new(&grid, z.into_iter()).unwrap();
        let shifts = z.map(|z| rest.shift(z).unwrap());
        let x = array![[1.0f32, 2.0], [3.0, 4.0]];
        let placed = rest.placed(x.view(), &shifts, -1.0);
        assert_eq!(
            placed,
            array![[-1.0, -1.0, 1.0, 2.0], [3.0, 4.0, -1.0, -1.0]]
        );
    }
}
