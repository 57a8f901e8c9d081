//! Some consecutive spectra on the common grid.

use ndarray::{Array2, Axis};

/// Some consecutive spectra on the common grid, each array [n, D] but for the redshifts.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Normalised flux; exactly 0 where masked, never NaN.
    pub flux: Array2<f32>,
    /// Inverse variance of the normalised flux; 0 where masked.
    pub ivar: Array2<f32>,
    /// σ of the line-spread function in common-grid pixels; 0 where unknown.
    pub lsf: Array2<f32>,
    /// Redshifts, [n]; NaN where unknown.
    pub z: Vec<f64>,
}

impl Block {
    /// A block of `n` spectra of `pixels` pixels, all masked.
    #[must_use]
    pub fn masked(n: usize, pixels: usize) -> Self {
        let zeros = || Array2::zeros((n, pixels));
        Self {
            flux: zeros(),
            ivar: zeros(),
            lsf: zeros(),
            z: vec![f64::NAN; n],
        }
    }

    /// The spectra numbered `rows`, in that order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let pick = |a: &Array2<f32>| a.select(Axis(0), rows);
        Self {
            flux: pick(&self.flux),
            ivar: pick(&self.ivar),
            lsf: pick(&self.lsf),
            z: rows.iter().map(|i| self.z[*i]).collect(),
        }
    }

    /// Number of spectra.
    #[must_use]
    pub fn len(&self) -> usize {
        self.flux.nrows()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
