//! A trained run of `interpolant.kind = "sure"`, ready to restore.

use super::super::observations::Observations;
use super::super::run::Run;
use super::file;
use super::posteriors::Posteriors;
use super::rule::corrected;
use super::spread::Spread;
use crate::Result;
use crate::base::random::{Purpose, derive};
use crate::data::{Layout, Likely, OtherRedshift};
use crate::nets::VelocityField;
use std::ops::Range;
use tch::{Device, Tensor};

/// What observations are restored to, normalised.
pub struct Found {
    /// E[x | y] `[B, D]`, where it is known better than by the mean of the draws.
    pub mean: Option<Tensor>,
    /// `[n, B, D]`.
    pub draws: Tensor,
    /// Where it is known, the mean with the part of the draws' deviations that is the population's and not
    /// the data's: what they would be, were the observations without noise; `[n, B, D]`.
    pub prior: Option<Tensor>,
    /// How likely each observation is under the run's population; `None` where the run has none, or cannot
    /// tell.
    pub likely: Vec<Option<Likely>>,
}

/// The posteriors and how wide their draws are.
pub struct Mean {
    posteriors: Posteriors,
    spread: Spread,
}

impl Mean {
    /// That of `run`; `None` of a run of another kind.
    ///
    /// # Errors
    /// [`crate::Error::Run`] if the run has no population or checkpoint, or they do not fit.
    pub fn of(run: &Run, layout: &Layout, device: Device) -> Result<Option<Self>> {
        if !run.config().interpolant.is_sure() {
            return Ok(None);
        }
        let (grid, _) = file::spectra(layout)?;
        let learned = file::read(&run.population(), run.seal()?, grid)?;
        let spread = run.spread(device)?.as_ref().map(Spread::of).transpose()?;
        Ok(Some(Self {
            posteriors: Posteriors::new(learned, &run.config().forward, layout, device)?,
            spread: spread.unwrap_or_else(Spread::one),
        }))
    }

    /// The best of the other redshifts that each observation may be at and the population knows; `None`
    /// where there is none to compare.
    ///
    /// # Errors
    /// As [`Mean::restored`].
    pub fn other_redshifts(&self, o: &Observations) -> Result<Vec<Option<OtherRedshift>>> {
        self.posteriors.other_redshifts(o)
    }

    /// E[x | y] `[B, D]` and the `draws` `[n, B, D]` of x given y, normalised; those of row i are from the
    /// stream `streams[i]` of `seed`.
    ///
    /// # Errors
    /// [`crate::Error::Torch`] if the numbers cannot be copied to the host.
    pub fn restored(
        &self,
        network: &dyn VelocityField,
        o: &Observations,
        (seed, streams): (u64, &Tensor),
        draws: Range<u64>,
    ) -> Result<(Tensor, Tensor)> {
        let (seeds, streams) = (seeds(seed, draws), numbers(streams)?);
        let (told, errors) = self.posteriors.drawn(o, &seeds, &streams)?;
        let mean = corrected(network, o, &told);
        let rest = self.posteriors.rest_of(o)?;
        let factors = self.spread.of_rows(&rest, mean.size()[1], mean.device());
        let draws = &mean + errors * factors;
        Ok((mean, draws))
    }

    /// All of [`Mean::restored`], the part of the draws' scatter that is the population's, and how likely each
    /// observation is.
    ///
    /// # Errors
    /// As [`Mean::restored`].
    pub fn whole(
        &self,
        network: &dyn VelocityField,
        o: &Observations,
        (seed, streams): (u64, &Tensor),
        draws: Range<u64>,
    ) -> Result<Found> {
        let (seeds, streams) = (seeds(seed, draws), numbers(streams)?);
        let whole = self.posteriors.whole(o, &seeds, &streams)?;
        let mean = corrected(network, o, &whole.told);
        let rest = self.posteriors.rest_of(o)?;
        let factors = self.spread.of_rows(&rest, mean.size()[1], mean.device());
        Ok(Found {
            draws: &mean + whole.errors * &factors,
            prior: Some(&mean + whole.prior_errors * factors),
            likely: whole.likely,
            mean: Some(mean),
        })
    }
}

fn seeds(seed: u64, draws: Range<u64>) -> Vec<u64> {
    draws.map(|k| derive(seed, Purpose::Transport, k)).collect()
}

fn numbers(streams: &Tensor) -> Result<Vec<i64>> {
    Ok(Vec::<i64>::try_from(streams.to_device(Device::Cpu))?)
}
