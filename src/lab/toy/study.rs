//! The study: every shape under every noise level by every interpolant, restored and scored.

use super::arm::Arm;
use super::calibration::{Calibration, calibration, exact};
use super::learn::{learn_behind, observed};
use super::metrics::{half_width, knn_divergence, maximum_mean_discrepancy, neighbour_distances};
use super::settings::Settings;
use super::shapes::Shape;
use crate::Result;
use crate::base::random::{Purpose, Rows, derive};
use crate::base::statistics::median;
use crate::base::tensors::matrix;
use crate::evaluate::{Slices, sliced_wasserstein};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tch::Device;

/// Points that are restored and scored.
const SCORED: i64 = 2000;
/// Neighbour of the divergence and of the spacing.
const NEIGHBOUR: usize = 5;
/// Bandwidth of the MMD's kernel: about the width of the moons' arms, so that it sees them.
const BANDWIDTH: f64 = 0.3;

/// What is to be studied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Clean distributions.
    pub shapes: Vec<Shape>,
    /// Standard deviations of the noise.
    pub sigmas: Vec<f64>,
    /// Interpolants.
    pub arms: Vec<Arm>,
    /// Optimiser steps of each arm.
    pub steps: u64,
    /// Observations that each arm learns from.
    pub samples: usize,
    /// Of points, weights and order.
    pub seed: u64,
    /// Settings of the trainings, `section.key=value`, that differ from those of the arm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<String>,
}

/// Results of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Study {
    /// What was asked for.
    pub plan: Plan,
    /// One for each shape and noise level.
    pub cases: Vec<Case>,
}

/// One shape under one noise level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The clean distribution.
    pub shape: Shape,
    /// Standard deviation of the noise.
    pub sigma: f64,
    /// The clean points, the observations, then one cloud for each arm.
    pub clouds: Vec<Cloud>,
    /// Of draws from the exact posterior, where the channel does more than add noise.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exact: Option<Calibration>,
}

/// A cloud of points beside the truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cloud {
    /// `clean`, `observed`, or the arm.
    pub name: String,
    /// Against the truth.
    pub scores: Scores,
    /// Passes of one observation through the network that its training took, in units of a forward
    /// one: E-step, gradients. None for points that are given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub evaluations: Option<[u64; 2]>,
    /// Of draws for single observations, where the channel does more than add noise.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub calibration: Option<Calibration>,
    /// [N, 2]; for the figure.
    #[serde(skip)]
    pub points: Array2<f32>,
}

/// Scores against clean points that nothing was learned from. Of the clean points' own row: against
/// another sample of them, the least that a score of finite samples can be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Sliced 2-Wasserstein distance.
    pub sliced: f64,
    /// Squared maximum mean discrepancy, unbiased: may be negative.
    pub mmd2: f64,
    /// KL(truth ‖ cloud) in nats, by the fifth neighbours.
    pub divergence: f64,
    /// Median distance to the fifth neighbour over the truth's: ≪ 1 where a cloud collapses.
    pub spacing: f64,
    /// Half-width of the arms or blobs over the truth's, ≪ 1 likewise; none without arms.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub width: Option<f64>,
}

/// Runs a plan, its arms side by side on rayon's threads; `finished` is called after each arm. The result
/// does not depend on the number of threads: every arm computes on one.
///
/// # Errors
/// As the training.
pub fn run(plan: &Plan, finished: &(dyn Fn(Shape, f64, Arm) + Sync)) -> Result<Study> {
    let cases: Vec<(Shape, f64)> = plan
        .shapes
        .iter()
        .flat_map(|shape| plan.sigmas.iter().map(|sigma| (*shape, *sigma)))
        .collect();
    let restored = cases
        .iter()
        .flat_map(|(shape, sigma)| plan.arms.iter().map(|arm| (*shape, *sigma, *arm)))
        .collect::<Vec<_>>()
        .into_par_iter()
        .with_max_len(1)
        .map(|(shape, sigma, arm)| {
            let cloud = restored(plan, shape, sigma, arm)?;
            finished(shape, sigma, arm);
            Ok(cloud)
        })
        .collect::<Result<Vec<_>>>()?;
    let cases = cases
        .into_iter()
        .zip(restored.chunks(plan.arms.len()))
        .map(|((shape, sigma), restored)| case(plan, shape, sigma, restored))
        .collect::<Result<_>>()?;
    Ok(Study {
        plan: plan.clone(),
        cases,
    })
}

/// What an arm restores, and what it cost.
struct Restored {
    points: Array2<f32>,
    evaluations: [u64; 2],
    calibration: Option<Calibration>,
}

/// Learned from the observations of number 0, restored are those of number 1.
fn restored(plan: &Plan, shape: Shape, sigma: f64, arm: Arm) -> Result<Restored> {
    let seed = derive(plan.seed, Purpose::Toy, shape as u64);
    let (_, training) = observed(shape, sigma, plan.samples as i64, seed, 0)?;
    let settings = Settings::of(arm, plan.steps, &plan.set)?;
    let channel = shape.channel(sigma);
    let (map, evaluations) = learn_behind(arm, &settings, &training, channel.as_ref(), seed)?;
    let (_, fresh) = observed(shape, sigma, SCORED, seed, 1)?;
    let random = Rows::range(seed, Purpose::Transport, u64::MAX, SCORED, Device::Cpu);
    let calibration = (shape.is_blind() && arm.interpolant().makes_draws())
        .then(|| calibration(&map, shape, sigma, seed));
    Ok(Restored {
        points: matrix(&map.draw(&fresh, &random))?,
        evaluations,
        calibration: calibration.transpose()?,
    })
}

/// The clouds of a case, scored on the clean points of number 2.
fn case(plan: &Plan, shape: Shape, sigma: f64, restored: &[Restored]) -> Result<Case> {
    let seed = derive(plan.seed, Purpose::Toy, shape as u64);
    let (clean, seen) = observed(shape, sigma, SCORED, seed, 1)?;
    let (truth, _) = observed(shape, sigma, SCORED, seed, 2)?;
    let truth = matrix(&truth)?;
    let names = ["clean", "observed"].map(str::to_owned);
    let arms = plan.arms.iter().map(|a| a.name().to_owned());
    let first = [matrix(&clean)?, matrix(&seen.flux)?].map(|points| (points, None, None));
    let learned = restored
        .iter()
        .map(|r| (r.points.clone(), Some(r.evaluations), r.calibration));
    let clouds = names
        .into_iter()
        .chain(arms)
        .zip(first.into_iter().chain(learned));
    Ok(Case {
        shape,
        sigma,
        clouds: clouds
            .map(|(name, (points, evaluations, calibration))| Cloud {
                name,
                scores: scores(shape, points.view(), truth.view(), seed),
                evaluations,
                calibration,
                points,
            })
            .collect(),
        exact: (shape.is_blind())
            .then(|| exact(shape, sigma, seed))
            .transpose()?,
    })
}

fn scores(shape: Shape, cloud: ArrayView2<f32>, truth: ArrayView2<f32>, seed: u64) -> Scores {
    let spacing = |x| median(neighbour_distances(x, x, NEIGHBOUR, true));
    let widths = half_width(shape, cloud).zip(half_width(shape, truth));
    Scores {
        sliced: sliced_wasserstein(cloud, truth, Slices::Whole, seed),
        mmd2: maximum_mean_discrepancy(cloud, truth, BANDWIDTH),
        divergence: knn_divergence(truth, cloud, NEIGHBOUR),
        spacing: spacing(cloud) / spacing(truth),
        width: widths.map(|(cloud, truth)| cloud / truth),
    }
}
