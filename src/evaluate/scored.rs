//! What is scored: observations with their truth; on a grid of the rest frame each object shows a part of it.

use ndarray::Array2;
use std::borrow::Cow;
use std::ops::Range;

/// The spectra that are scored, none of them seen by training; arrays [N, D] of normalised flux.
#[derive(Debug, Clone)]
pub struct Scored {
    /// Of the grid, Å, `[D]`.
    pub wavelength: Vec<f64>,
    /// On a grid of the rest frame.
    pub at_rest: Option<AtRest>,
    /// Redshifts `[N]`; NaN where unknown.
    pub z: Vec<f64>,
    /// The observations.
    pub flux: Array2<f32>,
    /// 0 where masked.
    pub ivar: Array2<f32>,
    /// The clean spectra.
    pub truth: Array2<f32>,
    /// The same before any absorption, where they are known.
    pub continuum: Option<Array2<f32>>,
}

/// Where scored objects were observed.
#[derive(Debug, Clone)]
pub struct AtRest {
    /// [`Object::z_grid`](crate::data::Object) of each, `[N]`.
    pub z_grid: Vec<f64>,
    /// Pixels of each, from the first good one to the last, `[N]`.
    pub own: Vec<Range<usize>>,
}

impl Scored {
    /// The redshifts of the objects against the grid, `[N]`.
    pub(super) fn z_on_grid(&self) -> Vec<f64> {
        let moved = self.z_grid();
        let pairs = self.z.iter().zip(&moved);
        pairs
            .map(|(z, moved)| (1.0 + z) / (1.0 + moved) - 1.0)
            .collect()
    }

    /// By which each was moved to the grid, `[N]`.
    pub(super) fn z_grid(&self) -> Vec<f64> {
        match &self.at_rest {
            Some(rest) => rest.z_grid.clone(),
            None => vec![0.0; self.z.len()],
        }
    }

    /// Where pixel by pixel object `i` was observed, Å.
    pub(super) fn observed(&self, i: usize) -> Vec<f64> {
        let stretch = 1.0 + self.at_rest.as_ref().map_or(0.0, |r| r.z_grid[i]);
        self.wavelength.iter().map(|w| w * stretch).collect()
    }

    /// `x` `[N, D]` with NaN beyond each object's own pixels, which is not scored.
    pub(super) fn own<'a>(&self, x: &'a Array2<f32>) -> Cow<'a, Array2<f32>> {
        self.beyond(x, |_, _| f32::NAN)
    }

    /// `x` `[N, D]` with the truth beyond each object's own pixels: no error is made there.
    pub(super) fn completed<'a>(&self, x: &'a Array2<f32>) -> Cow<'a, Array2<f32>> {
        self.beyond(x, |i, j| self.truth[[i, j]])
    }

    fn beyond<'a>(
        &self,
        x: &'a Array2<f32>,
        value: impl Fn(usize, usize) -> f32,
    ) -> Cow<'a, Array2<f32>> {
        let Some(rest) = &self.at_rest else {
            return Cow::Borrowed(x);
        };
        let mut out = x.clone();
        for ((i, j), v) in out.indexed_iter_mut() {
            if !rest.own[i].contains(&j) {
                *v = value(i, j);
            }
        }
        Cow::Owned(out)
    }
}
