//! How likely an observation is under the population that a run learned.

/// ln p(y | z) of an observation, and how usual that is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likely {
    /// Natural logarithm of the density over the good pixels, per unit of normalised flux.
    pub loglike: f64,
    /// Probability that an observation of the survey is as unlikely; NaN where nothing is known of it.
    pub p: f64,
}

/// Another redshift that explains an observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OtherRedshift {
    /// The best of those tried.
    pub z: f64,
    /// ln p(y | z) less that of the recorded redshift.
    pub gain: f64,
}
