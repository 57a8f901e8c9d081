//! What blocks of spectra and blocks of images have in common: rows of numbers that belong together.

use ndarray::{Array2, Axis, s};

/// Some consecutive rows of a set. Row i of every part belongs to the i-th object.
pub trait RowBlock: Clone + Send {
    /// Names of the parts in a file, in the order of [`RowBlock::parts`].
    const PARTS: &'static [&'static str];

    /// The parts, [n, width of the part] each; the first is the data themselves.
    fn parts(&self) -> Vec<&Array2<f32>>;

    /// As [`RowBlock::parts`], to be filled.
    fn parts_mut(&mut self) -> Vec<&mut Array2<f32>>;

    /// Names in a file of the numbers that each row has besides, in the order of [`RowBlock::columns`].
    const COLUMNS: &'static [&'static str];

    /// Such numbers, `[n]` each: levels, redshifts and their errors.
    fn columns(&self) -> Vec<&Vec<f64>>;

    /// As [`RowBlock::columns`], to be filled.
    fn columns_mut(&mut self) -> Vec<&mut Vec<f64>>;

    /// Number of rows.
    fn len(&self) -> usize {
        self.parts()[0].nrows()
    }

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows numbered `rows`, in that order.
    #[must_use]
    fn select(&self, rows: &[usize]) -> Self {
        let mut chosen = self.clone();
        for part in chosen.parts_mut() {
            *part = part.select(Axis(0), rows);
        }
        for column in chosen.columns_mut() {
            *column = rows.iter().map(|i| column[*i]).collect();
        }
        chosen
    }

    /// Puts all the rows of `others` in the place of those from `start` on.
    fn put(&mut self, start: usize, others: &Self) {
        let rows = start..start + others.len();
        for (to, from) in self.parts_mut().into_iter().zip(others.parts()) {
            to.slice_mut(s![rows.clone(), ..]).assign(from);
        }
        for (to, from) in self.columns_mut().into_iter().zip(others.columns()) {
            to[rows.clone()].copy_from_slice(from);
        }
    }
}
