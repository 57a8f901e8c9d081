//! Fixed images as each row of a batch sees them: through its own point-spread function.

use crate::data::ImageLayout;
use crate::forward::psf::{modes_of, seen};
use tch::Tensor;

/// The images [K, D], transformed once.
#[derive(Debug)]
pub(super) struct Seen {
    /// C, H, W.
    shape: [i64; 3],
    /// As [`modes_of`] gives them.
    modes: Tensor,
    side: i64,
}

impl Seen {
    /// For images `[K, D]` of the layout.
    pub fn new(images: &Tensor, layout: &ImageLayout) -> Self {
        let shape = layout.shape(-1);
        let side = layout.psf as i64;
        Self {
            modes: modes_of(&images.view(&shape[..]), side),
            shape: [shape[1], shape[2], shape[3]],
            side,
        }
    }

    /// Each of them behind the PSFs `psf` [B, C · P · P], [B, K, D].
    pub fn behind(&self, psf: &Tensor) -> Tensor {
        let [c, h, w] = self.shape;
        let kernels = psf.view([-1, 1, c, self.side, self.side]);
        seen(&self.modes.unsqueeze(0), &kernels, [h, w]).flatten(2, -1)
    }
}
