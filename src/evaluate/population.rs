//! Errors pixel by pixel, and what a population must keep: its scatter.

use crate::base::statistics::{median, standard_deviation};
use crate::lines::LYMAN_ALPHA;
use ndarray::{ArrayView2, Zip};

/// Fewest objects for a standard deviation at a pixel.
const OBJECTS_MIN: usize = 20;

/// A part of the spectrum in the rest frame of the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Band {
    /// Blueward of Lyman α: the forest.
    Forest,
    /// Redward of it.
    Red,
}

impl Band {
    /// Whether `wavelength` (Å, in the frame that `z` is against) lies in this band of an object at redshift
    /// `z`; never where the redshift is unknown.
    #[must_use]
    pub fn holds(self, wavelength: f64, z: f64) -> bool {
        let rest = wavelength / (1.0 + z);
        match self {
            Self::Forest => rest < LYMAN_ALPHA,
            Self::Red => rest >= LYMAN_ALPHA,
        }
    }
}

/// Root-mean-square difference over the pixels of `a` and `b`, both [N, D], where `b` is not NaN.
#[must_use]
pub fn rmse(a: ArrayView2<f32>, b: ArrayView2<f32>) -> f64 {
    mean_of(a, b, |d| d.powi(2)).sqrt()
}

fn mean_of(a: ArrayView2<f32>, b: ArrayView2<f32>, f: impl Fn(f64) -> f64) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    Zip::from(a).and(b).for_each(|a, b| {
        if !b.is_nan() {
            sum += f(f64::from(a - b));
            n += 1.0;
        }
    });
    sum / n
}

/// Mean absolute difference over the pixels of `a` and `b`, both [N, D], where `b` is not NaN: the CRPS of
/// point estimates.
#[must_use]
pub fn mae(a: ArrayView2<f32>, b: ArrayView2<f32>) -> f64 {
    mean_of(a, b, f64::abs)
}

/// [`rmse`] over one band; NaN if no pixel lies in it. `wavelength` `[D]` in Å, in the frame that `z` `[N]`
/// is against.
#[must_use]
pub fn band_rmse(
    a: ArrayView2<f32>,
    b: ArrayView2<f32>,
    wavelength: &[f64],
    z: &[f64],
    band: Band,
) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for ((ra, rb), z) in a.rows().into_iter().zip(b.rows()).zip(z) {
        let inside = |j: &usize| !rb[*j].is_nan() && band.holds(wavelength[*j], *z);
        for j in (0..wavelength.len()).filter(inside) {
            sum += f64::from(ra[j] - rb[j]).powi(2);
            n += 1.0;
        }
    }
    (sum / n).sqrt()
}

/// Median over the pixels of one band of the standard deviation over the objects, of `a` divided
/// by `b`'s: 1 for a restoration that keeps the population's diversity, less for one that is too
/// smooth. A pixel counts with the objects that have it in this band, if there are 20 or more; where `b` is
/// NaN they do not.
#[must_use]
pub fn scatter_ratio(
    a: ArrayView2<f32>,
    b: ArrayView2<f32>,
    wavelength: &[f64],
    z: &[f64],
    band: Band,
) -> f64 {
    median((0..wavelength.len()).filter_map(|j| {
        let rows: Vec<usize> = (0..z.len())
            .filter(|i| !b[[*i, j]].is_nan() && band.holds(wavelength[j], z[*i]))
            .collect();
        if rows.len() < OBJECTS_MIN {
            return None;
        }
        let deviation =
            |x: ArrayView2<f32>| standard_deviation(rows.iter().map(|i| f64::from(x[[*i, j]])));
        Some(deviation(a) / deviation(b))
    }))
}
