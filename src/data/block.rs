//! Some consecutive spectra on the common grid.

use super::extras::Carried;
use super::row_block::RowBlock;
use ndarray::{Array2, ArrayView1};
use std::ops::Range;

/// The pixels from the first one with data to the last, of one spectrum's `ivar` `[D]`.
#[must_use]
pub(crate) fn own_range(ivar: ArrayView1<f32>) -> Range<usize> {
    let good = |v: &f32| *v > 0.0;
    let first = ivar.iter().position(good);
    let last = ivar.iter().rposition(good);
    first.zip(last).map_or(0..0, |(a, b)| a..b + 1)
}

/// Some consecutive spectra on the common grid, most arrays [n, D].
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Normalised flux; exactly 0 where masked, never NaN.
    pub flux: Array2<f32>,
    /// Inverse variance of the normalised flux; 0 where masked.
    pub ivar: Array2<f32>,
    /// σ of the line-spread function in common-grid pixels; 0 where unknown.
    pub lsf: Array2<f32>,
    /// The lines of the sky that was subtracted, normalised as the flux, [n, D]; [n, 0] where none come.
    pub sky: Array2<f32>,
    /// The resolution matrix by rows: entry j·K + m is R at row j and column j + m − (K − 1)/2, [n, D · K];
    /// K = 0 where none comes.
    pub resolution: Array2<f32>,
    /// What the flux was divided by, in the unit of the files, `[n]`.
    pub norm: Vec<f64>,
    /// Redshifts, `[n]`; NaN where unknown.
    pub z: Vec<f64>,
    /// Their standard deviations, `[n]`; NaN where unknown.
    pub z_err: Vec<f64>,
}

impl Block {
    /// A block of `n` spectra of `pixels` pixels, all masked.
    #[must_use]
    pub fn masked(n: usize, pixels: usize) -> Self {
        Self::carrying(n, pixels, Carried::default())
    }

    /// The same, of spectra that bring what `carried` says.
    #[must_use]
    pub fn carrying(n: usize, pixels: usize, carried: Carried) -> Self {
        let zeros = || Array2::zeros((n, pixels));
        Self {
            flux: zeros(),
            ivar: zeros(),
            lsf: zeros(),
            sky: Array2::zeros((n, if carried.sky { pixels } else { 0 })),
            resolution: Array2::zeros((n, pixels * carried.diagonals)),
            norm: vec![1.0; n],
            z: vec![f64::NAN; n],
            z_err: vec![f64::NAN; n],
        }
    }
}

impl RowBlock for Block {
    const PARTS: &'static [&'static str] = &["flux", "ivar", "lsf", "sky", "resolution"];
    const COLUMNS: &'static [&'static str] = &["norm", "z", "z_err"];

    fn parts(&self) -> Vec<&Array2<f32>> {
        vec![
            &self.flux,
            &self.ivar,
            &self.lsf,
            &self.sky,
            &self.resolution,
        ]
    }

    fn parts_mut(&mut self) -> Vec<&mut Array2<f32>> {
        let Self {
            flux,
            ivar,
            lsf,
            sky,
            resolution,
            ..
        } = self;
        vec![flux, ivar, lsf, sky, resolution]
    }

    fn columns(&self) -> Vec<&Vec<f64>> {
        vec![&self.norm, &self.z, &self.z_err]
    }

    fn columns_mut(&mut self) -> Vec<&mut Vec<f64>> {
        vec![&mut self.norm, &mut self.z, &mut self.z_err]
    }
}
