//! How a population's mean goes with redshift.

use super::rest_grid::RestGrid;
use crate::Result;
use crate::data::{Block, RowBlock};
use ndarray::{Array1, Array2, s};

/// What the mean changes by with the redshift of an object, at one rest wavelength: t d, t = ln(1 + z) less the
/// survey's mean, within the range of t of the objects that show the pixel.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// d, `[L]`.
    pub slope: Array1<f64>,
    /// Least and largest t of the objects that show a pixel, `[L]`; 0 where none does.
    pub range: [Array1<f64>; 2],
    /// Mean of ln(1 + z).
    pub centre: f64,
    /// Variance of t.
    pub spread: f64,
}

impl Drift {
    /// None yet, over the redshifts of `rows` on `grid`.
    ///
    /// # Errors
    /// The first of `rows`.
    pub(super) fn none(rows: impl Iterator<Item = Result<Block>>, grid: &RestGrid) -> Result<Self> {
        let l = grid.len();
        let mut range = [f64::INFINITY, f64::NEG_INFINITY].map(|v| Array1::from_elem(l, v));
        let (mut n, mut sum, mut square) = (0.0f64, 0.0, 0.0);
        for block in rows {
            let block = block?;
            for i in 0..block.len() {
                let (Some(k), t) = (grid.shift(block.z[i]), block.z[i].ln_1p()) else {
                    continue;
                };
                n += 1.0;
                sum += t;
                square += t * t;
                for j in (0..grid.pixels).filter(|j| block.ivar[[i, *j]] > 0.0) {
                    range[0][j + k] = range[0][j + k].min(t);
                    range[1][j + k] = range[1][j + k].max(t);
                }
            }
        }
        let centre = sum / n.max(1.0);
        Ok(Self {
            slope: Array1::zeros(l),
            range: range.map(|r| r.mapv(|t| if t.is_finite() { t - centre } else { 0.0 })),
            centre,
            spread: (square / n.max(1.0) - centre * centre).max(0.0),
        })
    }

    /// t of an object at redshift `z`.
    #[must_use]
    pub fn of(&self, z: f64) -> f64 {
        z.ln_1p() - self.centre
    }

    /// What it adds to the mean of an object at redshift `z`, at the `pixels` from `from` on.
    #[must_use]
    pub fn at(&self, z: f64, from: usize, pixels: usize) -> Array1<f64> {
        let t = self.of(z);
        let window = s![from..from + pixels];
        let [low, high] = [0, 1].map(|k| self.range[k].slice(window));
        let within = low.iter().zip(high).map(|(low, high)| t.clamp(*low, *high));
        within.collect::<Array1<f64>>() * self.slope.slice(window)
    }

    /// As rows for a file, `[3, L + 2]`: d with centre and spread, and the ranges.
    #[must_use]
    pub fn stored(&self) -> Array2<f64> {
        let l = self.slope.len();
        let mut rows = Array2::zeros((3, l + 2));
        rows.slice_mut(s![0, ..l]).assign(&self.slope);
        rows.slice_mut(s![1, ..l]).assign(&self.range[0]);
        rows.slice_mut(s![2, ..l]).assign(&self.range[1]);
        rows[[0, l]] = self.centre;
        rows[[0, l + 1]] = self.spread;
        rows
    }

    /// What [`Drift::stored`] gave; `None` of what it cannot have given.
    #[must_use]
    pub fn from_stored(rows: &Array2<f64>) -> Option<Self> {
        let l = rows.ncols().checked_sub(2).filter(|_| rows.nrows() == 3)?;
        let row = |k: usize| rows.slice(s![k, ..l]).to_owned();
        let ordered = (0..l).all(|e| rows[[1, e]] <= rows[[2, e]]);
        ordered.then(|| Self {
            slope: row(0),
            range: [row(1), row(2)],
            centre: rows[[0, l]],
            spread: rows[[0, l + 1]],
        })
    }
}
