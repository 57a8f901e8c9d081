//! Redshifts in bins, within which spectra count as shifted alike.

use super::rest_grid::RestGrid;
use std::ops::Range;

/// Consecutive shifts of a rest-frame grid, so many to a bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bins {
    step: usize,
    shifts: usize,
    pixels: usize,
}

impl Bins {
    /// Of at most `most` bins, each no wider than the part `part` of a blur of σ `blur` pixels, unless
    /// that is less than a pixel.
    pub fn new(grid: &RestGrid, blur: f64, part: f64, most: usize) -> Self {
        let fine = (blur * part).floor().max(1.0) as usize;
        Self {
            step: fine.max(grid.shifts.div_ceil(most)),
            shifts: grid.shifts,
            pixels: grid.pixels,
        }
    }

    pub fn len(&self) -> usize {
        self.shifts.div_ceil(self.step)
    }

    /// Shifts to a bin.
    pub fn step(&self) -> usize {
        self.step
    }

    /// The bin of a shift.
    pub fn of(&self, shift: usize) -> usize {
        shift / self.step
    }

    /// The pixels of the grid that a spectrum of bin `b` shows.
    pub fn window(&self, b: usize) -> Range<usize> {
        let first = (b * self.step + self.step / 2).min(self.shifts - 1);
        first..first + self.pixels
    }
}
