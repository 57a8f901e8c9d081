//! Convolution of images with point-spread functions (PSFs), one for each row and channel.

use super::motion::pad;
use tch::{Kind, Tensor};

/// A profile of a PSF ends at so many of its full widths at half maximum from the middle.
const REACH: f64 = 4.0;

/// Convolves `x` [B, C, H, W] with `kernels` [B or 1, C or 1, P, P], P odd, by Fourier transforms. Beyond the
/// edges the image is reflected, as in the Gaussian blur: no flux is lost.
pub(crate) fn convolve(x: &Tensor, kernels: &Tensor) -> Tensor {
    let size = x.size();
    let modes = modes_of(x, kernels.size()[3]);
    seen(&modes, kernels, [size[2], size[3]])
}

/// The Fourier modes of `x` [B, C, H, W], continued by mirror images far enough for kernels of `side`
/// pixels.
pub(crate) fn modes_of(x: &Tensor, side: i64) -> Tensor {
    let (size, reach) = (x.size(), side / 2);
    let padded = pad(&pad(x, 2, reach), 3, reach);
    transformed(&padded, [size[2], size[3]], side)
}

fn transformed(t: &Tensor, [h, w]: [i64; 2], side: i64) -> Tensor {
    let shape = [h + side - 1, w + side - 1];
    t.fft_rfft2(&shape[..], &[-2i64, -1][..], "backward")
}

/// Images of `plane` [H, W] whose modes are those of [`modes_of`], behind `kernels` [.., P, P].
pub(crate) fn seen(modes: &Tensor, kernels: &Tensor, [h, w]: [i64; 2]) -> Tensor {
    let side = kernels.size()[kernels.dim() - 1];
    let product = modes * transformed(kernels, [h, w], side);
    let shape = [h + side - 1, w + side - 1];
    // From the last pixel of the kernel on nothing has come round from the other edge.
    product
        .fft_irfft2(&shape[..], &[-2i64, -1][..], "backward")
        .narrow(-2, side - 1, h)
        .narrow(-1, side - 1, w)
        .to_kind(Kind::Float)
}

/// Pixels along a side of a profile whose full width at half maximum is at most `fwhm` pixels, in images
/// of `plane` [H, W]: odd, and no more than they have.
pub(super) fn side(fwhm: f64, plane: [usize; 2]) -> i64 {
    let most = plane[0].min(plane[1]);
    let wanted = 2 * (REACH * fwhm).ceil() as usize + 1;
    wanted.min(most - usize::from(most.is_multiple_of(2))) as i64
}

/// Round profiles of sum 1 whose full widths at half maximum are `fwhm` [B, 1] pixels, [B, 1, P, P], of
/// values at the middles of pixels: (1 + (r/α)²)^−β where β is given (Moffat 1969), Gaussians elsewhere.
pub(super) fn profiles(fwhm: &Tensor, beta: Option<f64>, side: i64) -> Tensor {
    let reach = side / 2;
    let axis = Tensor::arange_start(-reach, reach + 1, (Kind::Float, fwhm.device()));
    let radius2 = axis.view([1, 1, -1, 1]).square() + axis.view([1, 1, 1, -1]).square();
    let half = (fwhm * 0.5).view([-1, 1, 1, 1]);
    let profile = match beta {
        Some(beta) => {
            let alpha2 = half.square() / (2f64.powf(1.0 / beta) - 1.0);
            (radius2 / alpha2 + 1.0).pow_tensor_scalar(-beta)
        }
        None => (radius2 / half.square() * -std::f64::consts::LN_2).exp(),
    };
    &profile / profile.sum_dim_intlist([2i64, 3].as_slice(), true, Kind::Float)
}
