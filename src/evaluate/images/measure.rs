//! One row of the table: a set of restorations against the truth of the same images.

use super::fid::{Features, frechet_distance};
use super::lpips::Lpips;
use super::psnr::DataRange;
use super::psnr::mean_square_errors;
use super::result::{ImageKind, ImageRow, Statistic};
use super::shape_errors::TrueShapes;
use super::{psnr, ssim};
use crate::Result;
use crate::config::ImageConfig;
use crate::evaluate::sliced::{Slices, population_distance};
use ndarray::{Array2, ArrayView2};

/// What restorations are measured against.
#[derive(Debug)]
pub struct Reference<'a> {
    /// Clean images [N, D].
    pub truth: ArrayView2<'a, f32>,
    /// [C, H, W] of every image.
    pub shape: ImageConfig,
    /// The values between which the clean images lie.
    pub range: DataRange,
    /// The network of LPIPS, where the user gives one.
    pub lpips: Option<&'a Lpips>,
    /// The network, and its features of the clean images.
    pub fid: Option<(&'a Features, Array2<f64>)>,
    /// Shapes of the truth, where shapes are measured.
    pub shapes: Option<TrueShapes>,
    /// Of the directions of the sliced Wasserstein distance.
    pub seed: u64,
}

impl Reference<'_> {
    /// Measures `restored` [N, D], in the truth's unit and order.
    ///
    /// # Errors
    /// [`Error::Input`](crate::Error::Input) if a network does not take such images.
    pub fn row(
        &self,
        name: String,
        kind: ImageKind,
        restored: ArrayView2<f32>,
    ) -> Result<ImageRow> {
        let (truth, shape, range) = (self.truth, self.shape, self.range);
        let errors = mean_square_errors(restored, truth);
        let rmse: Vec<f64> = errors.iter().map(|mse| mse.sqrt()).collect();
        let distance = population_distance(restored, truth, Slices::Whole, self.seed);
        let lpips = match self.lpips {
            Some(net) => Some(Statistic::of(
                &net.distances(restored, truth, shape, range)?,
            )),
            None => None,
        };
        let fid = match &self.fid {
            Some((net, clean)) => {
                let features = net.of(restored, shape, range)?;
                Some(frechet_distance(features.view(), clean.view()))
            }
            None => None,
        };
        Ok(ImageRow {
            name,
            kind,
            rmse: Statistic::of(&rmse),
            psnr: Statistic::of(&psnr(restored, truth, range)),
            ssim: Statistic::of(&ssim(restored, truth, shape, range)),
            distance: distance.root(),
            distance_error: distance.root_error(),
            lpips,
            fid,
            shapes: self.shapes.as_ref().map(|s| s.errors(restored)),
        })
    }
}
