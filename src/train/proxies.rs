//! KL(μ ‖ F#Φ#μ) on the observation side, estimated without truth: how far the law of held-out
//! observations y is from the law of F(Φ(y)), which is zero at the fixed point.
//!
//! In the space of a few leading principal components of the observations, two estimates: the
//! k-nearest-neighbour one of Pérez-Cruz (2008) and the one between two Gaussians. F(Φ(y_i)) remembers y_i,
//! and the estimates want independent samples: the y of one half of the held-out rows are compared
//! with the F(Φ(y)) of the other half. The same between the y of both halves is what zero looks
//! like for as many rows: the floor.

use super::observations::Observations;
use crate::base::random::{Purpose, Rows};
use crate::fit::{Proxies, Proxy};
use tch::{Device, Kind, Tensor};

/// Leading principal components: few, because the estimates need many rows per dimension.
const COMPONENTS: usize = 4;
/// k of the nearest neighbours.
const NEIGHBOUR: i64 = 5;
/// Random divisions into halves that are averaged over.
const SPLITS: i64 = 8;
/// Training observations that the components are learned from.
pub(super) const BASIS_ROWS: i64 = 1024;
/// Fewer held-out observations say nothing.
const FEWEST: i64 = 64;

/// Held-out observations in their principal components, ready to be compared with F(Φ(y)).
#[derive(Debug)]
pub(super) struct Comparison {
    components: Components,
    /// Scores of y, [n, C].
    y: Tensor,
    /// Rows of the one half and of the other, for each division both ways, [2 · SPLITS, n/2].
    halves: [Tensor; 2],
    /// Between y and y: [2 · SPLITS] by nearest neighbours and of Gaussians.
    floor: [Tensor; 2],
}

impl Comparison {
    /// For held-out observations `y` [n, D], with masked pixels filled; components of `training`.
    /// `None` where there are too few of them, or nothing in them varies.
    pub fn new(training: &Observations, y: &Tensor, seed: u64) -> Option<Self> {
        let (n, device) = (y.size()[0], y.device());
        if n < FEWEST {
            return None;
        }
        let rows = training.len().min(BASIS_ROWS);
        let basis = training.select(&Tensor::arange(rows, (Kind::Int64, device)));
        let fill = Rows::range(seed, Purpose::MaskFill, u64::MAX - 1, rows, device);
        let components = Components::of(&basis.filled(&fill))?;
        let order = Rows::range(seed, Purpose::Validation, 4, SPLITS, Device::Cpu)
            .normal(0, n)
            .argsort(1, false);
        let (one, other) = (order.narrow(1, 0, n / 2), order.narrow(1, n / 2, n / 2));
        let halves = [
            Tensor::cat(&[&one, &other], 0),
            Tensor::cat(&[&other, &one], 0),
        ];
        let y = components.scores(y);
        let floor = divergences(&rows_of(&y, &halves[0]), &rows_of(&y, &halves[1]))?;
        Some(Self {
            components,
            y,
            halves,
            floor,
        })
    }

    /// Of F(Φ(y)) `fresh` [n, D], row by row for the same y; `None` where it is not finite.
    pub fn with(&self, fresh: &Tensor) -> Option<Proxies> {
        let fresh = self.components.scores(fresh);
        let values = divergences(
            &rows_of(&self.y, &self.halves[0]),
            &rows_of(&fresh, &self.halves[1]),
        )?;
        let [knn, gaussian] = [0, 1].map(|i| Proxy {
            value: mean(&values[i]),
            floor: mean(&self.floor[i]),
            error: (&values[i] - &self.floor[i]).std(true).double_value(&[]) / 2f64.sqrt(),
        });
        let finite = |p: Proxy| (p.value + p.floor + p.error).is_finite();
        (finite(knn) && finite(gaussian)).then_some(Proxies { knn, gaussian })
    }
}

/// Principal components of pixels in units of their own scatter, so that no noisy pixel is one.
#[derive(Debug)]
struct Components {
    /// [1, D].
    mean: Tensor,
    /// [D, C]; the scores of the rows that they were learned from have the variance 1.
    axes: Tensor,
}

impl Components {
    /// Of the rows `x` [n, D], by the eigenvectors of their products.
    fn of(x: &Tensor) -> Option<Self> {
        let mean = x.mean_dim([0i64].as_slice(), true, Kind::Float);
        let scatter = x.std_dim([0i64].as_slice(), true, true).clamp_min(1e-6);
        let z = (x - &mean) / &scatter;
        let products = z.matmul(&z.tr()).to_device(Device::Cpu);
        let (values, vectors) = products.to_kind(Kind::Double).f_linalg_eigh("L").ok()?;
        let (values, vectors) = (values.flip([0]), vectors.flip([1]));
        let largest = values.double_value(&[0]);
        let significant = values.gt(1e-6 * largest).sum(Kind::Int64).int64_value(&[]);
        let count = significant.min(COMPONENTS as i64);
        if count == 0 || !(largest > 0.0 && largest.is_finite()) {
            return None;
        }
        let unit = (x.size()[0] as f64).sqrt() / values.narrow(0, 0, count);
        let weights = vectors.narrow(1, 0, count) * unit;
        let weights = weights.to_kind(Kind::Float).to_device(x.device());
        let axes = z.tr().matmul(&weights) / scatter.tr();
        Some(Self { mean, axes })
    }

    /// Scores of the rows `x` [n, D], [n, C], on the host.
    fn scores(&self, x: &Tensor) -> Tensor {
        let scores = (x - &self.mean).matmul(&self.axes);
        scores.to_device(Device::Cpu).to_kind(Kind::Double)
    }
}

/// KL(P‖Q) of samples `p` and `q` [S, h, C] by nearest neighbours and of Gaussians, each [S];
/// `None` where they are not finite.
fn divergences(p: &Tensor, q: &Tensor) -> Option<[Tensor; 2]> {
    let finite = (p.sum(Kind::Double) + q.sum(Kind::Double)).double_value(&[]);
    if !finite.is_finite() {
        return None;
    }
    Some([knn(p, q), gaussian(p, q)?])
}

/// Pérez-Cruz: C/h Σ ln(ν_k/ρ_k) + ln(h/(h − 1)), with ρ_k and ν_k the distances of a row of P to
/// its k-th neighbour in P and in Q.
fn knn(p: &Tensor, q: &Tensor) -> Tensor {
    let (h, c) = (p.size()[1] as f64, p.size()[2] as f64);
    // Distances by differences (mode 2): by products, near ones would be rounding.
    let distance = |other: &Tensor, k: i64| {
        let all = Tensor::cdist(p, other, 2.0, 2);
        all.kthvalue(k, -1, false).0.clamp_min(1e-12).log()
    };
    // A row is its own first neighbour.
    let ratio = distance(q, NEIGHBOUR) - distance(p, NEIGHBOUR + 1);
    ratio.mean_dim([1i64].as_slice(), false, Kind::Double) * c + (h / (h - 1.0)).ln()
}

/// ½ [tr(Σ_q⁻¹ Σ_p) + δᵀ Σ_q⁻¹ δ − C + ln det Σ_q − ln det Σ_p].
fn gaussian(p: &Tensor, q: &Tensor) -> Option<Tensor> {
    let ((mp, cp), (mq, cq)) = (moments(p), moments(q));
    let delta = mp - mq;
    let spread = &cp + delta.matmul(&delta.transpose(-1, -2));
    let ratio = Tensor::f_linalg_solve(&cq, &spread, true).ok()?;
    let trace = ratio
        .diagonal(0, -2, -1)
        .sum_dim_intlist([-1i64].as_slice(), false, Kind::Double);
    Some((trace - p.size()[2] as f64 + cq.logdet() - cp.logdet()) * 0.5)
}

/// Mean [S, C, 1] and covariance [S, C, C], the latter kept from being singular.
fn moments(x: &Tensor) -> (Tensor, Tensor) {
    let mean = x.mean_dim([1i64].as_slice(), true, Kind::Double);
    let centred = x - &mean;
    let covariance = centred.transpose(-1, -2).matmul(&centred) / (x.size()[1] as f64 - 1.0);
    let ridge = Tensor::eye(x.size()[2], (Kind::Double, x.device())) * 1e-9;
    (mean.transpose(-1, -2), covariance + ridge)
}

/// Rows `index` [S, h] of `x` [n, C], [S, h, C].
fn rows_of(x: &Tensor, index: &Tensor) -> Tensor {
    let size = index.size();
    x.index_select(0, &index.reshape([-1]))
        .view([size[0], size[1], -1])
}

fn mean(x: &Tensor) -> f64 {
    x.mean(Kind::Double).double_value(&[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::Latent;

    const N: i64 = 512;

    /// A Gaussian with three strong modes in 20 pixels, times `scale`, plus `shift`.
    fn population(stream: u64, n: i64, scale: f64, shift: f64) -> Tensor {
        let modes = Rows::range(1, Purpose::Simulate, 0, 3, Device::Cpu).normal(0, 20);
        let random = Rows::range(2, Purpose::Simulate, stream, n, Device::Cpu);
        (random.normal(0, 3).matmul(&modes) + random.normal(1, 20) * 0.2) * scale + shift
    }

    fn comparison() -> Comparison {
        let flux = population(0, 1000, 1.0, 0.0);
        let latent = Latent::of_pixels(flux.ones_like(), flux.ones_like(), flux.zeros_like());
        let training = Observations { flux, latent };
        Comparison::new(&training, &population(1, N, 1.0, 0.0), 3).unwrap()
    }

    #[test]
    fn the_same_law_is_at_the_floor() {
        let found = comparison().with(&population(2, N, 1.0, 0.0)).unwrap();
        for p in [found.knn, found.gaussian] {
            assert!((p.value - p.floor).abs() < 3.0 * p.error, "{found:?}");
            assert!(p.floor.abs() < 0.15 && p.error < 0.1, "{found:?}");
        }
    }

    #[test]
    fn a_wider_law_has_the_kl_of_the_closed_form() {
        // Per component ½ (1/s² − 1 + ln s²).
        let scale = 1.5f64;
        let exact = 2.0 * (scale.powi(-2) - 1.0 + 2.0 * scale.ln());
        let found = comparison().with(&population(2, N, scale, 0.0)).unwrap();
        assert!((found.gaussian.value - found.gaussian.floor - exact).abs() < 0.1);
        assert!(
            (found.knn.value - found.knn.floor - exact).abs() < 0.3,
            "{exact} {found:?}"
        );
    }

    #[test]
    fn a_shift_and_a_narrowing_are_seen_but_by_neighbours_the_latter_hardly() {
        let c = comparison();
        let shifted = c.with(&population(2, N, 1.0, 1.0)).unwrap();
        for p in [shifted.knn, shifted.gaussian] {
            assert!(p.value > p.floor + 5.0 * p.error, "{shifted:?}");
        }
        let narrow = c.with(&population(2, N, 0.6, 0.0)).unwrap();
        let [knn, gaussian] = [narrow.knn, narrow.gaussian].map(|p| p.value - p.floor);
        assert!(gaussian > 1.0 && knn < gaussian, "{narrow:?}");
    }

    #[test]
    fn rows_that_remember_their_observation_are_not_taken_for_a_better_fit() {
        // F(Φ(y)) = y: the same law, row by row identical.
        let found = comparison().with(&population(1, N, 1.0, 0.0)).unwrap();
        for p in [found.knn, found.gaussian] {
            assert!((p.value - p.floor).abs() < 1e-9, "{found:?}");
        }
    }

    #[test]
    fn what_is_not_finite_or_too_little_has_no_proxies() {
        let c = comparison();
        assert!(c.with(&(population(2, N, 1.0, 0.0) * f64::NAN)).is_none());
        let collapsed = c.with(&population(2, N, 0.0, 0.5)).unwrap();
        assert!(collapsed.gaussian.value > 10.0, "{collapsed:?}");
        let flux = population(0, 100, 1.0, 0.0);
        let latent = Latent::of_pixels(flux.ones_like(), flux.ones_like(), flux.zeros_like());
        let training = Observations { flux, latent };
        assert!(Comparison::new(&training, &population(1, 63, 1.0, 0.0), 3).is_none());
    }
}
