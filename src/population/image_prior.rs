//! The Gaussian population behind images that each came through a point-spread function of its own, with
//! noise of its own: mean and a few modes, by expectation maximisation.

use super::image_seen::Seen;
use crate::data::ImageLayout;
use crate::forward::Latent;
use tch::{Device, Kind, Tensor};

/// Modes, at most.
const MODES: i64 = 64;
/// Observations that they are learned from, at most, and rows at once.
const ROWS: i64 = 768;
const BATCH: i64 = 16;
/// Rounds of expectation maximisation.
const ROUNDS: usize = 8;
/// The least part of the light's power that PSFs pass of a mode for its power to be told.
const PASSED: f64 = 0.02;

/// The least amplitude of an object over the population's mean.
const FAINT: f64 = 0.02;

/// x = dark + a (mean + Σ w_k modes_k + rest · η), w and η standard normal, a the object's own amplitude: its
/// light's over the mean's, by least squares. Fluxes of a survey range over decades, shapes do not.
#[derive(Debug)]
pub struct ImagePrior {
    /// [1, D].
    pub mean: Tensor,
    /// [K, D].
    pub modes: Tensor,
    /// Standard deviation at each pixel of what no observation tells, [1, D].
    pub rest: Tensor,
    /// The value of no light, [1, D].
    pub dark: Tensor,
}

/// The posterior of the modes' weights, given some observations; everything in units of each object's
/// amplitude.
pub(super) struct Weights {
    /// The amplitudes, [B, 1].
    pub amplitude: Tensor,
    /// The noise, [B, D].
    pub sigma: Tensor,
    /// [B, K].
    pub mean: Tensor,
    /// R with R Rᵀ the inverse covariance, [B, K, K].
    pub root: Tensor,
    /// The modes as the rows see them, [B, K, D].
    pub seen: Tensor,
    /// The observations less what is expected of them, 0 where masked, [B, D].
    pub residual: Tensor,
}

impl ImagePrior {
    /// Behind the observations `y` [N, D], whose latents hold PSFs and noise levels. `erased`: variance that
    /// is declared where the channel erases, over the one that continues the last modes'.
    #[must_use]
    pub fn learned(y: &Tensor, latent: &Latent, layout: &ImageLayout, erased: f64) -> Self {
        let n = y.size()[0].min(ROWS);
        let (y, latent) = (y.narrow(0, 0, n), latent.narrow(0, n));
        let dark = dark(layout, y.device());
        // A first amplitude: beside the mean of all, whatever their PSFs.
        let light = (&y - &dark) * &latent.good;
        let sum = |t: &Tensor| t.sum_dim_intlist([0i64].as_slice(), true, Kind::Float);
        let stack = sum(&light) / sum(&latent.good).clamp_min(1.0);
        let amplitude = amplitude(&light, &stack, &latent.good);
        let scaled = Latent {
            sigma: &latent.sigma / &amplitude,
            ..latent.shallow_clone()
        };
        let (mean, x) = deconvolved(&(light / &amplitude), &scaled, layout);
        let mut prior = Self {
            dark,
            rest: mean.zeros_like(),
            modes: principal(&x),
            mean,
        };
        for _ in 0..ROUNDS {
            prior = prior.improved(&y, &latent, layout);
        }
        prior.sorted().declared(erased)
    }

    /// The posterior of the weights given `y` [B, D]: with B the modes as they are seen and N the noise,
    /// its inverse covariance is I + B N⁻¹ Bᵀ.
    pub(super) fn weights(seen: [&Seen; 2], dark: &Tensor, y: &Tensor, latent: &Latent) -> Weights {
        let [mean, modes] = seen.map(|s| s.behind(&latent.psf));
        let weight = &latent.good / latent.sigma.square().clamp_min(1e-12);
        let mean = mean.squeeze_dim(1);
        let light = y - dark;
        let amplitude = amplitude(&light, &mean, &weight);
        let weight = weight * amplitude.square();
        let residual = (light / &amplitude - mean) * &latent.good;
        let weighted = &modes * weight.unsqueeze(1);
        let told = weighted
            .matmul(&residual.unsqueeze(2))
            .to_kind(Kind::Double);
        let gram = weighted
            .matmul(&modes.transpose(1, 2))
            .to_kind(Kind::Double);
        let one = Tensor::eye(gram.size()[2], (Kind::Double, y.device()));
        let root = (gram + one).linalg_cholesky(false);
        Weights {
            mean: told
                .cholesky_solve(&root, false)
                .squeeze_dim(2)
                .to_kind(Kind::Float),
            root,
            seen: modes,
            residual,
            sigma: &latent.sigma / &amplitude,
            amplitude,
        }
    }

    /// One round: the mean and the covariance of the weights become those of their posteriors together.
    fn improved(&self, y: &Tensor, latent: &Latent, layout: &ImageLayout) -> Self {
        let seen = [&self.mean, &self.modes].map(|t| Seen::new(t, layout));
        let (n, k) = (y.size()[0], self.modes.size()[0]);
        let double = (Kind::Double, y.device());
        let (mut first, mut second) = (Tensor::zeros([k], double), Tensor::zeros([k, k], double));
        for from in (0..n).step_by(BATCH as usize) {
            let rows = BATCH.min(n - from);
            let (y, latent) = (y.narrow(0, from, rows), latent.narrow(from, rows));
            let found = Self::weights([&seen[0], &seen[1]], &self.dark, &y, &latent);
            let mean = found.mean.to_kind(Kind::Double);
            let one = Tensor::eye(k, double).expand([rows, k, k], false);
            let covariance = one.cholesky_solve(&found.root, false);
            first += mean.sum_dim_intlist([0i64].as_slice(), false, Kind::Double);
            second += mean.tr().matmul(&mean)
                + covariance.sum_dim_intlist([0i64].as_slice(), false, Kind::Double);
        }
        let (first, second) = (first / n as f64, second / n as f64);
        let covariance = second - first.unsqueeze(1).matmul(&first.unsqueeze(0));
        let jitter = Tensor::eye(k, double) * 1e-9;
        let root = (covariance + jitter).linalg_cholesky(false);
        let modes = self.modes.to_kind(Kind::Double);
        let single = |t: Tensor| t.to_kind(Kind::Float);
        Self {
            mean: &self.mean + single(first.unsqueeze(0).matmul(&modes)),
            modes: single(root.tr().matmul(&modes)),
            rest: self.rest.shallow_clone(),
            dark: self.dark.shallow_clone(),
        }
    }

    /// The same population with modes that are orthogonal, the strongest first.
    fn sorted(self) -> Self {
        let modes = self.modes.to_kind(Kind::Double);
        let (_, vectors) = modes.matmul(&modes.tr()).linalg_eigh("L");
        let modes = vectors.tr().matmul(&modes).flip([0]);
        Self {
            modes: modes.to_kind(Kind::Float),
            ..self
        }
    }

    /// With the variance beyond the last mode, if it went on falling as among the last half of them, spread
    /// over the pixels as the last quarter's is.
    fn declared(self, erased: f64) -> Self {
        let power = |m: &Tensor| {
            m.square()
                .sum_dim_intlist([1i64].as_slice(), false, Kind::Double)
        };
        let (k, all) = (self.modes.size()[0], power(&self.modes));
        let at = |i: i64| all.double_value(&[i.clamp(0, k - 1)]).max(1e-30);
        let (middle, last) = (at(k / 2), at(k - 1));
        let fall = ((middle / last).ln() / (k - 1 - k / 2).max(1) as f64).max(0.02);
        let tail = self
            .modes
            .narrow(0, k - (k / 4).max(1), (k / 4).max(1))
            .square();
        let spread = tail.sum_dim_intlist([0i64].as_slice(), true, Kind::Float);
        let spread = &spread / spread.sum(Kind::Float).clamp_min(1e-30);
        Self {
            rest: (spread * (erased * last / fall)).sqrt(),
            ..self
        }
    }

    /// Variance of each pixel at an amplitude of 1, [1, D].
    pub(super) fn variance(&self) -> Tensor {
        let modes = self.modes.square();
        modes.sum_dim_intlist([0i64].as_slice(), true, Kind::Float) + self.rest.square()
    }

    /// Its tensors, in a fixed order.
    pub fn parts(&self) -> [&Tensor; 4] {
        [&self.mean, &self.modes, &self.rest, &self.dark]
    }
}

impl From<[Tensor; 4]> for ImagePrior {
    /// From [`ImagePrior::parts`].
    fn from([mean, modes, rest, dark]: [Tensor; 4]) -> Self {
        Self {
            mean,
            modes,
            rest,
            dark,
        }
    }
}

/// The normalised value of no light in each pixel, [1, D].
fn dark(layout: &ImageLayout, device: Device) -> Tensor {
    let plane = layout.height * layout.width;
    let value = |j: usize| layout.scale.normalise(0.0, j / plane) as f32;
    let all: Vec<f32> = (0..layout.pixels()).map(value).collect();
    Tensor::from_slice(&all).unsqueeze(0).to_device(device)
}

/// Amplitudes [B, 1] of `light` [B, D] over `mean` [B or 1, D] by least squares.
fn amplitude(light: &Tensor, mean: &Tensor, weight: &Tensor) -> Tensor {
    let sum = |t: Tensor| t.sum_dim_intlist([1i64].as_slice(), true, Kind::Float);
    let weighted = mean * weight;
    let own = sum(&weighted * mean).clamp_min(1e-20);
    (sum(weighted * light) / own).clamp_min(FAINT)
}

/// A first estimate of the mean image, [1, D], and of each image less it, [n, D]: the Wiener filter of each
/// image's own PSF and noise, with the power of what the PSFs pass.
fn deconvolved(y: &Tensor, latent: &Latent, layout: &ImageLayout) -> (Tensor, Tensor) {
    let n = y.size()[0];
    let shape = layout.shape(n);
    let [_, c, h, w] = shape;
    let side = layout.psf as i64;
    let dims = [-2i64, -1];
    // Of complex numbers, too.
    let sum = |t: &Tensor| t.sum_dim_intlist([0i64].as_slice(), true, None::<Kind>);
    let good = &latent.good;
    let average = sum(&(y * good)) / sum(good).clamp_min(1.0);
    let filled = y * good + &average * (1.0 - good);
    let to_modes = |t: &Tensor| t.fft_rfft2(&[h, w][..], &dims[..], "backward");
    // The kernel's middle comes to the first pixel.
    let kernels = latent.psf.view([n, c, side, side]);
    let kernels = kernels.constant_pad_nd([0, w - side, 0, h - side]);
    let passed = to_modes(&kernels.roll([-(side / 2), -(side / 2)], dims));
    let power = passed.abs().square();
    let noise = (latent.sigma.square() * good).mean_dim([1i64].as_slice(), true, Kind::Float);
    let noise = (noise * (h * w) as f64).view([n, 1, 1, 1]);
    let centred = to_modes(&(&filled - &average).view(&shape[..]));
    let mean_of = |t: &Tensor| sum(t) / n as f64;
    let through = mean_of(&power);
    let excess = (mean_of(&centred.abs().square()) - mean_of(&noise)).clamp_min(0.0);
    let told = through.gt(PASSED).to_kind(Kind::Float);
    let signal = excess / through.clamp_min(PASSED) * told;
    let back = |t: &Tensor| {
        t.fft_irfft2(&[h, w][..], &dims[..], "backward")
            .flatten(1, -1)
    };
    let estimate = passed.conj() * &signal / (&power * &signal + &noise).clamp_min(1e-20) * centred;
    // The mean is seen n times.
    let all = to_modes(&average.view([1, c, h, w]));
    let gain = sum(&(&power / &noise));
    let scale = all.abs().square().clamp_min(1e-20);
    let mean = sum(&(passed.conj() / &noise)) * &all / (gain + scale.reciprocal());
    (back(&mean), back(&estimate))
}

/// The principal modes of rows `x` [n, D] about 0, each with the root of its variance, [K, D].
fn principal(x: &Tensor) -> Tensor {
    let (n, d) = (x.size()[0], x.size()[1]);
    let double = x.to_kind(Kind::Double);
    let k = MODES.min(n / 2).min(d / 2).max(1);
    let (_, vectors) = double.matmul(&double.tr()).linalg_eigh("L");
    let strongest = vectors.narrow(1, n - k, k).flip([1]);
    (strongest.tr().matmul(&double) / (n as f64).sqrt()).to_kind(Kind::Float)
}
