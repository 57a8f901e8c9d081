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

    /// Redshifts, `[n]`, where rows of this kind have them.
    fn redshifts(&self) -> Option<&[f64]>;

    /// As [`RowBlock::redshifts`], to be filled.
    fn redshifts_mut(&mut self) -> Option<&mut Vec<f64>>;

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
        if let Some(z) = chosen.redshifts_mut() {
            *z = rows.iter().map(|i| z[*i]).collect();
        }
        chosen
    }

    /// Puts all the rows of `others` in the place of those from `start` on.
    fn put(&mut self, start: usize, others: &Self) {
        let rows = start..start + others.len();
        for (to, from) in self.parts_mut().into_iter().zip(others.parts()) {
            to.slice_mut(s![rows.clone(), ..]).assign(from);
        }
        if let (Some(to), Some(from)) = (self.redshifts_mut(), others.redshifts()) {
            to[rows].copy_from_slice(from);
        }
    }
}
