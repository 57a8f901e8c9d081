//! The exact sequence π_k for π = N(0, diag S) and y = x + σ ξ, all coordinates independent.
//!
//! The backward SDE du = −(½ s'/s + ε/s) u dτ + √(2ε) dW, τ = 1 − t, is linear. From y at t = 1 it
//! gives X_0 | y ~ N(a y, q) with a² = v/(v + σ²) e^(−2J), q = v (1 − e^(−2J)) and J = ∫ ε/s dt, so
//! that observations of variance S + σ², carried by the fields of π_k = N(0, v), have the variance
//!   v_{k+1} = v + (S − v) e^(−2J(v)) v/(v + σ²).
//! S is the fixed point of every interpolant, and v_k approaches it from one side. For the
//! Fokker–Planck interpolant e^(−2J) = v/(v + σ²): the step is the posterior average (EM).

use super::bounds;
use super::bounds::{Visited, regularity};
use super::path::Path;
use serde::Serialize;

/// Below this KL the factor is rounding: the sequence ends.
const NEGLIGIBLE: f64 = 1e-12;

/// One problem; `truth` holds the variances S.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The interpolant.
    pub path: Path,
    /// Standard deviation of the channel's noise.
    pub sigma: f64,
    /// Variances S of π, one for each coordinate.
    pub truth: Vec<f64>,
}

/// π_k.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Iterate {
    /// Number of the iterate; 0 is the start.
    pub k: usize,
    /// Standard deviation per coordinate.
    pub std: Vec<f64>,
    /// KL(π‖π_k), in nats.
    pub kl: f64,
    /// KL(Kπ‖Kπ_k): what the observations tell of it.
    pub kl_observed: f64,
    /// KL(π‖π_k)/KL(π‖π_{k−1}).
    pub factor: Option<f64>,
    /// The largest factor that Theorem 1 (Corollary 1 for Fokker–Planck) allows this step, with χ
    /// and L of π_{k−1}; none for the ODE, which has ε = 0.
    pub bound: Option<f64>,
}

impl Case {
    /// v_{k+1} from v_k in the coordinate whose truth has the variance `truth`.
    #[must_use]
    pub fn next(&self, truth: f64, v: f64) -> f64 {
        let kept = (-2.0 * self.path.diffusion_integral(self.sigma, v)).exp();
        v + (truth - v) * kept * v / (v + self.sigma * self.sigma)
    }

    /// π_0 of the variances `start`, and up to `iterations` iterates after it; fewer where the KL
    /// becomes negligible.
    #[must_use]
    pub fn sequence(&self, start: &[f64], iterations: usize) -> Vec<Iterate> {
        let mut v = start.to_vec();
        let mut sequence = vec![self.iterate(0, &v, None)];
        for k in 1..=iterations {
            let before = &sequence[k - 1];
            if before.kl < NEGLIGIBLE {
                break;
            }
            let past = (before.kl, self.bound(&v, before));
            let pairs = self.truth.iter().zip(&v);
            v = pairs.map(|(s, v)| self.next(*s, *v)).collect();
            sequence.push(self.iterate(k, &v, Some(past)));
        }
        sequence
    }

    /// χ and L over everything that a sequence from `start` (variances) can visit.
    #[must_use]
    pub fn visited(&self, start: &[f64]) -> Visited {
        Visited::between(&self.path, self.sigma, &self.truth, start)
    }

    /// π_k of the variances `v`; `past`: the KL before the step and its bound.
    fn iterate(&self, k: usize, v: &[f64], past: Option<(f64, Option<f64>)>) -> Iterate {
        let kl = self.total(v, bounds::kl);
        let noise = self.sigma * self.sigma;
        Iterate {
            k,
            std: v.iter().map(|v| v.sqrt()).collect(),
            kl,
            kl_observed: self.total(v, |s, v| bounds::kl(s + noise, v + noise)),
            factor: past.map(|(before, _)| kl / before),
            bound: past.and_then(|(_, bound)| bound),
        }
    }

    /// 1 + L/4ε − 1/χ of the step from the variances `v`.
    fn bound(&self, v: &[f64], at: &Iterate) -> Option<f64> {
        let epsilon = self.path.epsilon(self.sigma);
        let drift = self.total(v, |s, v| {
            regularity(&self.path, self.sigma, s, v) * bounds::kl(s, v)
        });
        let factor = 1.0 + drift / at.kl / (4.0 * epsilon) - at.kl_observed / at.kl;
        (epsilon > 0.0).then_some(factor)
    }

    /// Sum over the coordinates of `f`(truth, v).
    fn total(&self, v: &[f64], f: impl Fn(f64, f64) -> f64) -> f64 {
        self.truth.iter().zip(v).map(|(s, v)| f(*s, *v)).sum()
    }
}
