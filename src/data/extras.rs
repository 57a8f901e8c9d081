//! What a spectrum's file may hold besides flux, noise and line-spread function, for a channel that takes it.

/// Of one spectrum, on its native pixels; empty where the file has none or nobody asks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Extras {
    /// The sky that was subtracted, per Å as the flux, `[n]`; NaN where unknown.
    pub sky: Vec<f32>,
    /// The resolution matrix R by rows: entry i·K + m is R at row i and column i + m − (K − 1)/2, [n · K],
    /// K odd.
    pub resolution: Vec<f32>,
}

/// Which of it the spectra of a set bring.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Carried {
    /// The lines of the sky.
    pub sky: bool,
    /// Diagonals K of the resolution matrix, odd; 0: none comes.
    pub diagonals: usize,
}

impl Extras {
    /// The rows of a matrix that is given by its `k` diagonals [k, n], the upper one first, each element under
    /// the number of its column, as DESI writes it (`scipy.sparse.dia_matrix`). Elements beyond the ends are 0,
    /// as are those that are not finite.
    #[must_use]
    pub fn rows_of_diagonals(diagonals: &[f32], k: usize) -> Vec<f32> {
        let n = diagonals.len() / k.max(1);
        let half = k / 2;
        let element = |i: usize, m: usize| {
            let column = (i + m).checked_sub(half).filter(|c| *c < n)?;
            let value = diagonals[(2 * half - m) * n + column];
            value.is_finite().then_some(value)
        };
        (0..n * k)
            .map(|at| element(at / k, at % k).unwrap_or(0.0))
            .collect()
    }
}
