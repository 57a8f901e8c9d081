//! A case worked out, for people and as JSON.

use super::gaussian::{Case, Iterate};
use super::path::Path;
use serde::Serialize;
use std::fmt;

/// The sequence and what the theory says of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The path, with its ε.
    pub interpolant: Path,
    /// Standard deviation of the channel's noise.
    pub sigma: f64,
    /// Standard deviations of π.
    pub std: Vec<f64>,
    /// Diffusion ε of the backward SDE.
    pub epsilon: f64,
    /// χ over the Gaussians that the sequence can visit.
    pub chi: f64,
    /// L over the same.
    pub regularity: f64,
    /// 1 + L/4ε − 1/χ; none for ε = 0.
    pub factor: Option<f64>,
    /// Whether L < 4ε/χ, so that this factor is below 1.
    pub contracts: bool,
    /// π_0, π_1, …
    pub iterates: Vec<Iterate>,
}

impl Report {
    /// Up to `iterations` iterates from the variances `start`.
    #[must_use]
    pub fn new(case: &Case, start: &[f64], iterations: usize) -> Self {
        let epsilon = case.path.epsilon(case.sigma);
        let visited = case.visited(start);
        let factor = (epsilon > 0.0).then(|| visited.factor(epsilon));
        Self {
            interpolant: case.path,
            sigma: case.sigma,
            std: case.truth.iter().map(|v| v.sqrt()).collect(),
            epsilon,
            chi: visited.chi,
            regularity: visited.regularity,
            factor,
            contracts: factor.is_some_and(|f| f < 1.0),
            iterates: case.sequence(start, iterations),
        }
    }

    /// What the theory promises for this case.
    fn promise(&self) -> String {
        let (chi, l) = (self.chi, self.regularity);
        let known = format!("Over the Gaussians between start and truth: χ = {chi:.4}");
        match (self.interpolant, self.factor) {
            (Path::FokkerPlanck, Some(factor)) => {
                format!(
                    "{known}, so that each factor is at most 1 − 1/χ = {factor:.4} (Corollary 1)."
                )
            }
            (_, Some(factor)) if self.contracts => format!(
                "{known}, L = {l:.4}, so that each factor is at most 1 + L/4ε − 1/χ = {factor:.4} (Theorem 1)."
            ),
            (_, Some(_)) => format!(
                "{known}, L = {l:.4}: Theorem 1 promises nothing, because L is not below 4ε/χ = {:.4}.",
                4.0 * self.epsilon / chi
            ),
            (_, None) => format!(
                "{known}. Theorem 1 needs ε > 0: it promises nothing for the ODE (1 − 1/χ = {:.4}, for comparison).",
                1.0 - 1.0 / chi
            ),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "π = N(0, diag s²), s = {}; y = x + σ ξ, σ = {}; {}, ε = {}\n",
            list(&self.std),
            self.sigma,
            words(self.interpolant),
            self.epsilon
        )?;
        writeln!(
            f,
            "   k    KL(π‖π_k)   KL(Kπ‖Kπ_k)   factor   at most   std"
        )?;
        for i in &self.iterates {
            writeln!(
                f,
                "{:4}   {:10.4e}   {:11.4e}   {:>6}   {:>7}   {}",
                i.k,
                i.kl,
                i.kl_observed,
                number(i.factor),
                number(i.bound),
                list(&i.std)
            )?;
        }
        write!(f, "\n{}", self.promise())
    }
}

fn words(path: Path) -> String {
    match path {
        Path::Ode => "ODE".to_owned(),
        Path::Sde { gamma, .. } => format!("SDE with γ = {gamma} t(1−t)"),
        Path::FokkerPlanck => "Fokker–Planck interpolant".to_owned(),
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |v| format!("{v:.4}"))
}

fn list(values: &[f64]) -> String {
    let words: Vec<String> = values.iter().map(|v| format!("{v:.5}")).collect();
    words.join(", ")
}
