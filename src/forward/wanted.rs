//! What a channel takes from its observations besides flux, noise and width.

use super::latent::Latent;
use crate::{Error, Result};

/// Whether it takes the lines of the sky, and the resolution matrix.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub sky: bool,
    pub resolution: bool,
}

impl Wanted {
    /// Whether the observations bring it.
    ///
    /// # Errors
    /// [`Error::Config`] if they do not.
    pub fn check(self, recorded: &Latent) -> Result<()> {
        let lacks = |t: &tch::Tensor| t.size()[1] == 0;
        let problem = if self.sky && lacks(&recorded.sky) {
            "a stage \"sky\", but the prepared set holds no sky"
        } else if self.resolution && lacks(&recorded.resolution) {
            "a smoothing from = \"matrix\", but the prepared set holds no resolution matrices"
        } else {
            return Ok(());
        };
        let fix = "prepare the set with this config";
        Err(Error::config("config", "forward", problem, fix))
    }
}
