//! What the network is told of a batch.

use tch::Tensor;

/// What the population says of some observations, each `[B, D]`.
#[derive(Debug)]
pub(crate) struct Told {
    /// The posterior's mean.
    pub mean: Tensor,
    /// The unit of what the network adds to it: √(s σ²/(s + σ²)), s the population's variance at the
    /// pixel.
    pub scatter: Tensor,
    /// The observation less what is expected of its signal; 0 where masked.
    pub misfit: Tensor,
}

/// The same with the answers to a random change of each observation.
#[derive(Debug)]
pub(crate) struct Probed {
    pub told: Told,
    /// b, a draw of the noise; 0 where masked.
    pub probe: Tensor,
    /// Of mean and misfit, per unit of b.
    pub mean: Tensor,
    pub misfit: Tensor,
}

impl Probed {
    /// Those of the `n` rows from `start` on.
    pub fn narrow(&self, start: i64, n: i64) -> Self {
        let part = |t: &Tensor| t.narrow(0, start, n);
        Self {
            told: Told {
                mean: part(&self.told.mean),
                scatter: part(&self.told.scatter),
                misfit: part(&self.told.misfit),
            },
            probe: part(&self.probe),
            mean: part(&self.mean),
            misfit: part(&self.misfit),
        }
    }
}
