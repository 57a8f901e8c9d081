//! Gaussian smoothing along the wavelength axis, through Fourier transforms.

use rustfft::{FftPlanner, num_complex::Complex};
use tch::{Device, Kind, Tensor};

/// Least margin, pixels. A kernel narrower than a pixel rings, by its cut at the Nyquist frequency,
/// further than 4 σ: what lies beyond the margin is the spectrum's far end.
const RINGING: usize = 32;

/// Smooths batches of spectra on the device. The edges are reflected (half-sample: the edge pixel
/// is repeated), so that no flux is lost and no dark rim appears.
#[derive(Debug)]
pub struct Smoothing {
    pixels: i64,
    margin: i64,
    /// Where each pixel of the padded axis comes from, int64 [n].
    reflected: Tensor,
    /// −½ ω² for each Fourier mode of the padded axis, [M].
    exponent: Tensor,
}

impl Smoothing {
    /// For spectra of `pixels` pixels and widths up to `sigma_max` pixels.
    #[must_use]
    pub fn new(pixels: usize, sigma_max: f64, device: Device) -> Self {
        let margin = margin(pixels, sigma_max).max(RINGING.min(pixels));
        let n = five_smooth(pixels + 2 * margin);
        let reflected: Vec<i64> = (0..n as i64)
            .map(|i| {
                let place = (i - margin as i64).rem_euclid(2 * pixels as i64);
                place.min(2 * pixels as i64 - 1 - place)
            })
            .collect();
        let exponent: Vec<f32> = (0..=n / 2)
            .map(|k| {
                let omega = std::f64::consts::TAU * k as f64 / n as f64;
                (-0.5 * omega * omega) as f32
            })
            .collect();
        Self {
            pixels: pixels as i64,
            margin: margin as i64,
            reflected: Tensor::from_slice(&reflected).to_device(device),
            exponent: Tensor::from_slice(&exponent).to_device(device),
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

    fn transform(&self, x: &Tensor) -> Tensor {
        x.index_select(1, &self.reflected)
            .fft_rfft(None, -1, "backward")
    }

    fn back(&self, spectrum: &Tensor) -> Tensor {
        spectrum
            .fft_irfft(Some(self.reflected.size()[0]), -1, "backward")
            .narrow(1, self.margin, self.pixels)
            .to_kind(Kind::Float)
    }
}

/// The least length ≥ `n` with no prime factor above 5: other lengths transform several times
/// slower.
fn five_smooth(n: usize) -> usize {
    let smooth = |mut n: usize| {
        for p in [2, 3, 5] {
            while n.is_multiple_of(p) {
                n /= p;
            }
        }
        n == 1
    };
    (n.max(1)..).find(|n| smooth(*n)).unwrap_or(n)
}

fn margin(pixels: usize, sigma_max: f64) -> usize {
    ((4.0 * sigma_max).ceil() as usize + 1).min(pixels)
}

/// The same smoothing of one spectrum on the host (rustfft): the reference for [`Smoothing`].
#[must_use]
pub fn gaussian_smooth_host(x: &[f64], sigma: f64) -> Vec<f64> {
    let m = margin(x.len(), sigma);
    let left = x[..m].iter().rev();
    let right = x[x.len() - m..].iter().rev();
    let mut padded: Vec<Complex<f64>> = left
        .chain(x)
        .chain(right)
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
    padded[m..m + x.len()].iter().map(|v| v.re).collect()
}
