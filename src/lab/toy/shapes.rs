//! The clean distributions, in the usual sizes of the toy problems of generative models.

use crate::base::random::Rows;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::f64::consts::{PI, TAU};
use tch::{Kind, Tensor};

/// Radius of the moons' arcs, and the scatter about them.
const ARC: f64 = 4.0;
const ARC_WIDTH: f64 = 0.3;
/// Centre of the upper arc; the centre of the lower one lies opposite.
const ARC_CENTRE: [f64; 2] = [-2.0, -1.0];
/// Radius of the circle of eight Gaussians, and their standard deviation.
const RING: f64 = 4.0;
const BLOB: f64 = 0.3;
/// Side of the checkerboard's cells.
const CELL: f64 = 2.0;

/// A clean distribution in the plane, of mean 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Two half circles of radius 4, one turned over and moved into the other, with a scatter of 0.3.
    TwoMoons,
    /// Eight Gaussians of standard deviation 0.3 on a circle of radius 4.
    EightGaussians,
    /// Uniform on the eight black cells, of side 2, of a board of 4 × 4.
    Checkerboard,
    /// The two moons, of which one coordinate is seen, in a random direction that is known.
    RandomProjection,
    /// The two moons, turned over about the origin with probability 0.3.
    LostSign,
}

impl Shape {
    /// Whether its channel does more than add noise: then draws for single observations are scored, too.
    #[must_use]
    pub fn is_blind(self) -> bool {
        matches!(self, Self::RandomProjection | Self::LostSign)
    }

    /// Its name in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TwoMoons => "two moons",
            Self::EightGaussians => "eight Gaussians",
            Self::Checkerboard => "checkerboard",
            Self::RandomProjection => "random projection",
            Self::LostSign => "lost sign",
        }
    }

    /// One point for each of the rows of `random`, [B, 2].
    pub fn sample(self, random: &Rows) -> Tensor {
        match self {
            Self::TwoMoons | Self::RandomProjection | Self::LostSign => {
                let angle = random.uniform(0, 1) * PI;
                let arc = Tensor::cat(&[angle.cos(), angle.sin()], 1) * ARC;
                let upper = arc + row(ARC_CENTRE) + random.normal(2, 2) * ARC_WIDTH;
                let side = random.uniform(1, 1).lt(0.5).to_kind(Kind::Float) * 2.0 - 1.0;
                upper * side
            }
            Self::EightGaussians => {
                let turn = (random.uniform(0, 1) * 8.0).floor() * (TAU / 8.0);
                let centre = Tensor::cat(&[turn.cos(), turn.sin()], 1) * RING;
                centre + random.normal(1, 2) * BLOB
            }
            Self::Checkerboard => {
                let x = random.uniform(0, 1) * 4.0 - 2.0;
                let half = random.uniform(2, 1).lt(0.5).to_kind(Kind::Float) * 2.0;
                let y = random.uniform(1, 1) - half + x.floor().remainder(2.0);
                Tensor::cat(&[x, y], 1) * CELL
            }
        }
    }

    /// How far `point` lies from the middle line of the nearest arm, or from the nearest centre of a
    /// blob, with its sign where it has one; `None` for shapes without such a middle.
    #[must_use]
    pub fn offset(self, point: [f64; 2]) -> Option<f64> {
        match self {
            Self::TwoMoons | Self::RandomProjection | Self::LostSign => {
                let opposite = [-point[0], -point[1]];
                let offsets = [point, opposite].map(from_arc);
                let [a, b] = offsets;
                Some(if a.abs() < b.abs() { a } else { b })
            }
            Self::EightGaussians => {
                let turn = (point[1].atan2(point[0]) / (TAU / 8.0)).round() * (TAU / 8.0);
                let (x, y) = (RING * turn.cos(), RING * turn.sin());
                Some((point[0] - x).hypot(point[1] - y))
            }
            Self::Checkerboard => None,
        }
    }
}

/// Distance from the upper arc, positive outside: along the radius above its ends, else from the
/// nearer end.
fn from_arc(point: [f64; 2]) -> f64 {
    let (x, y) = (point[0] - ARC_CENTRE[0], point[1] - ARC_CENTRE[1]);
    if y >= 0.0 {
        x.hypot(y) - ARC
    } else {
        (x.abs() - ARC).hypot(y)
    }
}

fn row(v: [f64; 2]) -> Tensor {
    Tensor::from_slice(&v.map(|x| x as f32)).unsqueeze(0)
}
