//! Lines of one object measured on each of its restorations: values and uncertainties.

use super::{LINES, Measurement, measure};
use crate::base::statistics::{median, standard_deviation};
use ndarray::ArrayView2;

/// A measured value and its uncertainty (1 σ); NaN where it is not known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantity {
    /// Median over the draws.
    pub value: f64,
    /// Their standard deviation.
    pub error: f64,
}

/// One line of one object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Peak above the local continuum, in the flux's unit.
    pub peak: Quantity,
    /// Vacuum, observed frame, Å.
    pub centroid: Quantity,
    /// Equivalent width, rest frame, Å, positive for emission.
    pub width: Quantity,
}

/// The lines of one object, in the order of [`LINES`].
pub type MeasuredLines = [Measured; LINES.len()];

const UNKNOWN: Quantity = Quantity {
    value: f64::NAN,
    error: f64::NAN,
};

/// Of an object none of whose lines was measured.
pub const NO_LINES: MeasuredLines = [Measured {
    peak: UNKNOWN,
    centroid: UNKNOWN,
    width: UNKNOWN,
}; LINES.len()];

impl Measured {
    /// Peak, centroid and equivalent width.
    #[must_use]
    pub fn quantities(&self) -> [Quantity; 3] {
        [self.peak, self.centroid, self.width]
    }
}

/// Measures the lines on every one of `draws` [draws, D], restorations of one object at redshift `z`
/// on `wavelength` `[D]` (observed, Å, evenly spaced in log). The value is the median over the draws,
/// which one draw with a vanishing continuum does not move; the uncertainty is their standard
/// deviation, NaN of a single restoration. A quantity that fewer than half of the draws have is NaN.
#[must_use]
pub fn over_draws(wavelength: &[f64], draws: ArrayView2<f32>, z: f64) -> MeasuredLines {
    let each: Vec<[Measurement; LINES.len()]> = draws
        .rows()
        .into_iter()
        .map(|draw| measure(wavelength, draw, z))
        .collect();
    std::array::from_fn(|line| {
        let over = |of: &dyn Fn(&Measurement) -> f64| quantity(each.iter().map(|m| of(&m[line])));
        Measured {
            peak: over(&|m| m.height),
            centroid: over(&|m| m.centroid * (1.0 + z)),
            width: over(&|m| m.width),
        }
    })
}

fn quantity(values: impl Iterator<Item = f64>) -> Quantity {
    let values: Vec<f64> = values.collect();
    let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    if 2 * finite.len() < values.len() {
        return UNKNOWN;
    }
    Quantity {
        value: median(finite.iter().copied()),
        error: standard_deviation(finite.iter().copied()),
    }
}
