//! Draws for single observations beside the exact posterior, which in the plane importance sampling gives.

use super::learn::{Learned, observed};
use super::shapes::Shape;
use crate::Result;
use crate::base::random::{Purpose, Rows};
use crate::base::tensors::numbers;
use crate::train::Observations;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// Observations, draws of each, and the clean points that importance sampling takes.
const OBJECTS: i64 = 500;
const DRAWS: i64 = 99;
const POINTS: i64 = 20_000;
/// Parts of the draws between which the truth should lie so often.
pub const LEVELS: [f64; 4] = [0.5, 0.68, 0.9, 0.95];

/// How draws for single observations agree with the truth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// How often each coordinate of the truth lies between the draws' quantiles, for [`LEVELS`].
    pub coverage: [f64; 4],
    /// Scatter of the draws over the error of their mean; 1 where they are honest.
    pub spread: f64,
    /// Energy score (a CRPS in the plane): lower is better.
    pub energy: f64,
}

/// Of the draws that `map` makes of observations of `shape` under noise `sigma` that it has not seen.
///
/// # Errors
/// As [`observed`].
pub fn calibration(map: &Learned, shape: Shape, sigma: f64, seed: u64) -> Result<Calibration> {
    let (truth, seen) = observed(shape, sigma, OBJECTS, seed, 3)?;
    let draw = |k: i64| {
        let rows = Rows::range(seed, Purpose::Transport, k as u64, OBJECTS, Device::Cpu);
        map.draw(&seen, &rows)
    };
    let draws: Vec<Tensor> = (0..DRAWS).map(draw).collect();
    scored(&truth, &Tensor::stack(&draws, 0))
}

/// Of draws from the exact posterior, for the same observations.
///
/// # Errors
/// As [`observed`].
pub fn exact(shape: Shape, sigma: f64, seed: u64) -> Result<Calibration> {
    let (truth, seen) = observed(shape, sigma, OBJECTS, seed, 3)?;
    let points = Rows::range(seed, Purpose::Toy, 4, POINTS, Device::Cpu);
    let points = shape.sample(&points);
    let draws: Vec<Tensor> = (0..OBJECTS)
        .map(|i| posterior(shape, sigma, &points, &seen, i, seed))
        .collect();
    scored(&truth, &Tensor::stack(&draws, 1))
}

/// Draws [DRAWS, 2] of the posterior of observation `i`: `points` taken by their likelihoods.
fn posterior(
    shape: Shape,
    sigma: f64,
    points: &Tensor,
    seen: &Observations,
    i: i64,
    seed: u64,
) -> Tensor {
    let one = seen.narrow(i, 1);
    let weight = shape.likelihood(sigma, points, &one.flux, &one.latent);
    let below = weight.softmax(0, Kind::Double).cumsum(0, Kind::Double);
    let rows = Rows::range(seed, Purpose::Toy, 5 + i as u64, DRAWS, Device::Cpu);
    let u = rows.uniform(9, 1).view([-1]).to_kind(Kind::Double);
    let index = u.bucketize(&below, false, false);
    points.index_select(0, &index.clamp_max(POINTS - 1))
}

/// Of `draws` [K, N, 2] of posteriors to which the `truth` [N, 2] belongs.
fn scored(truth: &Tensor, draws: &Tensor) -> Result<Calibration> {
    let k = draws.size()[0];
    let mean = |t: &Tensor| t.mean(Kind::Double).double_value(&[]);
    let below = draws.lt_tensor(truth);
    let rank = below.sum_dim_intlist([0i64].as_slice(), false, Kind::Float);
    // K draws part the line into K + 1 equally likely pieces.
    let place = (rank + 0.5) / (k + 1) as f64;
    let coverage =
        LEVELS.map(|level| mean(&((&place - 0.5).abs() * 2.0).lt(level).to_kind(Kind::Float)));
    let centre = draws.mean_dim([0i64].as_slice(), false, Kind::Float);
    let error = mean(&(&centre - truth).square()) / (1.0 + 1.0 / k as f64);
    let spread = mean(&draws.var_dim([0i64].as_slice(), true, false));
    let norm = |t: &Tensor| {
        t.square()
            .sum_dim_intlist([-1i64].as_slice(), false, Kind::Float)
            .sqrt()
    };
    let pairs = norm(&(draws - draws.roll([1], [0])));
    let energy = mean(&norm(&(draws - truth))) - 0.5 * mean(&pairs);
    let finite = numbers(&centre)?.iter().all(|v| v.is_finite());
    Ok(Calibration {
        coverage,
        spread: (spread / error).sqrt(),
        energy: if finite { energy } else { f64::NAN },
    })
}
