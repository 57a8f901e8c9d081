//! Convolution of images with point-spread functions (PSFs), one for each row and channel.

use super::motion::pad;
use tch::{Kind, Tensor};

/// A profile of a PSF ends at so many of its full widths at half maximum from the middle.
const REACH: f64 = 4.0;

/// Convolves `x` [B, C, H, W] with `kernels` [B or 1, C or 1, P, P], P odd, by Fourier transforms. Beyond the
/// edges the image is reflected, as in the Gaussian blur: no flux is lost.
pub(crate) fn convolve(x: &Tensor, kernels: &Tensor) -> Tensor {
    let (size, side) = (x.size(), kernels.size()[3]);
    let reach = side / 2;
    let padded = pad(&pad(x, 2, reach), 3, reach);
    let shape = [size[2] + 2 * reach, size[3] + 2 * reach];
    let modes = |t: &Tensor| t.fft_rfft2(&shape[..], &[-2i64, -1][..], "backward");
    let product = modes(&padded) * modes(kernels);
    // From the last pixel of the kernel on nothing has come round from the other edge.
    product
        .fft_irfft2(&shape[..], &[-2i64, -1][..], "backward")
        .narrow(2, 2 * reach, size[2])
        .narrow(3, 2 * reach, size[3])
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
