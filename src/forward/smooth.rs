//! Gaussian smoothing along the wavelength axis, through Fourier transforms.

use super::latent::Latent;
use rustfft::{FftPlanner, num_complex::Complex};
use tch::{Device, Kind, Tensor};

/// Line-spread functions of the data end here, pixels.
const WIDEST: f64 = 100.0;

/// The widths of the line-spread functions that the data record, σ in pixels, [B, D].
pub(crate) fn recorded_widths(latent: &Latent) -> Tensor {
    latent.lsf.clamp(0.0, WIDEST)
}

/// R x of `x` [B, D], R by its rows [B, D · K] as [`Latent::resolution`] has it.
pub(crate) fn resolved(x: &Tensor, rows: &Tensor) -> Tensor {
    let diagonals = rows.size()[1] / x.size()[1];
    let half = diagonals / 2;
    let near = x.constant_pad_nd([half, half]).unfold(1, diagonals, 1);
    (near * rows.view([-1, x.size()[1], diagonals])).sum_dim_intlist(
        [2i64].as_slice(),
        false,
        Kind::Float,
    )
}

/// Smooths batches of spectra on the device. The edges are reflected (half-sample: the edge pixel
/// is repeated), so that no flux is lost and no dark rim appears: the spectrum and its mirror image
/// make one period, in which nothing jumps. A jump anywhere would ring through narrow kernels,
/// which the Nyquist frequency cuts off.
#[derive(Debug)]
pub struct Smoothing {
    pixels: i64,
    /// −½ ω² for each Fourier mode of the doubled axis, [D + 1].
    exponent: Tensor,
    /// −ω.
    minus_omega: Tensor,
}

impl Smoothing {
    /// For spectra of `pixels` pixels.
    #[must_use]
    pub fn new(pixels: usize, device: Device) -> Self {
        let modes = |f: &dyn Fn(f64) -> f64| {
            let omega = |k: usize| std::f64::consts::PI * k as f64 / pixels as f64;
            let values: Vec<f32> = (0..=pixels).map(|k| f(omega(k)) as f32).collect();
            Tensor::from_slice(&values).to_device(device)
        };
        Self {
            pixels: pixels as i64,
            exponent: modes(&|omega| -0.5 * omega * omega),
            minus_omega: modes(&|omega| -omega),
        }
    }

    /// Smooths `x` [B, D] with one width per spectrum, `sigma` [B, 1] in pixels.
    pub fn uniform(&self, x: &Tensor, sigma: &Tensor) -> Tensor {
        let spectrum = self.transform(x);
        self.back(&(spectrum * (sigma.square() * &self.exponent).exp()))
    }

    /// Smooths `x` [B, D] with a width per pixel, `sigma` [B, D]: three copies of each spectrum,
    /// smoothed by the smallest, middle and largest of its σ², are interpolated in σ² (Lagrange).
    /// Exact where σ is constant; for the mild variation of a spectrograph's line-spread function
    /// the error is of third order in the variation of σ².
    pub fn per_pixel(&self, x: &Tensor, sigma: &Tensor) -> Tensor {
        let s2 = sigma.square();
        let low = s2.amin(-1, true);
        let high = s2.amax(-1, true);
        // Equal nodes would divide by zero where σ is constant.
        let half = ((&high - &low) * 0.5).clamp_min(1e-4);
        let spectrum = self.transform(x);
        let smoothed = |s2: &Tensor| self.back(&(&spectrum * (s2 * &self.exponent).exp()));
        let (a, b, c) = (
            smoothed(&low),
            smoothed(&(&low + &half)),
            smoothed(&(&low + &half * 2.0)),
        );
        let u = (s2 - &low) / &half;
        let wa: Tensor = (&u - 1.0) * (&u - 2.0) * 0.5;
        let wb: Tensor = &u * (2.0 - &u);
        let wc: Tensor = &u * (&u - 1.0) * 0.5;
        a * wa + b * wb + c * wc
    }

    /// Moves `x` [B, D] by `pixels` [B, 1] towards higher pixel numbers, mirrored at the edges: exact for
    /// whole pixels and for what the pixels resolve.
    pub fn shifted(&self, x: &Tensor, pixels: &Tensor) -> Tensor {
        let angle = pixels * &self.minus_omega;
        let phase = Tensor::polar(&angle.ones_like(), &angle);
        self.back(&(self.transform(x) * phase))
    }

    fn transform(&self, x: &Tensor) -> Tensor {
        Tensor::cat(&[x, &x.flip([1])], 1).fft_rfft(None, -1, "backward")
    }

    fn back(&self, spectrum: &Tensor) -> Tensor {
        spectrum
            .fft_irfft(Some(2 * self.pixels), -1, "backward")
            .narrow(1, 0, self.pixels)
            .to_kind(Kind::Float)
    }
}

/// The same smoothing of one spectrum on the host (rustfft): the reference for [`Smoothing`].
#[must_use]
pub fn gaussian_smooth_host(x: &[f64], sigma: f64) -> Vec<f64> {
    let mut padded: Vec<Complex<f64>> = x
        .iter()
        .chain(x.iter().rev())
        .map(|v| Complex::new(*v, 0.0))
        .collect();
    let n = padded.len();
    let mut planner = FftPlanner::new();
    planner.plan_fft_forward(n).process(&mut padded);
    for (k, v) in padded.iter_mut().enumerate() {
        let omega = std::f64::consts::TAU * k.min(n - k) as f64 / n as f64;
        *v *= (-0.5 * (omega * sigma).powi(2)).exp() / n as f64;
    }
    planner.plan_fft_inverse(n).process(&mut padded);
    padded[..x.len()].iter().map(|v| v.re).collect()
}
