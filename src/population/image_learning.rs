//! The Gaussian population of images behind their own linear channels, by expectation maximisation.
//!
//! It begins with a declared population (C₀), whose leading modes are the coordinates: of light on a dark sky by
//! [`lights`], of other images by [`pixels`]. C₀ counts as [`DECLARED`] observations, so that modes of which the
//! data say nothing keep it.

use super::image_population::{ImagePopulation, Products, products};
use super::image_prior::{Declared, lights, pixels};
use crate::base::workers;
use crate::forward::{Latent, LinearImages};
use std::ops::Range;
use tch::{Device, Kind, Tensor};

/// Observations that are learned from, and that the declared population counts as.
const LEARNED: i64 = 1000;
const DECLARED: f64 = 20.0;
/// Rounds of expectation maximisation.
const ROUNDS: usize = 10;
/// Range of the amplitudes over that of all but the outermost hundredth at either end.
const ROOM: f64 = 2.0;

impl ImagePopulation {
    /// The one behind the observations `y` [N, D] of `shape` [C, H, W] through `channel`, on the host; `dark` [1, D]
    /// is what no light looks like. `erased`: see
    /// [`InterpolantConfig::Posterior`](crate::config::InterpolantConfig::Posterior).
    ///
    /// # Errors
    /// What is wrong with the images for this, in words.
    pub fn learned(
        y: &Tensor,
        latent: &Latent,
        (channel, dark): (&LinearImages, &Tensor),
        shape: [i64; 3],
        erased: f64,
    ) -> Result<Self, String> {
        workers::one_thread();
        let n = y.size()[0].min(LEARNED);
        let (y, latent) = (y.narrow(0, 0, n), latent.narrow(0, n));
        let declared = match channel.has_psf() {
            true => lights(&y, &latent, (channel, dark), shape, erased),
            false => pixels(&y, &latent, channel, erased),
        };
        declared.map(|declared| behind(&y, &latent, channel, declared))
    }
}

/// From the declared population on.
fn behind(
    y: &Tensor,
    latent: &Latent,
    channel: &LinearImages,
    declared: Declared,
) -> ImagePopulation {
    let Declared { start, bright } = declared;
    let survey = Survey {
        y,
        latent,
        channel,
        basis: start.basis(),
        dark: &start.dark,
    };
    let parts = workers::parts(y.size()[0], y.size()[1], Device::Cpu);
    let told: Vec<Vec<Products>> = workers::each(parts, |rows| survey.told(&rows));
    let k = start.modes.size()[0];
    let any = Tensor::from_slice(&[1e-3f32, 1e3]).view([1, 2]);
    let range = if bright { &any } else { &start.amplitudes };
    let eye = Tensor::eye(k, (Kind::Double, Device::Cpu));
    let mut fold = Tensor::eye(k + 1, (Kind::Double, Device::Cpu));
    let mut amplitudes = Tensor::ones([1, 1], (Kind::Double, Device::Cpu));
    for _ in 0..ROUNDS {
        let round = Round {
            told: &told,
            fold: &fold,
            range,
        };
        let sums = workers::each((0..told.len()).collect(), |part| round.sums(part));
        let sums = Sums::joined(sums);
        let n = sums.amplitudes.size()[0] as f64;
        let mean = &sums.first / n;
        let spread = sums.second - mean.matmul(&mean.tr()) * n;
        let factor = fold.narrow(0, 1, k).narrow(1, 1, k);
        let spread = factor.matmul(&spread).matmul(&factor.tr());
        let covariance = (spread + &eye * DECLARED) / (n + DECLARED);
        let at = fold.narrow(0, 1, k).narrow(1, 0, 1) + factor.matmul(&mean);
        let covariance = (&covariance + covariance.tr()) * 0.5;
        let next = Tensor::cat(&[&at, &covariance.linalg_cholesky(false)], 1);
        fold = Tensor::cat(&[&fold.narrow(0, 0, 1), &next], 0);
        amplitudes = sums.amplitudes;
    }
    let basis = fold.tr().to_kind(Kind::Float).matmul(&start.basis());
    let amplitudes = match bright {
        true => {
            let (sorted, _) = amplitudes.view([-1]).sort(0, false);
            let last = sorted.size()[0] - 1;
            let end = |part: f64, room: f64| sorted.get((part * last as f64) as i64) * room;
            let ends = [end(0.01, 1.0 / ROOM), end(0.99, ROOM)];
            Tensor::stack(&ends, 0).view([1, 2]).to_kind(Kind::Float)
        }
        false => start.amplitudes,
    };
    ImagePopulation {
        dark: start.dark,
        mean: basis.narrow(0, 0, 1).contiguous(),
        modes: basis.narrow(0, 1, k).contiguous(),
        amplitudes,
    }
}

/// What the products are made of.
struct Survey<'a> {
    y: &'a Tensor,
    latent: &'a Latent,
    channel: &'a LinearImages,
    basis: Tensor,
    dark: &'a Tensor,
}

// SAFETY: libtorch lets several threads read its tensors, and nothing else is done with them.
unsafe impl Sync for Survey<'_> {}

impl Survey<'_> {
    fn told(&self, rows: &Range<i64>) -> Vec<Products> {
        let n = rows.end - rows.start;
        let (y, latent) = (
            self.y.narrow(0, rows.start, n),
            self.latent.narrow(rows.start, n),
        );
        products(self.channel, [&self.basis, self.dark], &y, &latent)
    }
}

/// What a round of expectation maximisation goes through.
struct Round<'a> {
    told: &'a [Vec<Products>],
    fold: &'a Tensor,
    range: &'a Tensor,
}

// SAFETY: libtorch lets several threads read its tensors, and nothing else is done with them.
unsafe impl Sync for Round<'_> {}

impl Round<'_> {
    fn sums(&self, part: usize) -> Sums {
        Sums::of(&self.told[part], self.fold, self.range)
    }
}

/// Of the posteriors of some observations: sums of ζ̂ and of Q⁻¹ + ζ̂ ζ̂ᵀ, and the amplitudes [n, 1].
struct Sums {
    first: Tensor,
    second: Tensor,
    amplitudes: Tensor,
}

impl Sums {
    fn of(told: &[Products], fold: &Tensor, range: &Tensor) -> Self {
        let one = |products: &Products| {
            let found = products.folded(fold).solved(range);
            let own = found.coordinates.matmul(&found.coordinates.tr());
            Self {
                second: own + found.covariance(),
                first: found.coordinates,
                amplitudes: found.amplitude,
            }
        };
        Self::joined(told.iter().map(one).collect())
    }

    /// There is one at least.
    fn joined(all: Vec<Self>) -> Self {
        let sum = |of: &dyn Fn(&Self) -> &Tensor| {
            let mut parts = all.iter().map(of);
            let first = parts.next().map(Tensor::copy).unwrap_or_default();
            parts.fold(first, |sum, t| sum + t)
        };
        let amplitudes: Vec<&Tensor> = all.iter().map(|s| &s.amplitudes).collect();
        Self {
            first: sum(&|s| &s.first),
            second: sum(&|s| &s.second),
            amplitudes: Tensor::cat(&amplitudes, 0),
        }
    }
}
