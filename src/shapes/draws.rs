//! Shapes of objects measured on each of their restorations: values and uncertainties.

use super::{QUANTITIES, measure};
use crate::base::statistics::{median, standard_deviation};
use ndarray::{Array2, ArrayView2, Axis, ShapeError, concatenate};

/// The quantities of one channel of one object: the median over the draws and their standard deviation, NaN
/// where it is not known.
pub type Measured = [[f64; 2]; QUANTITIES.len()];

/// Measured on every one of `draws` [draws, H · W]. A quantity that fewer than half of the draws have is NaN.
#[must_use]
pub fn over_draws(draws: ArrayView2<f32>, plane: [usize; 2]) -> Measured {
    let each: Vec<[f64; QUANTITIES.len()]> = draws
        .rows()
        .into_iter()
        .map(|draw| measure(&draw.to_vec(), plane))
        .collect();
    std::array::from_fn(|k| {
        let finite = each.iter().map(|m| m[k]).filter(|v| v.is_finite());
        if 2 * finite.clone().count() < each.len().max(1) {
            return [f64::NAN; 2];
        }
        [median(finite.clone()), standard_deviation(finite)]
    })
}

/// The columns of a table: every quantity of every channel, and its error.
#[derive(Debug, Clone, PartialEq)]
pub struct ShapeTable {
    /// In the order of [`QUANTITIES`], [N, C] each.
    pub values: Vec<Array2<f32>>,
    /// Their errors.
    pub errors: Vec<Array2<f32>>,
}

impl ShapeTable {
    /// A table of `n` rows of `channels` that are not measured.
    #[must_use]
    pub fn unknown(n: usize, channels: usize) -> Self {
        let one = || vec![Array2::from_elem((n, channels), f32::NAN); QUANTITIES.len()];
        Self {
            values: one(),
            errors: one(),
        }
    }

    /// Puts what was measured of channel `c` of row `i`.
    pub fn set(&mut self, [i, c]: [usize; 2], measured: &Measured) {
        for (k, [value, error]) in measured.iter().enumerate() {
            self.values[k][[i, c]] = *value as f32;
            self.errors[k][[i, c]] = *error as f32;
        }
    }

    /// The columns with their names, each value before its error.
    #[must_use]
    pub fn columns(&self) -> Vec<(&'static str, &Array2<f32>)> {
        let both = self.values.iter().zip(&self.errors).zip(QUANTITIES);
        both.flat_map(|((value, error), (name, of_error))| [(name, value), (of_error, error)])
            .collect()
    }

    /// `tables`, one below the other.
    ///
    /// # Errors
    /// That they have different numbers of channels.
    pub fn joined(tables: &[&Self]) -> Result<Self, ShapeError> {
        let join = |part: &dyn Fn(&Self) -> &Vec<Array2<f32>>| {
            (0..QUANTITIES.len())
                .map(|k| {
                    let views: Vec<_> = tables.iter().map(|t| part(t)[k].view()).collect();
                    concatenate(Axis(0), &views)
                })
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            values: join(&|t| &t.values)?,
            errors: join(&|t| &t.errors)?,
        })
    }
}
