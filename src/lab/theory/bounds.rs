//! The constants of Theorem 1 and Corollary 1 for π = N(0, S) and ρ = N(0, v), one coordinate.
//!
//! One iteration from ρ = π_k gives (Girsanov on the backward SDE, and the data processing by K)
//!   KL(π‖π_{k+1}) ≤ KL(π‖π_k) − KL(Kπ‖Kπ_k) + 1/(4ε) ∫ E_π |f_π − f_{π_k}|² dt,
//! with f = b + ε ∇log p the drift of the SDE forward in time, each law's own, averaged over the
//! I_t of π. χ and L are what turns the two last terms into multiples of KL(π‖π_k):
//!   χ = sup KL(π‖ρ)/KL(Kπ‖Kρ),   L = sup ∫ E_π |f_π − f_ρ|² dt / KL(π‖ρ),
//! and give the factor 1 + L/4ε − 1/χ of Theorem 1. For the Fokker–Planck interpolant f = 0, so
//! L = 0: Corollary 1. The paper leaves L open; that it is this constant is our reading.

use super::integral::integral;
use super::path::Path;

/// Points of the scan for the largest L.
const SCAN: usize = 200;

/// KL(N(0, `truth`) ‖ N(0, `v`)), variances.
#[must_use]
pub fn kl(truth: f64, v: f64) -> f64 {
    let u = (truth - v) / v;
    0.5 * u * u * curvature(u)
}

/// χ = KL(π‖ρ)/KL(Kπ‖Kρ) of the variances `truth` of π and `v` of ρ, also for ρ → π, where it is
/// ((S + σ²)/S)². It falls with v, from ∞ at v = 0 to 1 for v → ∞ (the ratio of the derivatives,
/// ((v + σ²)/v)², does).
#[must_use]
pub fn chi(sigma: f64, truth: f64, v: f64) -> f64 {
    let observed = v + sigma * sigma;
    let (u, w) = ((truth - v) / v, (truth - v) / observed);
    (observed / v).powi(2) * curvature(u) / curvature(w)
}

/// L = ∫ E_π |f_π − f_ρ|² dt / KL(π‖ρ), also for ρ → π. With n = ½ s' − ε, the difference of the
/// drifts is n (v − S)/(s_π s_ρ) x.
#[must_use]
pub fn regularity(path: &Path, sigma: f64, truth: f64, v: f64) -> f64 {
    let u = (truth - v) / v;
    forward_difference(path, sigma, truth, v) / (0.5 * curvature(u))
}

/// ∫ E_π |f_π − f_ρ|² dt, over u².
fn forward_difference(path: &Path, sigma: f64, truth: f64, v: f64) -> f64 {
    if *path == Path::FokkerPlanck {
        return 0.0;
    }
    integral(path.width(sigma, v.min(truth)), |t| {
        let added = path.added_variance(sigma, t);
        let (own, other) = (truth + added, v + added);
        (path.forward_rate(sigma, t) * v / other).powi(2) / own
    })
}

/// (u − ln(1 + u))/u², finite at 0: ½.
fn curvature(u: f64) -> f64 {
    if u.abs() < 1e-3 {
        return 0.5 - u * (1.0 / 3.0 - u * (0.25 - u * (0.2 - u / 6.0)));
    }
    (u - u.ln_1p()) / (u * u)
}

/// χ and L over the Gaussians that a sequence visits: every coordinate's variance between the
/// start's and the truth's. Both are sums over the coordinates divided by sums: the worst
/// coordinate bounds them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Visited {
    /// The largest χ.
    pub chi: f64,
    /// The largest L.
    pub regularity: f64,
}

impl Visited {
    /// From the variances `truth` and `start`.
    #[must_use]
    pub fn between(path: &Path, sigma: f64, truth: &[f64], start: &[f64]) -> Self {
        let none = Self {
            chi: 1.0,
            regularity: 0.0,
        };
        truth.iter().zip(start).fold(none, |worst, (s, v)| {
            let step = (s / v).ln() / SCAN as f64;
            let scan = (0..=SCAN).map(|i| v * (i as f64 * step).exp());
            let regularity = scan.map(|v| regularity(path, sigma, *s, v));
            Self {
                chi: worst.chi.max(chi(sigma, *s, v.min(*s))),
                regularity: regularity.fold(worst.regularity, f64::max),
            }
        })
    }

    /// 1 + L/4ε − 1/χ (Theorem 1; Corollary 1 where L = 0).
    #[must_use]
    pub fn factor(&self, epsilon: f64) -> f64 {
        1.0 + self.regularity / (4.0 * epsilon) - 1.0 / self.chi
    }
}
