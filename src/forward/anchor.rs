//! What a Gaussian population says of the clean rows behind observations.

use tch::Tensor;

/// The posterior of each row under a Gaussian population: what a network is told of it; all [B, D].
#[derive(Debug)]
pub struct Anchor {
    /// Its mean m.
    pub mean: Tensor,
    /// Its standard deviations, roughly: the unit in which a network speaks.
    pub scatter: Tensor,
    /// m less the population's mean, over the population's standard deviations.
    pub shift: Tensor,
    /// The observation less its mean, over its standard deviations; 0 where masked.
    pub seen: Tensor,
}

impl Anchor {
    pub(super) fn with(&self, other: &Self, f: &impl Fn(&Tensor, &Tensor) -> Tensor) -> Self {
        Self {
            mean: f(&self.mean, &other.mean),
            scatter: f(&self.scatter, &other.scatter),
            shift: f(&self.shift, &other.shift),
            seen: f(&self.seen, &other.seen),
        }
    }
}
