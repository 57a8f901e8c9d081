//! Where a path begins that does not begin at the observation.

use crate::base::random::Rows;
use crate::forward::Latent;
use std::fmt::Debug;
use tch::Tensor;

/// A Gaussian population whose posterior, given an observation, the path begins with.
pub trait Start: Debug + Send + Sync {
    /// A draw x_G of the posterior of each row behind the observations `y` [B, D], and their latent
    /// anchored on it. What a row gets depends on that row and its random stream alone.
    fn anchored(&self, y: &Tensor, latent: &Latent, random: &Rows) -> (Tensor, Latent);

    /// What the draw of [`Start::anchored`] would differ from the posterior's mean by, were the observations
    /// `y` [B, D] of `latent` without noise, [B, D]: its scatter is the part of the posterior's that is the population's
    /// and not the data's.
    fn prior_error(&self, y: &Tensor, latent: &Latent, random: &Rows) -> Tensor;

    /// An orthonormal basis [D, K] of the patterns that observations like those of `latent` tell anything of:
    /// what is orthogonal to them stays the population's own. `None` where there is nothing of the kind, or
    /// it cannot be told.
    fn seen_patterns(&self, _latent: &Latent) -> Option<Tensor> {
        None
    }
}
