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

    /// How likely each observation is; `None` of one without a good pixel or a solution.
    ///
    /// # Errors
    /// As [`Mean::restored`].
    pub fn likely(&self, o: &Observations) -> Result<Vec<Option<Likely>>> {
        self.posteriors.likely(o)
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

    /// What `draws` `[n, B, D]` of [`Mean::restored`] would differ from its mean by, were the observations
    /// without noise: the part of their scatter that is the population's.
    ///
    /// # Errors
    /// As [`Mean::restored`].
    pub fn prior_errors(
        &self,
        o: &Observations,
        (seed, streams): (u64, &Tensor),
        draws: Range<u64>,
    ) -> Result<Tensor> {
        let (seeds, streams) = (seeds(seed, draws), numbers(streams)?);
        let errors = self.posteriors.prior_errors(o, &seeds, &streams)?;
        let rest = self.posteriors.rest_of(o)?;
        let factors = self
            .spread
            .of_rows(&rest, o.flux.size()[1], errors.device());
        Ok(errors * factors)
    }
}

fn seeds(seed: u64, draws: Range<u64>) -> Vec<u64> {
    draws.map(|k| derive(seed, Purpose::Transport, k)).collect()
}

fn numbers(streams: &Tensor) -> Result<Vec<i64>> {
    Ok(Vec::<i64>::try_from(streams.to_device(Device::Cpu))?)
}
