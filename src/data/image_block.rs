//! Some consecutive images, normalised.

use super::layout::ImageLayout;
use super::row_block::RowBlock;
use ndarray::Array2;

/// Some consecutive images; row i of every array belongs to the i-th.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageBlock {
    /// Normalised pixels, channel by channel, row by row, [n, D]; exactly 0 where masked, never NaN.
    pub pixels: Array2<f32>,
    /// Inverse variance in units of [`PixelScale::linear_unit`], [n, D]; 0 where masked, infinite where
    /// no noise level is known.
    ///
    /// [`PixelScale::linear_unit`]: super::PixelScale::linear_unit
    pub ivar: Array2<f32>,
    /// Numbers that describe the corruption, [n, K].
    pub vector: Array2<f32>,
    /// Planes that describe it, [n, P · H · W].
    pub planes: Array2<f32>,
    /// The point-spread function of each channel, of sum 1, [n, C · P · P]; 0 numbers where none comes
    /// with the images.
    pub psf: Array2<f32>,
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
            psf: Array2::zeros((n, layout.psf_numbers())),
        }
    }
}

impl RowBlock for ImageBlock {
    const PARTS: &'static [&'static str] = &["pixels", "ivar", "vector", "planes", "psf"];
    const COLUMNS: &'static [&'static str] = &[];

    fn parts(&self) -> Vec<&Array2<f32>> {
        vec![
            &self.pixels,
            &self.ivar,
            &self.vector,
            &self.planes,
            &self.psf,
        ]
    }

    fn parts_mut(&mut self) -> Vec<&mut Array2<f32>> {
        let Self {
            pixels,
            ivar,
            vector,
            planes,
            psf,
        } = self;
        vec![pixels, ivar, vector, planes, psf]
    }

    fn columns(&self) -> Vec<&Vec<f64>> {
        Vec::new()
    }

    fn columns_mut(&mut self) -> Vec<&mut Vec<f64>> {
        Vec::new()
    }
}
