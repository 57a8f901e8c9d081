//! The mean of the posterior, learned by Stein's unbiased risk estimate (SURE).
//!
//! Where the channel blurs, tilts and adds Gaussian noise of known variance, the Gaussian population
//! behind the observations gives a posterior in closed form ([`crate::population::RestFilter`]). What no
//! Gaussian can know (lines that are strong together with a continuum, the forest's skewness) a network
//! adds to its mean, fitted to the recorded observations alone: the risk of an estimate ŷ of the signal
//! behind y = s + n, n ~ N(0, Σ), is the distance to y itself but for a divergence,
//! E|ŷ − s|² = E[|ŷ − y|² + 2 tr(Σ ∂ŷ/∂y)] − tr Σ (Stein 1981), and one random probe b ~ N(0, Σ) tells the
//! trace: E[b·(∂ŷ/∂y) b] (Ramani et al. 2008).
//!
//! A draw of the posterior is the mean so learned, plus what a draw of the Gaussian posterior differs
//! from its own mean by, times a factor that held-out observations ask for: how much scatter about the
//! population's mean they show, over how much of it the population expects them to.

mod file;
mod held;
mod likely;
mod mean;
mod posteriors;
mod redshifts;
mod rule;
mod sky;
mod spread;
mod told;
mod usual;

pub(crate) use file::Learned;
pub use mean::{Found, Mean};
pub(crate) use posteriors::Posteriors;
pub(crate) use rule::{corrected, correction};

use super::data::Data;
use super::observations::Observations;
use super::run::Run;
use super::validate::Validator;
use crate::Result;
use crate::config::Config;
use crate::fit::Validation;
use crate::forward::{ForwardModel, MeanBlur};
use crate::nets::VelocityField;
use crate::ranks::Place;
use held::Held;
use rule::Portion;
pub(crate) use spread::{Spread, Tally};
use tch::Device;

/// What a run of `interpolant.kind = "sure"` trains with.
pub(super) struct Sure {
    posteriors: Posteriors,
    blur: MeanBlur,
    seed: u64,
    /// Made in the first validation.
    held: Option<Held>,
}

impl Sure {
    /// With the population of the run's folder, or learned from `data`.
    ///
    /// # Errors
    /// As [`file::learn`] and [`file::read`].
    pub fn new(run: &Run, data: &Data, device: Device) -> Result<Self> {
        let config = run.config();
        let population = file::of(run, data)?;
        let mut posteriors = Posteriors::new(population, &config.forward, &data.layout, device)?;
        posteriors.see_what_is_usual(data)?;
        Ok(Self {
            posteriors,
            blur: MeanBlur::new(&config.forward, &data.layout, device),
            seed: config.seed,
            held: None,
        })
    }

    /// What was measured on the sky fibres of `config`, in words; `None` where it names none.
    pub fn sky(&self, config: &Config) -> Option<String> {
        let found = self.posteriors.learned().residues.as_ref();
        (config.survey.sky_fibres.is_some()).then(|| sky::words(found))
    }

    /// Writes the population into the run's folder.
    ///
    /// # Errors
    /// [`crate::Error::Output`] if it cannot be written.
    pub fn write(&self, run: &Run) -> Result<()> {
        file::write(&run.population(), run.seal()?, self.posteriors.learned())
    }

    /// The rows of a batch with their posteriors, shared out.
    ///
    /// # Errors
    /// [`crate::Error::Torch`] if the numbers cannot be copied to the host.
    pub fn portions(&self, batch: &Observations, place: Place, step: u64) -> Result<Vec<Portion>> {
        let probed = self.posteriors.probed(batch, self.seed, place, step)?;
        Ok(rule::portions(batch, &probed))
    }

    /// What [`Portion::loss`] is told.
    pub fn blur(&self) -> &MeanBlur {
        &self.blur
    }

    /// The risk at the held-out observations, the law of F of draws against theirs, and the spread that
    /// the draws should have.
    ///
    /// # Errors
    /// As [`ForwardModel::observe`].
    pub fn validate(
        &mut self,
        network: &dyn VelocityField,
        validator: &mut Validator,
        forward: &dyn ForwardModel,
    ) -> Result<(Validation, Spread)> {
        let held = match self.held.take() {
            Some(held) => held,
            None => Held::new(&self.posteriors, validator.held(), self.seed)?,
        };
        let found = held.validate(network, &self.blur, validator, forward);
        self.held = Some(held);
        found
    }
}
