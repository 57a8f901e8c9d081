//! Motion blur: the image is averaged along a short line.

use crate::base::random::Rows;
use crate::base::rows::repeated;
use tch::{Kind, Tensor};

/// Direction of the line as angle/π, uniform on (0, 1), [B, 1]: a line turned by π is the same
/// line, so half the circle is all of it.
pub(crate) fn draw(random: &Rows) -> Tensor {
    random.uniform(0, 1)
}

/// One kernel of sum 1 per row, [B, L, L], for L = `length` (odd) and `direction` angle/π [B, 1].
/// The angle turns from the direction of rising column to the direction of falling row.
///
/// A horizontal line of L pixels is rotated about its middle with bilinear interpolation: a pixel
/// at distance v from the line and u along it has the weight max(1 − |v|, 0) ·
/// clamp((L + 1)/2 − |u|, 0, 1).
pub(crate) fn kernels(length: usize, direction: &Tensor) -> Tensor {
    let half = (length as i64 - 1) / 2;
    let axis = Tensor::arange_start(-half, half + 1, (Kind::Float, direction.device()));
    let (dx, dy) = (axis.view([1, 1, -1]), -axis.view([1, -1, 1]));
    let angle = (direction * std::f64::consts::PI).reshape([-1, 1, 1]);
    let (cos, sin) = (angle.cos(), angle.sin());
    let along = &dx * &cos + &dy * &sin;
    let off = dy * cos - dx * sin;
    let end = (length as f64 + 1.0) / 2.0;
    let across: Tensor = 1.0 - off.abs();
    let inside: Tensor = end - along.abs();
    let weight = across.clamp_min(0.0) * inside.clamp(0.0, 1.0);
    &weight / weight.sum_dim_intlist([1i64, 2].as_slice(), true, Kind::Float)
}

/// Convolves `x` [B, C, H, W] with each row's own kernel [B, L, L], symmetric under a half turn.
/// Beyond the edges the image is reflected, as in the Gaussian blur.
pub(crate) fn convolve(x: &Tensor, kernels: &Tensor) -> Tensor {
    let size = x.size();
    let (b, c, l) = (size[0], size[1], kernels.size()[1]);
    let padded = pad(&pad(x, 2, l / 2), 3, l / 2);
    let (h, w) = (padded.size()[2], padded.size()[3]);
    let weight = repeated(&kernels.unsqueeze(1), c);
    padded
        .reshape([1, b * c, h, w])
        .conv2d(&weight, None::<Tensor>, 1, 0, 1, b * c)
        .reshape(size.as_slice())
}

/// `x` continued by its mirror image at both ends of `dim`.
pub(super) fn pad(x: &Tensor, dim: i64, by: i64) -> Tensor {
    let n = x.size()[dim as usize];
    // As `blur::reflected`, on the device: a list from the host would be copied there in every call.
    let place = Tensor::arange_start(-by, n + by, (Kind::Int64, x.device())).remainder(2 * n);
    let back = &place * -1 + (2 * n - 1);
    x.index_select(dim, &place.minimum(&back))
}
