//! Poisson variables on the device, by inversion of uniforms.

use crate::base::random::Rows;
use tch::Tensor;

/// Uniforms are cut here: closer to 1 than single precision resolves a cumulative probability, the
/// inverse is meaningless.
const LAST: f64 = 1.0 - 1e-6;
/// Above this mean the inverse is taken from its expansion.
const LARGE: f64 = 10.0;
/// Mean counts end here: the stretch of a wild value overflows to infinity.
pub(super) const MOST: f64 = 1e30;
/// The count of mean [`LARGE`] that [`LAST`] never passes (its quantile there is 27).
const COUNTS: i64 = 32;

/// Counts of the given means [B, n] (≥ 0).
pub(super) fn counts(mean: &Tensor, random: &Rows) -> Tensor {
    let n = mean.size()[1];
    few(&mean.clamp_max(LARGE), &random.uniform(0, n)).where_self(
        &mean.lt(LARGE),
        &many(&mean.clamp_min(LARGE), &random.normal(1, n)),
    )
}

/// The number of k with P(count ≤ k) < u.
fn few(mean: &Tensor, u: &Tensor) -> Tensor {
    let u = u.clamp_max(LAST);
    let mut p = (-mean).exp();
    let mut sum = p.copy();
    let mut count = u.zeros_like();
    for k in 1..=COUNTS {
        count += sum.lt_tensor(&u);
        p = p * mean / k as f64;
        sum += &p;
    }
    count
}

/// From a standard normal z: ⌊λ + √λ z + 1/3 + z²/6 − (z/36 + z³/72)/√λ⌋, the inverse of the Poisson
/// distribution with an error below 1/λ (Giles 2016, ACM Trans. Math. Softw. 42, 7, eq. 9: the
/// Cornish–Fisher expansion with the correction for whole numbers).
fn many(mean: &Tensor, z: &Tensor) -> Tensor {
    let root = mean.sqrt();
    let square = z.square();
    let bend: Tensor = z * (&square + 2.0) / (&root * 72.0);
    (mean + root * z + square / 6.0 + 1.0 / 3.0 - bend)
        .floor()
        .clamp_min(0.0)
}
