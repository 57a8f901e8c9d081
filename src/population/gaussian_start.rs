//! The posterior of a Gaussian population behind a channel, for batches of observations.

use super::joint::{Joint, eigen, factor};
use super::scatter_table::ScatterTable;
use super::seen_patterns::seen_patterns;
use crate::base::random::Rows;
use crate::forward::{Anchor, Latent};
use crate::transport::Start;
use tch::{Device, Kind, Tensor};

/// Modes of f with less than this part of the largest variance count as erased.
const ERASED: f64 = 1e-6;
/// Added to every variance, over the largest one, so that rounding leaves the equations solvable.
const JITTER: f64 = 1e-10;
/// Least scatter of a pixel over the population's.
const LEAST: f64 = 1e-2;
/// Variances below this part of the largest are none.
const INVERTIBLE: f64 = 1e-6;
/// Rows whose equations are solved at once.
const SOLVED: i64 = 16;

/// With f = E f + Σ v_k √λ_k ζ_k the signal, y = f + n, and g_k = Cov(x, f) v_k:
/// x = E x + Σ g_k ζ_k/√λ_k + R η, R what f says nothing of. Where the noise is one σ in all pixels,
/// the gain on mode k is g_k/(λ_k + σ²), and a draw of the posterior is
/// m + Σ g_k √(1/λ_k − 1/(λ_k + σ²)) ζ_k + R η. Elsewhere the equations of the row are solved, and its
/// draws are made by Matheron's rule.
#[derive(Debug)]
pub struct GaussianStart {
    mean: Tensor,
    seen: Tensor,
    /// √ of the variances of x and of f, [1, D].
    deviation: Tensor,
    signal_variance: Tensor,
    /// v_k and g_k as columns, [D, K]; λ_k, [K].
    vectors: Tensor,
    gains: Tensor,
    variances: Tensor,
    /// Rᵀ, [D, D].
    rest: Tensor,
    cross: Tensor,
    signal: Tensor,
    covariance: Tensor,
    scatter: ScatterTable,
}

// SAFETY: libtorch lets several threads read its tensors, and nothing else is done with them.
unsafe impl Sync for GaussianStart {}

impl GaussianStart {
    /// For the moments of the population and of what the channel makes of it.
    #[must_use]
    pub fn new(joint: &Joint, device: Device) -> Self {
        let double = |t: &Tensor| t.to_device(Device::Cpu).to_kind(Kind::Double);
        let (values, vectors) = eigen(&double(&joint.signal));
        let largest = values.max().double_value(&[]).max(f64::MIN_POSITIVE);
        let kept = values.gt(largest * ERASED).nonzero().view([-1]);
        let (values, vectors) = (
            values.index_select(0, &kept),
            vectors.index_select(1, &kept),
        );
        let gains = double(&joint.cross).matmul(&vectors);
        let covariance = double(&joint.covariance);
        let told = (&gains / &values).matmul(&gains.tr());
        let own = covariance.diag(0).clamp_min(0.0);
        let levels = ScatterTable::levels(largest);
        let weights: Tensor = (values.unsqueeze(0) + levels.unsqueeze(1)).reciprocal();
        let left = own.unsqueeze(0) - weights.matmul(&gains.square().tr());
        let least = own.mean(Kind::Double) * (LEAST * LEAST);
        let single = |t: &Tensor| t.to_kind(Kind::Float).contiguous().to_device(device);
        Self {
            mean: single(&joint.mean),
            seen: single(&joint.seen),
            deviation: single(&own.maximum(&least).sqrt().unsqueeze(0)),
            signal_variance: single(&joint.signal.diag(0).clamp_min(0.0).unsqueeze(0)),
            rest: single(&factor(&(covariance - told)).tr()),
            cross: single(&joint.cross),
            covariance: single(&joint.covariance),
            signal: single(&(&vectors * &values).matmul(&vectors.tr())),
            scatter: ScatterTable::new(largest, single(&left.maximum(&least).sqrt().unsqueeze(0))),
            vectors: single(&vectors),
            gains: single(&gains),
            variances: single(&values),
        }
    }

    /// The standard normals of a draw's modes [B, K] and of what f says nothing of [B, D].
    fn chance(&self, random: &Rows) -> [Tensor; 2] {
        let (k, d) = (self.variances.size()[0], self.mean.size()[1]);
        [random.normal(100, k), random.normal(101, d)]
    }

    /// Mean and draw of rows whose noise is one σ in all pixels, none masked.
    fn plain(&self, residual: &Tensor, latent: &Latent, [z, rest]: [&Tensor; 2]) -> [Tensor; 2] {
        let total = latent.sigma.narrow(1, 0, 1).square() + &self.variances;
        let modes = residual.matmul(&self.vectors) / &total;
        let mean = &self.mean + modes.matmul(&self.gains.tr());
        let width = (self.variances.reciprocal() - total.reciprocal()).clamp_min(0.0);
        let draw = &mean + (z * width.sqrt()).matmul(&self.gains.tr()) + rest.matmul(&self.rest);
        [mean, draw]
    }

    /// Mean and draw of any rows.
    fn solved(
        &self,
        residual: &Tensor,
        latent: &Latent,
        [z, rest, noise]: [&Tensor; 3],
    ) -> [Tensor; 2] {
        let good = &latent.good;
        let other = (z * self.variances.sqrt()).matmul(&self.vectors.tr());
        let other = (other + noise * &latent.sigma) * good;
        let jitter = self.variances.max() * JITTER;
        // A masked pixel: its row and column become the identity's, its residual is 0.
        let noise: Tensor = latent.sigma.square() * good + (1.0 - good) + jitter;
        let pairs = good.unsqueeze(1) * good.unsqueeze(2);
        let system = &self.signal * pairs + noise.diag_embed(0, -2, -1);
        let factor = system.to_kind(Kind::Double).linalg_cholesky(false);
        let sides = Tensor::stack(&[residual, &other], 2).to_kind(Kind::Double);
        let solved = sides.cholesky_solve(&factor, false).to_kind(Kind::Float);
        let through = |k: i64| solved.select(2, k).matmul(&self.cross.tr());
        let mean = &self.mean + through(0);
        let own = (z / self.variances.sqrt()).matmul(&self.gains.tr()) + rest.matmul(&self.rest);
        let draw = &mean + own - through(1);
        [mean, draw]
    }
}

impl Start for GaussianStart {
    fn anchored(&self, y: &Tensor, latent: &Latent, random: &Rows) -> (Tensor, Latent) {
        let d = y.size()[1];
        let residual = (y - &self.seen) * &latent.good;
        let [z, rest] = self.chance(random);
        let sigma = &latent.sigma;
        let [mut mean, mut draw] = self.plain(&residual, latent, [&z, &rest]);
        let others = uneven(latent);
        for from in (0..others.size()[0]).step_by(SOLVED as usize) {
            let rows = others.narrow(0, from, SOLVED.min(others.size()[0] - from));
            let of = |t: &Tensor| t.index_select(0, &rows);
            let noise = of(&random.normal(102, d));
            let found = self.solved(
                &of(&residual),
                &latent.select(&rows),
                [&of(&z), &of(&rest), &noise],
            );
            for (all, part) in [&mut mean, &mut draw].into_iter().zip(found) {
                let _ = all.index_copy_(0, &rows, &part);
            }
        }
        let deviation = (&self.signal_variance + sigma.square())
            .sqrt()
            .clamp_min(1e-6);
        let window = Tensor::zeros([y.size()[0]], (Kind::Int64, y.device()));
        let anchor = Anchor {
            scatter: self.scatter.at(&window, latent, &self.deviation),
            shift: (&mean - &self.mean) / &self.deviation,
            seen: &residual / deviation,
            mean,
        };
        (draw, latent.shallow_clone().on(anchor))
    }

    /// (1 − K A) (x′ − E x′) of a draw x′ of the population; A x′ is what f says of it.
    fn prior_error(&self, _: &Tensor, latent: &Latent, random: &Rows) -> Tensor {
        let [z, rest] = self.chance(random);
        let total = latent.sigma.narrow(1, 0, 1).square() + &self.variances;
        let left = (&total - &self.variances) / total / self.variances.sqrt();
        let mut error = (&z * left).matmul(&self.gains.tr()) + rest.matmul(&self.rest);
        let others = uneven(latent);
        let none = latent.sigma.zeros_like();
        for from in (0..others.size()[0]).step_by(SOLVED as usize) {
            let rows = others.narrow(0, from, SOLVED.min(others.size()[0] - from));
            let of = |t: &Tensor| t.index_select(0, &rows);
            let none = of(&none);
            let [mean, draw] =
                self.solved(&none, &latent.select(&rows), [&of(&z), &of(&rest), &none]);
            let _ = error.index_copy_(0, &rows, &(draw - mean));
        }
        error
    }

    fn seen_patterns(&self, latent: &Latent) -> Option<Tensor> {
        // f's regression on x: Cov(f, x) C⁺.
        let (values, vectors) = eigen(&self.covariance);
        let least = values.max() * INVERTIBLE;
        let inverse = values
            .reciprocal()
            .where_self(&values.gt_tensor(&least), &values.zeros_like());
        let inverse = (&vectors * inverse).matmul(&vectors.tr());
        let blur = self.cross.to_kind(Kind::Double).tr().matmul(&inverse);
        seen_patterns(&blur, &self.covariance, latent)
    }
}

/// Rows whose noise is not one σ in all pixels, none masked.
pub(super) fn uneven(latent: &Latent) -> Tensor {
    let ends = |t: &Tensor| {
        [
            t.amin([1i64].as_slice(), true),
            t.amax([1i64].as_slice(), true),
        ]
    };
    let ([low, high], [seen, _]) = (ends(&latent.sigma), ends(&latent.good));
    let plain = high.le_tensor(&(low * 1.000_01)).logical_and(&seen.gt(0.0));
    plain.view([-1]).logical_not().nonzero().view([-1])
}
