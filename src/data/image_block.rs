//! Some consecutive images, normalised.

use super::layout::ImageLayout;
use ndarray::{Array2, Axis};

/// Some consecutive images; row i of every array belongs to the i-th.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageBlock {
    /// Normalised pixels, channel by channel, row by row, [n, D]; exactly 0 where masked, never NaN.
    pub pixels: Array2<f32>,
    /// Inverse variance of the normalised pixels, [n, D]; 0 where masked, infinite where no noise
    /// level is known.
    pub ivar: Array2<f32>,
    /// Numbers that describe the corruption, [n, K].
    pub vector: Array2<f32>,
    /// Planes that describe it, [n, P · H · W].
    pub planes: Array2<f32>,
}

impl ImageBlock {
    /// `n` masked images.
    #[must_use]
    pub fn masked(n: usize, layout: &ImageLayout) -> Self {
        let plane = layout.height * layout.width;
        Self {
            pixels: Array2::zeros((n, layout.pixels())),
            ivar: Array2::zeros((n, layout.pixels())),
            vector: Array2::zeros((n, layout.vector)),
            planes: Array2::zeros((n, layout.planes * plane)),
        }
    }

    /// Number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pixels.nrows()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The images numbered `rows`, in that order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let pick = |a: &Array2<f32>| a.select(Axis(0), rows);
        Self {
            pixels: pick(&self.pixels),
            ivar: pick(&self.ivar),
            vector: pick(&self.vector),
            planes: pick(&self.planes),
        }
    }

    pub(crate) fn parts(&self) -> [&Array2<f32>; 4] {
        [&self.pixels, &self.ivar, &self.vector, &self.planes]
    }

    pub(crate) fn parts_mut(&mut self) -> [&mut Array2<f32>; 4] {
        let Self {
            pixels,
            ivar,
            vector,
            planes,
        } = self;
        [pixels, ivar, vector, planes]
    }
}
