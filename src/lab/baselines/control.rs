//! The control: the run's own network, trained on what nobody has, clean spectra with observations of
//! them. It tells what a method that has to infer the clean spectra loses by that.
//!
//! As in `interpolant.kind = "sure"`, the network adds to the mean of the rest-frame posterior and is
//! told it. The loss is the true error in place of Stein's estimate, F observes the clean spectra anew
//! in each step, and the spread of the draws comes from the true errors of clean spectra that the
//! network was not fitted to.

use super::descent::{Bound, descend};
use crate::Result;
use crate::base::random::{Purpose, Rows, derive};
use crate::base::tensors::matrix;
use crate::config::TrainConfig;
use crate::fit::Sampler;
use crate::forward::{ForwardModel, observe};
use crate::nets::VelocityField;
use crate::train::{Observations, Posteriors, Spread, Tally, corrected, correction};
use ndarray::Array2;
use std::ops::Range;
use tch::{Kind, Tensor};

/// Rows at once.
const BATCH: i64 = 64;
/// Draws of each posterior that its variance is measured on.
const DRAWS: u64 = 8;
/// Clean spectra that the spread is measured on, at most, and the part of all that they are at most.
const ASIDE: (i64, i64) = (256, 8);

/// Clean spectra [N, D] and recorded observations of the same objects, row for row.
pub(super) struct Pairs<'a> {
    pub clean: &'a Tensor,
    pub observed: &'a Observations,
}

/// How the network is fitted.
pub(super) struct Fit<'a> {
    pub forward: &'a dyn ForwardModel,
    pub posteriors: &'a Posteriors,
    pub train: &'a TrainConfig,
    pub bound: Bound,
    pub seed: u64,
}

/// The fitted network and how wide its draws are.
pub(super) struct Control<'a> {
    network: Box<dyn VelocityField>,
    posteriors: &'a Posteriors,
    spread: Spread,
    /// Steps of its training.
    pub steps: u64,
}

impl Pairs<'_> {
    fn len(&self) -> i64 {
        self.observed.len()
    }

    /// Rows `index` and new observations of them.
    fn observed_anew(
        &self,
        index: &Tensor,
        forward: &dyn ForwardModel,
        random: &Rows,
    ) -> Result<(Tensor, Observations)> {
        let clean = self.clean.index_select(0, index);
        let recorded = self.observed.latent.select(index);
        let (y, latent) = observe(forward, &clean, &recorded, random)?;
        let flux = y * &latent.good;
        Ok((clean, Observations { flux, latent }))
    }
}

impl<'a> Control<'a> {
    /// Fits `network` to `pairs`.
    ///
    /// # Errors
    /// As [`ForwardModel::observe`]; [`crate::Error::Torch`] if numbers cannot be copied to the host.
    pub fn fit(
        network: Box<dyn VelocityField>,
        pairs: &Pairs,
        fit: &Fit<'a>,
    ) -> Result<Control<'a>> {
        let device = pairs.clean.device();
        let all: Vec<i64> = (0..pairs.len()).collect();
        let aside = crate::evaluate::evenly(&all, ASIDE.0.min(pairs.len() / ASIDE.1) as usize);
        let fitted: Vec<i64> = all.into_iter().filter(|i| !aside.contains(i)).collect();
        let mut sampler = Sampler::new(fit.seed, fitted.len() as i64, fit.train.batch);
        let portions = |step| {
            let rows = sampler.rows(step);
            let index: Vec<i64> = rows.iter().map(|r| fitted[*r as usize]).collect();
            let index = Tensor::from_slice(&index).to_device(device);
            let n = rows.len() as i64;
            let random = Rows::range(fit.seed, Purpose::Forward, step, n, device);
            let (clean, o) = pairs.observed_anew(&index, fit.forward, &random)?;
            let told = fit.posteriors.told(&o)?;
            let part = |(o, r): (Observations, Range<i64>)| {
                let narrow = |t: &Tensor| t.narrow(0, r.start, o.len());
                let told = [narrow(&told.mean), narrow(&told.scatter)];
                let share = o.len() as f64 / n as f64;
                (narrow(&clean), told, share, o)
            };
            Ok(o.parts().into_iter().map(part).collect())
        };
        type Portion = (Tensor, [Tensor; 2], f64, Observations);
        let loss = |network: &dyn VelocityField, portion: Portion, step| {
            let (clean, [mean, scatter], share, o) = portion;
            let found = &mean + correction(network, &o, [&mean, &scatter], step);
            let weight = o.latent.scale().square().reciprocal();
            Ok(((found - clean).square() * weight).mean(Kind::Float) * share)
        };
        let (network, steps) = descend(network, fit.bound, fit.train, portions, loss)?;
        let mut control = Self {
            network,
            posteriors: fit.posteriors,
            spread: Spread::one(),
            steps,
        };
        control.spread = control.measured(pairs, &aside, fit)?;
        Ok(control)
    }

    /// The spread that the true errors of the rows `aside` ask for.
    fn measured(&self, pairs: &Pairs, aside: &[i64], fit: &Fit) -> Result<Spread> {
        if aside.len() < 2 {
            return Ok(Spread::one());
        }
        let device = pairs.clean.device();
        let index = Tensor::from_slice(aside).to_device(device);
        let random = Rows::range(fit.seed, Purpose::Validation, 0, aside.len() as i64, device);
        let (clean, o) = pairs.observed_anew(&index, fit.forward, &random)?;
        let (mean, errors) = self.apart(&o, DRAWS, fit.seed)?;
        let square = matrix(&(mean - clean).square())?;
        let variance = matrix(
            &errors
                .square()
                .mean_dim([0i64].as_slice(), false, Kind::Float),
        )?;
        let rest = self.posteriors.rest_of(&o)?;
        let known = || rest.iter().flatten().flatten().copied();
        let (from, to) = known().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), ln| {
            (a.min(ln), b.max(ln))
        });
        if from >= to {
            return Ok(Spread::one());
        }
        let mut tally = Tally::new((from, to));
        for (i, ln) in rest.iter().enumerate() {
            let Some(ln) = ln else { continue };
            let at = |of: &Array2<f32>, j: usize| f64::from(of[[i, j]]);
            tally.add((0..ln.len()).map(|j| (ln[j], at(&square, j), at(&variance, j))));
        }
        Ok(tally.spread())
    }

    /// E[x | y] `[N, D]` and `n` draws of x given y, `[n, N, D]`.
    ///
    /// # Errors
    /// [`crate::Error::Torch`] if the numbers cannot be copied to the host.
    pub fn restored(&self, o: &Observations, n: u64, seed: u64) -> Result<(Tensor, Tensor)> {
        let (mean, errors) = self.apart(o, n, seed)?;
        let rest = self.posteriors.rest_of(o)?;
        let factors = self.spread.of_rows(&rest, mean.size()[1], mean.device());
        let draws = &mean + errors * factors;
        Ok((mean, draws))
    }

    /// The means and what draws of the Gaussian posterior differ from its own by.
    fn apart(&self, o: &Observations, n: u64, seed: u64) -> Result<(Tensor, Tensor)> {
        let seeds: Vec<u64> = (0..n)
            .map(|k| derive(seed, Purpose::Transport, k))
            .collect();
        let mut parts = Vec::new();
        for start in (0..o.len()).step_by(BATCH as usize) {
            let rows = BATCH.min(o.len() - start);
            let part = o.narrow(start, rows);
            let streams: Vec<i64> = (start..start + rows).collect();
            let (told, errors) = self.posteriors.drawn(&part, &seeds, &streams)?;
            parts.push((corrected(self.network.as_ref(), &part, &told), errors));
        }
        let (means, errors): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        Ok((Tensor::cat(&means, 0), Tensor::cat(&errors, 1)))
    }
}
