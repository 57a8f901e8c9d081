//! Tomography: some lines through the origin of the Fourier plane are measured.
//!
//! Masks are centred as `numpy.fft.fftshift` centres the transform: the mode of wave numbers
//! (k_y, k_x) stands at row ⌊H/2⌋ + k_y and column ⌊W/2⌋ + k_x.

use crate::base::random::Rows;
use tch::{Kind, Tensor};

const PLANE: [i64; 2] = [-2, -1];

/// 1 at the modes that `rays` lines through the origin pass, 0 elsewhere, [B, H · W]. The angles
/// are uniform in the plane of frequencies in cycles per pixel. A line takes the mode nearest to it
/// in every column, or in every row where it is steep; with k, −k is measured, since the image is
/// real.
pub(crate) fn draw(rays: usize, [height, width]: [i64; 2], random: &Rows) -> Tensor {
    let angle = random.uniform(0, rays as i64) * std::f64::consts::PI;
    let device = angle.device();
    let wave = |n: i64| Tensor::arange_start(-(n / 2), n - n / 2, (Kind::Float, device));
    let (ky, kx) = (wave(height).view([-1, 1]), wave(width).view([1, -1]));
    // A mode is k/n cycles per pixel: in steps of k the line runs along (a, b).
    let a = (angle.cos() * width as f64).view([-1, rays as i64, 1, 1]);
    let b = (angle.sin() * height as f64).view([-1, rays as i64, 1, 1]);
    let reach = a.abs().maximum(&b.abs()) * 0.5;
    let on = (ky * a - kx * b).abs().le_tensor(&reach).any_dim(1, false);
    // Only the Nyquist modes of even sizes lack their partner: −n/2 is its own, modulo n.
    let standard = on.fft_ifftshift(PLANE.as_slice());
    let partner = standard.flip(PLANE).roll([1i64, 1], PLANE);
    standard
        .logical_or(&partner)
        .fft_fftshift(PLANE.as_slice())
        .to_kind(Kind::Float)
        .flatten(1, -1)
}

/// The images whose transforms are those of `x` [B, C, H, W] at the measured modes, `mask`
/// [B, H · W], and 0 elsewhere.
pub(crate) fn measure(x: &Tensor, mask: &Tensor) -> Tensor {
    let size = x.size();
    let (height, width) = (size[2], size[3]);
    let standard = mask
        .reshape([-1, 1, height, width])
        .fft_ifftshift(PLANE.as_slice());
    // The transform of a real image is given by half of its columns.
    let half = standard.narrow(-1, 0, width / 2 + 1);
    (x.fft_rfft2(None::<&[i64]>, PLANE, "backward") * half).fft_irfft2(
        [height, width].as_slice(),
        PLANE,
        "backward",
    )
}

/// Share of the modes that are measured, [B, 1, 1, 1]: what is left of the variance of white noise.
pub(crate) fn share(mask: &Tensor) -> Tensor {
    mask.mean_dim([1i64].as_slice(), true, Kind::Float)
        .view([-1, 1, 1, 1])
}
