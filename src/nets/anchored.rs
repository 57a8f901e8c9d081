//! Fields of the path I_t = (1−t) x0 + t x_G between clean rows and draws of a Gaussian posterior.
//!
//! With m the mean of that posterior and r = (1−t)² + t²,
//! x̂0 = m + (1−t)/r (I_t − m) + u t/√r · out, u its scatter: the last term is what a network adds, the
//! first two are E[x0 | I_t] where x0 itself is a draw of that posterior, whatever its covariance. So a
//! network that says nothing *is* the Gaussian posterior.

use super::field::Fields;
use crate::forward::Anchor;
use tch::Tensor;

/// What a network is told of an anchored point, besides the time: so many channels.
pub(super) const CHANNELS: i64 = 3;
/// The least time: the weight of the loss is finite there.
const SOON: f64 = 1e-3;

/// The channels, each [B, D]: the point about the posterior's mean in units of its scatter; how far the
/// mean is from the population's; the observation.
pub(super) fn channels(anchor: &Anchor, t: &Tensor, x: &Tensor) -> [Tensor; CHANNELS as usize] {
    [
        (x - &anchor.mean) / &anchor.scatter / squares(t).sqrt(),
        anchor.shift.shallow_clone(),
        anchor.seen.shallow_clone(),
    ]
}

/// The fields at times `t` [B, 1] or [1, 1] and points `x` [B, D] to which a network adds `out` [B, D].
pub(super) fn composed(anchor: &Anchor, t: &Tensor, x: &Tensor, out: &Tensor) -> Fields {
    let t = t.clamp_min(SOON);
    let squares = squares(&t);
    let own: Tensor = (1.0 - &t) / &squares;
    let unit = &anchor.scatter * (&t / squares.sqrt());
    let clean = &anchor.mean + own * (x - &anchor.mean) + &unit * out;
    Fields {
        velocity: (x - &clean) / t,
        denoiser: None,
        clean: Some([clean, unit.square().reciprocal()]),
    }
}

/// (1−t)² + t².
fn squares(t: &Tensor) -> Tensor {
    let left: Tensor = 1.0 - t;
    left.square() + t.square()
}
