//! The Gaussian population behind the observations as the known part of the fields.
//!
//! With x0 ~ a N(m, C) in the rest frame and I_t = x0 + ν ξ, ν² = t²σ² + γ², mean and scatter of x0
//! given I_t have a closed form; the network adds to it in units of that scatter, and a network that
//! says nothing *is* the Gaussian posterior. So that a batch costs two matrix products, objects
//! of about one redshift share the eigenvectors of C, whitened by the survey's mean noise: a pixel that
//! is noisier than that at its place is drawn towards the mean.

use crate::base::workers;
use crate::forward::Latent;
use tch::{Device, Kind, Tensor, no_grad};

/// Shifts of objects that share eigenvectors.
const WIDTH: i64 = 32;
/// Least variance of a mode, in units of the survey's mean noise variance.
const FLOOR: f64 = 1e-4;
/// Variance of a pixel about the population's mean, roughly.
const LOCAL: f64 = 0.1;
/// Least amplitude.
const LEAST: f64 = 0.05;
/// Levels of ln ν² between which the posterior variance is interpolated, and their range.
const LEVELS: i64 = 40;
const RANGE: (f64, f64) = (-8.0, 4.0);

/// A Gaussian population on a grid of L rest-frame pixels.
#[derive(Debug)]
pub struct Population {
    /// ln(1 + z) of the objects at shift 0, and the width of a pixel in ln λ.
    pub furthest: f64,
    /// Width of a pixel in ln λ; infinite on a grid of the rest frame, where no object is shifted.
    pub dln: f64,
    /// Whether objects have amplitudes of their own.
    pub scaled: bool,
    /// Mean [1, L] and covariance [L, L]; and the same of objects of unknown redshift, [1, D], [D, D].
    pub known: [Tensor; 2],
    /// Mean [1, D] and covariance [D, D] of objects of unknown redshift, observed frame.
    pub unknown: [Tensor; 2],
    /// √ of the survey's mean noise variance at each pixel, over its root mean square, [1, D].
    pub profile: Tensor,
}

/// See the module's notes.
#[derive(Debug)]
pub struct Background {
    /// γ₁ of the path's γ = γ₁ t (1 − t), in units of [`Latent::scale`]; 0 for the ODE.
    pub(super) gamma: f64,
    furthest: f64,
    dln: f64,
    scaled: bool,
    shifts: i64,
    /// [D].
    profile: Tensor,
    /// By shift, `WIDTH` each; the last one is of unknown redshifts.
    bins: Vec<Bin>,
}

/// Objects within some shifts, on a window of W pixels.
#[derive(Debug)]
struct Bin {
    /// [W].
    mean: Tensor,
    /// Of the whitened covariance: [W, W] and [W].
    vectors: Tensor,
    variances: Tensor,
    /// Posterior variance of each pixel at the levels of ln ν², [LEVELS, W].
    posterior: Tensor,
}

/// What the population says of I_t, each [B, D].
#[derive(Debug)]
pub(super) struct Known {
    /// E[x0 | I_t].
    pub mean: Tensor,
    /// The residual in units of its noise, whitened.
    pub unit: Tensor,
    /// Standard deviation of x0 given I_t.
    pub scatter: Tensor,
}

impl Background {
    /// For the path with γ = `gamma` t (1 − t) in units of [`Latent::scale`].
    #[must_use]
    pub fn new(population: &Population, gamma: f64, device: Device) -> Self {
        let d = population.profile.size()[1];
        let profile = population.profile.view([-1]);
        let [mean, covariance] = &population.known;
        let shifts = mean.size()[1] - d + 1;
        let bin = |profile: &Tensor, mean: Tensor, covariance: Tensor| {
            let w = mean.size()[0];
            // The profile on the window: the profile of its middle, the ends repeated.
            let at = Tensor::arange(w, (Kind::Int64, Device::Cpu)) - (w - d) / 2;
            let p = profile
                .index_select(0, &at.clamp(0, d - 1))
                .to_kind(Kind::Double);
            let c = covariance.to_kind(Kind::Double) / (p.unsqueeze(0) * p.unsqueeze(1));
            let (variances, vectors) = c.linalg_eigh("L");
            let variances = variances.clamp_min(FLOOR);
            let levels = Tensor::linspace(RANGE.0, RANGE.1, LEVELS, (Kind::Double, Device::Cpu));
            let levels = levels.exp().unsqueeze(1);
            let left = (&variances * &levels) / (&variances + &levels);
            let single = |t: &Tensor| t.to_kind(Kind::Float).contiguous().to_device(device);
            Bin {
                mean: single(&mean),
                posterior: single(&left.matmul(&vectors.square().tr())),
                vectors: single(&vectors),
                variances: single(&variances),
            }
        };
        let window = |from: i64| {
            let w = (d + WIDTH - 1).min(mean.size()[1] - from);
            let covariance = covariance.narrow(0, from, w).narrow(1, from, w);
            (mean.view([-1]).narrow(0, from, w), covariance)
        };
        let mut moments: Vec<_> = (0..shifts).step_by(WIDTH as usize).map(window).collect();
        let [mean, covariance] = &population.unknown;
        moments.push((mean.view([-1]), covariance.shallow_clone()));
        let told = moments
            .into_iter()
            .map(|(m, c)| (profile.shallow_clone(), m, c));
        let bins = workers::each(told.collect(), |(p, m, c): (Tensor, Tensor, Tensor)| {
            bin(&p, m, c)
        });
        Self {
            gamma,
            furthest: population.furthest,
            dln: population.dln,
            scaled: population.scaled,
            shifts,
            profile: profile.to_device(device),
            bins,
        }
    }

    /// Another handle on the same tensors.
    #[must_use]
    pub fn shallow_clone(&self) -> Self {
        let bin = |b: &Bin| Bin {
            mean: b.mean.shallow_clone(),
            vectors: b.vectors.shallow_clone(),
            variances: b.variances.shallow_clone(),
            posterior: b.posterior.shallow_clone(),
        };
        Self {
            profile: self.profile.shallow_clone(),
            bins: self.bins.iter().map(bin).collect(),
            ..*self
        }
    }

    /// At times `t` in (0, 1], [B, 1] or [1, 1], and points `x` [B, D]. Without gradient.
    pub(super) fn known(&self, t: &Tensor, x: &Tensor, latent: &Latent) -> Known {
        no_grad(|| {
            let n = x.size()[0];
            let t = t.expand([n, 1], false);
            let places = self.places(&latent.redshift);
            let mut parts = [x.zeros_like(), x.zeros_like(), x.zeros_like()];
            for (b, bin) in self.bins.iter().enumerate() {
                let rows = (0..n).filter(|i| places[*i as usize].0 == b);
                let rows: Vec<i64> = rows.collect();
                if rows.is_empty() {
                    continue;
                }
                let offsets: Vec<i64> = rows.iter().map(|i| places[*i as usize].1).collect();
                let offsets = Tensor::from_slice(&offsets).to_device(x.device());
                let rows = Tensor::from_slice(&rows).to_device(x.device());
                let of = |t: &Tensor| t.index_select(0, &rows);
                let found = self.in_bin(bin, &offsets, [&of(&t), &of(x)], &latent.select(&rows));
                for (part, found) in parts.iter_mut().zip(found) {
                    let _ = part.index_copy_(0, &rows, &found);
                }
            }
            let [mean, unit, scatter] = parts;
            Known {
                mean,
                unit,
                scatter,
            }
        })
    }

    /// The bin of each row and where in its window the row begins.
    fn places(&self, redshift: &Tensor) -> Vec<(usize, i64)> {
        let shift = ((redshift.neg() + self.furthest) / self.dln)
            .round()
            .view([-1]);
        let shift = Vec::<f64>::try_from(shift.to_kind(Kind::Double)).unwrap_or_default();
        let place = |k: f64| {
            if k >= 0.0 && k < self.shifts as f64 {
                ((k as i64 / WIDTH) as usize, k as i64 % WIDTH)
            } else {
                (self.bins.len() - 1, 0)
            }
        };
        shift.into_iter().map(place).collect()
    }

    fn in_bin(
        &self,
        bin: &Bin,
        offsets: &Tensor,
        [t, x]: [&Tensor; 2],
        latent: &Latent,
    ) -> [Tensor; 3] {
        let (n, d) = x.size2().unwrap_or_default();
        let sum = |v: &Tensor| v.sum_dim_intlist([1i64].as_slice(), true, Kind::Float);
        let index = offsets.unsqueeze(1) + Tensor::arange(d, (Kind::Int64, x.device()));
        // Masked pixels hold standard normals at t = 1: σ = 1, and x0 fades from them.
        let keep: Tensor = 1.0 - (1.0 - &latent.good) * t;
        let g: Tensor = t * (1.0 - t) * self.gamma;
        let noise = t.square() * latent.sigma.square() + g.square() * latent.scale().square();
        let mean = bin.mean.take(&index);
        let amplitude = if self.scaled {
            let w = (&noise + LOCAL).reciprocal() * &keep * &mean;
            let own = sum(&(&w * &keep * &mean)).clamp_min(1e-6);
            (sum(&(w * x)) / own).clamp_min(LEAST)
        } else {
            t.ones_like()
        };
        let mean = mean * &amplitude;
        let unit = self.profile.unsqueeze(0) * &amplitude;
        // The noise at the profile's level, in units of it: one number per row.
        let common = sum(&(&noise * &latent.good)) / sum(&latent.good).clamp_min(1.0);
        let nu2 = (&common / amplitude.square()).clamp_min(1e-6);
        let white = common * self.profile.square();
        let weight = ((white + LOCAL) / (noise + LOCAL)).clamp_max(1.0);
        let r = (x - &keep * &mean) / &unit * keep * &weight;
        let window = Tensor::zeros([n, bin.mean.size()[0]], (Kind::Float, x.device()));
        let modes = window.scatter(1, &index, &r).matmul(&bin.vectors) / (&bin.variances + &nu2);
        let solved = modes.matmul(&bin.vectors.tr()).gather(1, &index, false);
        let step = (LEVELS - 1) as f64 / (RANGE.1 - RANGE.0);
        let level = ((nu2.log() - RANGE.0) * step).clamp(0.0, (LEVELS - 1) as f64 - 1e-3);
        let low = level.floor();
        let (above, low) = (&level - &low, low.to_kind(Kind::Int64).squeeze_dim(1));
        let table = |k: &Tensor| bin.posterior.index_select(0, k);
        let variance: Tensor = table(&low) * (1.0 - &above) + table(&(&low + 1)) * &above;
        let variance = variance.gather(1, &index, false) / weight.clamp_min(0.25);
        [
            mean + (r - &nu2 * &solved) * &unit,
            solved * nu2.sqrt(),
            variance.sqrt() * unit,
        ]
    }
}
