//! What F makes of a restored spectrum, from repeated calls of the black box: its mean, and its own
//! scatter, of noise and of nuisances.

use super::sight::Sight;
use crate::Result;
use crate::base::random::{Purpose, Rows};
use crate::forward::{ForwardModel, Latent, observe};
use tch::{Device, Kind, Tensor};

/// Coherent nuisances (a tilt, a width) that are looked for in the scatter.
const MODES: i64 = 2;
/// Where no noise level is recorded this takes its place: the calls alone tell the scatter.
const NO_LEVEL: f64 = 1e-6;
/// A mode counts where its variance exceeds the variance of pure noise by this factor.
const SIGNIFICANT: f64 = 1.5;

/// Repeated observations F(x), [K, B, D], of `x` [B, D]; call k of a row depends on the seed, k and
/// the row's number alone, so that two versions of a spectrum meet the same noise.
///
/// # Errors
/// As [`ForwardModel::observe`].
pub fn calls(
    forward: &dyn ForwardModel,
    x: &Tensor,
    latent: &Latent,
    seed: u64,
    numbers: &Tensor,
    count: u64,
) -> Result<Tensor> {
    let one = |k| {
        let random = Rows::new(seed, Purpose::Audit, k, numbers);
        Ok(observe(forward, x, latent, &random)?.0)
    };
    let all = (0..count).map(one).collect::<Result<Vec<_>>>()?;
    Ok(Tensor::stack(&all, 0))
}

/// Mean and covariance of y given x, estimated from calls of F: pixel by pixel, and along the few
/// directions in which a nuisance moves all pixels at once.
#[derive(Debug)]
pub struct Prediction {
    /// E F(x), [B, D].
    pub mean: Tensor,
    /// 1 where the observation has a pixel, else 0, [B, D].
    pub good: Tensor,
    /// Standard deviation of y − mean at each pixel apart from the modes, [B, D].
    pub scale: Tensor,
    modes: Vec<Mode>,
}

/// A direction [B, D] of length 1 (0 where there is none) in units of the scale, and the variance
/// along it beyond the noise's, [B, 1].
#[derive(Debug)]
struct Mode {
    direction: Tensor,
    excess: Tensor,
}

impl Prediction {
    /// From calls [K, B, D] of F on rows whose observations have `latent`.
    #[must_use]
    pub fn new(calls: &Tensor, latent: &Latent, sight: &dyn Sight) -> Self {
        let count = calls.size()[0] as f64;
        let mean = calls.mean_dim([0i64].as_slice(), false, Kind::Float);
        let scatter = (calls - &mean) * &latent.good;
        let whole = scale(&scatter, latent, sight);
        let unit = &scatter / &whole;
        let noise = modes(&unit, &latent.good)
            .iter()
            .fold(unit, |rest, mode| rest - mode.part(&scatter, &whole));
        let scale = scale(&(noise * whole), latent, sight);
        Self {
            modes: modes(&(scatter / &scale), &latent.good),
            mean,
            good: latent.good.shallow_clone(),
            // The mean of K calls has an error of its own.
            scale: scale * (1.0 + 1.0 / count).sqrt(),
        }
    }

    /// A residual [B, D] in units of its standard deviation, uncorrelated up to the modes:
    /// C^(−1/2) (y − mean); 0 where masked.
    pub fn whiten(&self, residual: &Tensor) -> Tensor {
        let unit = residual * &self.good / &self.scale;
        self.modes.iter().fold(unit, |r, m| {
            let along = (&r * &m.direction).sum_dim_intlist([-1i64].as_slice(), true, Kind::Float);
            let shrink = 1.0 - (&m.excess + 1.0).rsqrt();
            r - &m.direction * along * shrink
        })
    }

    /// Rows `index` (int64 `[n]`).
    #[must_use]
    pub fn select(&self, index: &Tensor) -> Self {
        let pick = |t: &Tensor| t.index_select(0, index);
        let mode = |m: &Mode| Mode {
            direction: pick(&m.direction),
            excess: pick(&m.excess),
        };
        Self {
            mean: pick(&self.mean),
            good: pick(&self.good),
            scale: pick(&self.scale),
            modes: self.modes.iter().map(mode).collect(),
        }
    }
}

impl Mode {
    /// The part of `scatter` [K, B, D] along this direction, in units of `scale`.
    fn part(&self, scatter: &Tensor, scale: &Tensor) -> Tensor {
        let unit = scatter / scale;
        let along =
            (&unit * &self.direction).sum_dim_intlist([-1i64].as_slice(), true, Kind::Float);
        along * &self.direction
    }
}

/// Standard deviation per pixel, [B, D], of `scatter` [K, B, D] about its mean: the recorded noise
/// level times a factor that varies slowly from pixel to pixel. A variance from some tens of calls alone is
/// too rough a weight.
fn scale(scatter: &Tensor, latent: &Latent, sight: &dyn Sight) -> Tensor {
    let count = scatter.size()[0] as f64;
    let level = latent.sigma.clamp_min(NO_LEVEL);
    let unit = scatter / &level;
    let variance = unit
        .square()
        .sum_dim_intlist([0i64].as_slice(), false, Kind::Float)
        / (count - 1.0);
    let weight = sight.average(&latent.good).clamp_min(1e-3);
    let factor = sight.average(&(variance * &latent.good)) / weight;
    level * factor.clamp_min(1e-12).sqrt()
}

/// The leading directions of `unit` scatter [K, B, D] whose variance noise does not explain. For
/// K calls in n pixels noise reaches (1 + √(n/K))², and adds n/K to a true variance well above 1
/// (Marchenko & Pastur 1967, Baik & Silverstein 2006).
fn modes(unit: &Tensor, good: &Tensor) -> Vec<Mode> {
    let count = unit.size()[0];
    let calls = unit.transpose(0, 1);
    let gram = calls.matmul(&calls.transpose(1, 2)) / (count - 1) as f64;
    // On the host: a matrix of the calls is small, and a GPU would load another library for it.
    let (values, vectors) = gram.to_device(Device::Cpu).linalg_eigh("L");
    let [values, vectors] = [values, vectors].map(|t| t.to_device(unit.device()));
    let pixels = good.sum_dim_intlist([-1i64].as_slice(), true, Kind::Float);
    let aspect = pixels / (count - 1) as f64;
    let edge = (aspect.sqrt() + 1.0).square();
    let mode = |i: i64| {
        let value = values.narrow(1, count - i, 1);
        let direction = vectors
            .narrow(2, count - i, 1)
            .transpose(1, 2)
            .matmul(&calls);
        let direction = direction.squeeze_dim(1);
        let length = direction
            .square()
            .sum_dim_intlist([-1i64].as_slice(), true, Kind::Float)
            .sqrt();
        let real = value.gt_tensor(&(&edge * SIGNIFICANT)).to_kind(Kind::Float);
        Mode {
            direction: direction / length.clamp_min(1e-12) * &real,
            excess: (value - &aspect - 1.0).clamp_min(0.0) * real,
        }
    };
    (1..=MODES.min(count)).map(mode).collect()
}

#[cfg(test)]
mod tests {
    use super::super::spectra_sight::SpectraSight;
    use super::*;

    fn sight(d: i64) -> SpectraSight {
        SpectraSight::new(vec![0.0; d as usize], Device::Cpu)
    }

    fn latent(rows: i64, pixels: i64) -> Latent {
        let ones = Tensor::ones([rows, pixels], (Kind::Float, Device::Cpu));
        Latent::from_ivar(&(&ones * 4.0), &ones)
    }

    fn noise(step: u64, rows: i64, pixels: i64) -> Tensor {
        Rows::range(1, Purpose::Audit, step, rows, Device::Cpu).normal(0, pixels)
    }

    #[test]
    fn white_noise_has_its_scale_and_no_modes() {
        let (k, b, d) = (64, 3, 400);
        let draws: Vec<Tensor> = (0..k).map(|s| noise(s, b, d) * 1.5 + 2.0).collect();
        let p = Prediction::new(&Tensor::stack(&draws, 0), &latent(b, d), &sight(d));
        assert!((&p.mean - 2.0).abs().max().double_value(&[]) < 1.0);
        assert!((&p.scale / 1.5 - 1.0).abs().max().double_value(&[]) < 0.2);
        for mode in &p.modes {
            assert_eq!(mode.excess.max().double_value(&[]), 0.0);
        }
    }

    #[test]
    fn a_nuisance_common_to_all_pixels_is_whitened_away() {
        let (k, b, d) = (64, 2, 400);
        let lever = Tensor::linspace(-1.0, 1.0, d, (Kind::Float, Device::Cpu));
        let draw = |s: u64| {
            let amplitude = Rows::range(2, Purpose::Audit, s, b, Device::Cpu).normal(0, 1);
            noise(s, b, d) + amplitude * &lever * 4.0
        };
        let draws: Vec<Tensor> = (0..k).map(draw).collect();
        let p = Prediction::new(&Tensor::stack(&draws, 0), &latent(b, d), &sight(d));
        assert!((&p.scale - 1.0).abs().max().double_value(&[]) < 0.3);
        let fresh: Vec<f64> = (100..160)
            .map(|s| p.whiten(&(draw(s) - &p.mean)).square().mean(Kind::Double))
            .map(|t| t.double_value(&[]))
            .collect();
        let mean = fresh.iter().sum::<f64>() / fresh.len() as f64;
        assert!((mean - 1.0).abs() < 0.1, "{mean}");
        let worst = fresh.iter().copied().fold(0.0, f64::max);
        assert!(worst < 1.5, "{worst}");
    }
}
