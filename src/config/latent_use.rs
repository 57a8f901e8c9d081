//! What is known of what a corruption drew.

use serde::{Deserialize, Serialize};

/// What is known of a corruption's latent (mask, direction, quality, rays).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LatentUse {
    /// It comes with each observation, the network is told it, and F is run anew with the same.
    Kept,
    /// The network is told it, and F draws a fresh one every time it is run.
    Redrawn,
    /// The network is not told it, and F draws a fresh one every time it is run.
    Hidden,
}
