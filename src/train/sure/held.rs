//! The held-out observations of a validation.

use super::rule::{Portion, portions, risk};
use super::spread::{Spread, Tally};
use super::told::{Posteriors, Probed};
use crate::Result;
use crate::base::random::{Purpose, derive};
use crate::base::tensors::matrix;
use crate::base::workers;
use crate::fit::Validation;
use crate::forward::{ForwardModel, MeanBlur};
use crate::nets::VelocityField;
use crate::ranks::Place;
use crate::train::observations::Observations;
use crate::train::validate::Validator;
use ndarray::Array2;
use tch::{Kind, Tensor, no_grad};

/// Draws of each posterior that its variance is measured on.
const DRAWS: u64 = 8;

/// What is known of them whatever the network's weights.
pub(super) struct Held {
    probed: Probed,
    /// What a draw differs from the mean by, `[n, D]`, and the variance of such behind the channel's blur,
    /// where the risk is known, `[n, D]`.
    error: Tensor,
    variance: Tensor,
    /// ln λ_rest of each object's pixels, where its redshift is known.
    rest: Vec<Option<Vec<f64>>>,
}

impl Held {
    /// # Errors
    /// [`crate::Error::Torch`] if the numbers cannot be copied to the host.
    pub fn new(
        posteriors: &Posteriors,
        blur: &MeanBlur,
        held: &Observations,
        seed: u64,
    ) -> Result<Self> {
        let probed = posteriors.probed(held, seed, Place::whole(), u64::MAX)?;
        let seeds: Vec<u64> = (0..=DRAWS)
            .map(|k| derive(seed, Purpose::Validation, 1 << 32 | k))
            .collect();
        let rows: Vec<i64> = (0..held.len()).collect();
        let (_, errors) = posteriors.drawn(held, &seeds, &rows)?;
        let others = (1..=DRAWS as i64).map(|k| blur.apply(&errors.get(k), &held.latent).square());
        let others = Tensor::stack(&others.collect::<Vec<_>>(), 0);
        Ok(Self {
            variance: others.mean_dim([0i64].as_slice(), false, Kind::Float),
            error: errors.get(0),
            rest: posteriors.rest_of(held)?,
            probed,
        })
    }

    /// See [`super::Sure::validate`].
    pub fn validate(
        &self,
        network: &dyn VelocityField,
        blur: &MeanBlur,
        validator: &mut Validator,
        forward: &dyn ForwardModel,
    ) -> Result<(Validation, Spread)> {
        no_grad(|| {
            let held = validator.held();
            let parts = workers::each(portions(held, &self.probed), |part| {
                let Portion {
                    observed, probed, ..
                } = part;
                let risk = no_grad(|| risk(network, blur, &observed, &probed, 0));
                (&probed.told.mean + risk.added, risk.pixels)
            });
            let (means, risks): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
            let (mean, risk) = (Tensor::cat(&means, 0), Tensor::cat(&risks, 0));
            let spread = self.spread(held, &risk)?;
            let factors = spread.of_rows(&self.rest, mean.size()[1], mean.device());
            let weight = held.latent.scale().square().reciprocal();
            let good = held.latent.good.sum(Kind::Double);
            let score = (&risk * weight).sum(Kind::Double) / good;
            let mut found = validator.compare(&(mean + &self.error * factors), forward)?;
            found.score = score.double_value(&[]);
            Ok((found, spread))
        })
    }

    fn spread(&self, held: &Observations, risk: &Tensor) -> Result<Spread> {
        let ends =
            |at: fn(&Vec<f64>) -> Option<&f64>| self.rest.iter().flatten().filter_map(at).copied();
        let from = ends(|r| r.first()).fold(f64::INFINITY, f64::min);
        let to = ends(|r| r.last()).fold(f64::NEG_INFINITY, f64::max);
        if from >= to {
            return Ok(Spread::one());
        }
        let (risk, variance) = (matrix(risk)?, matrix(&self.variance)?);
        // Pixels of little noise tell most.
        let weight = held.latent.scale().square().square().reciprocal() * &held.latent.good;
        let weight = matrix(&weight)?;
        let mut tally = Tally::new((from, to));
        for (i, ln) in self.rest.iter().enumerate() {
            let Some(ln) = ln else { continue };
            let part = |of: &Array2<f32>, j: usize| f64::from(weight[[i, j]] * of[[i, j]]);
            tally.add((0..ln.len()).map(|j| (ln[j], part(&risk, j), part(&variance, j))));
        }
        Ok(tally.spread())
    }
}
