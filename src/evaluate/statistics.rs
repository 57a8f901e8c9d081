//! Errors over a population.

use crate::base::statistics::median;
use serde::{Deserialize, Serialize};

/// Errors of a quantity over a population, the unmeasurable ones (NaN) left out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Errors {
    /// How many pairs were measurable.
    pub n: usize,
    /// Median of |restored − truth|.
    #[serde(with = "super::json_nan")]
    pub absolute: f64,
    /// Median of restored − truth.
    #[serde(with = "super::json_nan")]
    pub bias: f64,
}

impl Errors {
    /// From differences restored − truth.
    #[must_use]
    pub fn of(differences: &[f64]) -> Self {
        let finite = || differences.iter().copied().filter(|d| d.is_finite());
        Self {
            n: finite().count(),
            absolute: median(finite().map(f64::abs)),
            bias: median(finite()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wild_value_moves_nothing_and_nan_is_left_out() {
        let e = Errors::of(&[0.1, -0.1, 0.1, f64::NAN, 1e9]);
        assert_eq!(e.n, 4);
        assert!((e.absolute - 0.1).abs() < 1e-12 && (e.bias - 0.1).abs() < 1e-12);
        assert!(Errors::of(&[f64::NAN]).absolute.is_nan());
    }
}
