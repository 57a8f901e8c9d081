//! Expectation–maximisation with posterior sampling (Rozet et al. 2024): a diffusion prior from
//! observations alone.
//!
//! E: a draw from the posterior of every observation under the present prior; M: the prior is fitted
//! to the draws. It starts, as the source does, with Gaussian priors, whose M-step is in closed form.

use super::{Denoiser, Fit, Gaussian, Posterior, Prior};
use crate::catalog::Layout;
use crate::forward::Linear;
use crate::random::{Purpose, Rows, derive};
use crate::train::Observations;
use tch::Tensor;

/// How much work there is.
#[derive(Debug, Clone, Copy)]
pub struct Rounds {
    /// Rounds with a Gaussian prior.
    pub gaussian: u64,
    /// Rounds with a diffusion prior.
    pub diffusion: u64,
    /// Training of each of these.
    pub fit: Fit,
    /// As in [`Posterior`].
    pub steps: usize,
    pub iterations: usize,
}

/// The Gaussian prior after `rounds` from `start` on.
#[must_use]
pub fn gaussian(
    start: Gaussian,
    channel: &Linear,
    observed: &Observations,
    rounds: &Rounds,
) -> Gaussian {
    (0..rounds.gaussian).fold(start, |prior, round| {
        Gaussian::fit(&draw(&prior, channel, observed, rounds, round))
    })
}

/// The diffusion prior after all rounds; in words, why there is none for such rows.
///
/// # Errors
/// As [`Prior::new`].
pub fn learn(
    start: Gaussian,
    channel: &Linear,
    observed: &Observations,
    layout: &Layout,
    rounds: &Rounds,
) -> std::result::Result<Prior, String> {
    let first = gaussian(start, channel, observed, rounds);
    let mut draws = draw(&first, channel, observed, rounds, rounds.gaussian);
    let prior = Prior::new(layout, &draws, rounds.fit.seed)?;
    for round in 0..rounds.diffusion {
        if round > 0 {
            draws = draw(&prior, channel, observed, rounds, rounds.gaussian + round);
        }
        let seed = derive(rounds.fit.seed, Purpose::Baselines, round);
        prior.fit(&draws, Fit { seed, ..rounds.fit });
    }
    Ok(prior)
}

/// The E-step.
fn draw(
    prior: &dyn Denoiser,
    channel: &Linear,
    observed: &Observations,
    rounds: &Rounds,
    round: u64,
) -> Tensor {
    let posterior = Posterior {
        prior,
        channel,
        steps: rounds.steps,
        iterations: rounds.iterations,
    };
    // Streams of other numbers than those of the fits.
    let step = u64::from(u32::MAX) + round;
    let n = observed.len();
    let random = Rows::range(
        rounds.fit.seed,
        Purpose::Baselines,
        step,
        n,
        observed.flux.device(),
    );
    posterior.draw(observed, &random)
}
