//! Errors of the flux calibration: a factor that varies smoothly with wavelength.

use crate::base::random::Rows;
use tch::Tensor;

/// 1 + a l of the lever `lever`, a uniform in ±`amplitude`.
pub(super) fn tilt(amplitude: f64, lever: &Tensor, random: &Rows) -> Tensor {
    (random.uniform(0, 1) * 2.0 - 1.0) * amplitude * lever + 1.0
}

/// 1 + Σₖ aₖ Pₖ(l), k = 1 … `degree`, Pₖ the Legendre polynomials and aₖ normals of variance
/// `amplitude`² (2k + 1)/`degree`: as Pₖ² is 1/(2k + 1) on average, each of them adds the same to the
/// mean square over the range, `amplitude`².
pub(super) fn throughput(amplitude: f64, degree: usize, lever: &Tensor, random: &Rows) -> Tensor {
    let draws = random.normal(0, degree as i64);
    let term = |(k, polynomial): (usize, &Tensor)| {
        let scale = amplitude * ((2 * k + 3) as f64 / degree as f64).sqrt();
        draws.narrow(1, k as i64, 1) * scale * polynomial
    };
    let polynomials = legendre(lever, degree);
    polynomials[1..]
        .iter()
        .enumerate()
        .map(term)
        .sum::<Tensor>()
        + 1.0
}

/// P₀ … P of degree `degree` of `x`, by Bonnet's recursion (k + 1) Pₖ₊₁ = (2k + 1) x Pₖ − k Pₖ₋₁.
pub(crate) fn legendre(x: &Tensor, degree: usize) -> Vec<Tensor> {
    let mut all = vec![x.ones_like(), x.shallow_clone()];
    for k in 1..degree {
        let n = k as f64;
        all.push((x * &all[k] * (2.0 * n + 1.0) - &all[k - 1] * n) / (n + 1.0));
    }
    all.truncate(degree + 1);
    all
}
