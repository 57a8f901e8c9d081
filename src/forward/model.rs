//! What every forward model is.

use super::latent::Latent;
use crate::Result;
use crate::base::random::Rows;
use tch::Tensor;

/// A stochastic channel y = F(x), run on batches. Several threads may run it at a time
/// ([`crate::base::workers`]).
pub trait ForwardModel: Send + Sync {
    /// Observes clean rows `x` [B, D] (normalised) and returns y [B, D] together with the latent
    /// of that observation. `recorded` is the latent of the observations that x came from: what the
    /// channel takes as given (the mask; ivar and the line-spread function, or a stage's latent,
    /// where the config says so) is kept, the rest is drawn afresh. Masked pixels of y hold standard
    /// normals. What a row becomes depends on that row and its random stream alone.
    ///
    /// # Errors
    /// [`Error::Simulator`](crate::Error::Simulator) if a program outside fails.
    fn observe(&self, x: &Tensor, recorded: &Latent, random: &Rows) -> Result<(Tensor, Latent)>;

    /// Whether a batch may be given in parts, to several threads: not to one program, which would answer
    /// one after the other.
    fn takes_parts(&self) -> bool {
        true
    }

    /// Gives point-spread functions of the survey, [N, C · P · P], to a channel that draws from them.
    fn take_psfs(&mut self, _psfs: &Tensor) {}

    /// How many numbers K and planes P the network is told of each corruption
    /// ([`Latent::vector`], [`Latent::planes`]).
    fn widths(&self) -> (usize, usize) {
        (0, 0)
    }
}
