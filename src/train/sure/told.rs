//! What the network is told of a batch.

use crate::data::Likely;
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

/// What is told of some observations, and draws of their posteriors.
#[derive(Debug)]
pub(crate) struct Whole {
    pub told: Told,
    /// What draws differ from the means by, `[n, B, D]`: draw k of row i from the stream `numbers[i]` of
    /// `seeds[k]`.
    pub errors: Tensor,
    /// The part of it that is the population's and not the noise's, of the same streams.
    pub prior_errors: Tensor,
    /// How likely each observation is; `None` of one without a good pixel or a solution.
    pub likely: Vec<Option<Likely>>,
}
