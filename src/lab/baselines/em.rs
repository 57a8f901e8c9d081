//! Expectation–maximisation with posterior sampling (Rozet et al. 2024): a diffusion prior from
//! observations alone.
//!
//! E: a draw from the posterior of every observation under the present prior; M: the prior is fitted
//! to the draws. Its covariances are those of a Gaussian with the draws' moments. It starts, as Rozet et al. do, with Gaussian priors, whose M-step is in closed form.

use super::gaussian::Gaussian;
use super::linear::Linear;
use super::posterior::Posterior;
use super::prior::{Denoiser, Fit, Prior};
use crate::base::random::{Purpose, Rows, derive};
use crate::data::Layout;
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
    /// Conjugate gradients per evaluation.
    pub iterations: usize,
}

/// What EM finds.
pub struct Found {
    /// The diffusion prior of the last round.
    pub prior: Prior,
    /// Of the moments of the last draws that outnumber the pixels, else the one it started with.
    pub gaussian: Gaussian,
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
        Gaussian::fit(&rounds.draw([&prior, &prior], channel, observed, round))
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
) -> std::result::Result<Found, String> {
    let mut shape = gaussian(start, channel, observed, rounds);
    let mut draws = rounds.draw([&shape, &shape], channel, observed, rounds.gaussian);
    let prior = Prior::new(layout, &draws, rounds.fit.seed)?;
    for round in 0..rounds.diffusion {
        if round > 0 {
            draws = rounds.draw([&prior, &shape], channel, observed, rounds.gaussian + round);
            if observed.len() > draws.size()[1] {
                shape = Gaussian::fit(&draws);
            }
        }
        let seed = derive(rounds.fit.seed, Purpose::Baselines, round);
        prior.fit(&draws, Fit { seed, ..rounds.fit });
    }
    Ok(Found {
        prior,
        gaussian: shape,
    })
}

impl Rounds {
    /// The E-step, with a prior and the denoiser whose Jacobian gives its covariance.
    fn draw(
        &self,
        [prior, shape]: [&dyn Denoiser; 2],
        channel: &Linear,
        observed: &Observations,
        round: u64,
    ) -> Tensor {
        let posterior = Posterior {
            prior,
            shape,
            channel,
            steps: self.steps,
            iterations: self.iterations,
        };
        // Streams of other numbers than those of the fits.
        let step = u64::from(u32::MAX) + round;
        let device = observed.flux.device();
        let random = Rows::range(
            self.fit.seed,
            Purpose::Baselines,
            step,
            observed.len(),
            device,
        );
        posterior.draw(observed, &random)
    }
}
