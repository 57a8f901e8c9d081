//! Noise levels and the probability-flow integrator of EDM (Karras et al. 2022).

use tch::Tensor;

/// Largest and least noise level in units of the population's standard deviation, and the exponent
/// that spaces them (EDM, equation 5).
const SIGMA_MAX: f64 = 20.0;
const SIGMA_MIN: f64 = 0.01;
const RHO: f64 = 7.0;

/// `steps` + 1 falling levels for a population of standard deviation `scale`; the last is 0.
pub(super) fn levels(scale: f64, steps: usize) -> Vec<f64> {
    let [first, last] = [SIGMA_MAX, SIGMA_MIN].map(|s| (s * scale).powf(1.0 / RHO));
    let place = |i: usize| i as f64 / steps.saturating_sub(1).max(1) as f64;
    let level = |i: usize| (first + place(i) * (last - first)).powf(RHO);
    (0..steps).map(level).chain([0.0]).collect()
}

/// Integrates dx/dσ = (x − D(x; σ))/σ from `x` at the first level to the last by Heun's method (EDM,
/// algorithm 1); `estimate` is D(x, σ, number of the evaluation).
pub(super) fn heun(
    mut x: Tensor,
    levels: &[f64],
    estimate: impl Fn(&Tensor, f64, u64) -> Tensor,
) -> Tensor {
    for (i, pair) in levels.windows(2).enumerate() {
        let (sigma, next) = (pair[0], pair[1]);
        let phase = 2 * i as u64;
        let slope = (&x - estimate(&x, sigma, phase)) / sigma;
        let euler = &x + &slope * (next - sigma);
        x = if next > 0.0 {
            let after = (&euler - estimate(&euler, next, phase + 1)) / next;
            x + (slope + after) * (0.5 * (next - sigma))
        } else {
            euler
        };
    }
    x
}
