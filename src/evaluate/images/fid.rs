//! Fréchet distance of two populations of images in the features of a trained network (Heusel et
//! al. 2017), where both are taken for Gaussians.

use super::network::Network;
use super::psnr::DataRange;
use crate::Result;
use crate::config::ImageConfig;
use crate::population::eigen;
use crate::population::linalg::recompose;
use ndarray::{Array1, Array2, ArrayView2, Axis};
use std::path::Path;

const EXPECTED: &str =
    "a TorchScript module that turns images [N, C, H, W] in 0..1 into features [N, F]";

/// The user's network.
#[derive(Debug)]
pub struct Features(Network);

impl Features {
    /// # Errors
    /// [`Error::Input`](crate::Error::Input) if `path` is no TorchScript file.
    pub fn load(path: &Path) -> Result<Self> {
        Ok(Self(Network::load(path, EXPECTED)?))
    }

    /// Features [N, F] of images [N, D]; `range` becomes 0..1.
    ///
    /// # Errors
    /// [`Error::Input`](crate::Error::Input) if the network does not take such images or answers
    /// otherwise.
    pub fn of(
        &self,
        images: ArrayView2<f32>,
        shape: ImageConfig,
        range: DataRange,
    ) -> Result<Array2<f64>> {
        self.0.run(&[images], shape, range, [0.0, 1.0])
    }
}

/// |μ₁ − μ₂|² + Tr(C₁ + C₂ − 2 (C₁ C₂)^½) of the sample means and covariances (over n − 1) of `a`
/// [N, F] and `b` [M, F]. Biased upwards by a finite sample; NaN with fewer than two rows in either.
///
/// (C₁ C₂)^½ has the trace of (C₁^½ C₂ C₁^½)^½, which is symmetric and needs no complex numbers.
#[must_use]
pub fn frechet_distance(a: ArrayView2<f64>, b: ArrayView2<f64>) -> f64 {
    let (Some((ma, ca)), Some((mb, cb))) = (gaussian(a), gaussian(b)) else {
        return f64::NAN;
    };
    let (values, vectors) = eigen(&ca);
    let root = recompose(&vectors, &roots(&values));
    let (products, _) = eigen(&root.dot(&cb).dot(&root));
    let cross = roots(&products).sum();
    let shift = &ma - &mb;
    shift.dot(&shift) + ca.diag().sum() + cb.diag().sum() - 2.0 * cross
}

/// Roots of falling eigenvalues; those that are 0 up to rounding, whose root would not be small,
/// are 0.
fn roots(values: &Array1<f64>) -> Array1<f64> {
    let largest = values.first().copied().unwrap_or(0.0);
    let rounding = f64::EPSILON * values.len() as f64 * largest;
    values.mapv(|v| if v > rounding { v.sqrt() } else { 0.0 })
}

/// Sample mean [F] and covariance [F, F] of finite features.
fn gaussian(x: ArrayView2<f64>) -> Option<(Array1<f64>, Array2<f64>)> {
    if x.nrows() < 2 || x.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let mean = x.mean_axis(Axis(0))?;
    let centred = &x - &mean;
    let covariance = centred.t().dot(&centred) / (x.nrows() - 1) as f64;
    Some((mean, covariance))
}
