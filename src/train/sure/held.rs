//! The held-out observations of a validation.

use super::posteriors::Posteriors;
use super::rule::{Portion, portions, risk};
use super::spread::{Spread, Tally};
use super::told::Probed;
use crate::Result;
use crate::base::random::{Purpose, derive};
use crate::base::workers;
use crate::fit::Validation;
use crate::forward::{ForwardModel, MeanBlur};
use crate::nets::VelocityField;
use crate::ranks::Place;
use crate::train::observations::Observations;
use crate::train::validate::Validator;
use ndarray::Array1;
use tch::{Kind, Tensor, no_grad};

/// Draws of the population for each object that tell how much signal is expected.
const DRAWS: u64 = 8;

/// What is known of them whatever the network's weights.
pub(super) struct Held {
    probed: Probed,
    /// What a draw differs from the mean by, `[n, D]`.
    error: Tensor,
    /// How wide the draws should be, and ln λ_rest of each object's pixels, where its redshift is known.
    spread: Spread,
    rest: Vec<Option<Vec<f64>>>,
}

impl Held {
    /// # Errors
    /// [`crate::Error::Torch`] if the numbers cannot be copied to the host.
    pub fn new(posteriors: &Posteriors, held: &Observations, seed: u64) -> Result<Self> {
        let probed = posteriors.probed(held, seed, Place::whole(), u64::MAX)?;
        let seeds: Vec<u64> = (0..=DRAWS)
            .map(|k| derive(seed, Purpose::Validation, 1 << 32 | k))
            .collect();
        let rows: Vec<i64> = (0..held.len()).collect();
        let (_, errors) = posteriors.drawn(held, &seeds[..1], &rows)?;
        let rest = posteriors.rest_of(held)?;
        let signals = posteriors.signals(held, &seeds[1..], &rows)?;
        Ok(Self {
            error: errors.get(0),
            spread: spread(&rest, &signals),
            rest,
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
            let factors = self
                .spread
                .of_rows(&self.rest, mean.size()[1], mean.device());
            let weight = held.latent.scale().square().reciprocal();
            let good = held.latent.good.sum(Kind::Double);
            let score = (&risk * weight).sum(Kind::Double) / good;
            let mut found = validator.compare(&(mean + &self.error * factors), forward)?;
            found.score = score.double_value(&[]);
            Ok((found, self.spread.clone()))
        })
    }
}

/// The spread by how much signal is found at each object's places and how much is expected.
fn spread(rest: &[Option<Vec<f64>>], signals: &[Option<[Array1<f64>; 2]>]) -> Spread {
    let ends = |at: fn(&Vec<f64>) -> Option<&f64>| rest.iter().flatten().filter_map(at).copied();
    let from = ends(|r| r.first()).fold(f64::INFINITY, f64::min);
    let to = ends(|r| r.last()).fold(f64::NEG_INFINITY, f64::max);
    if from >= to {
        return Spread::one();
    }
    let mut tally = Tally::new((from, to));
    for (ln, signal) in rest.iter().zip(signals) {
        if let (Some(ln), Some([found, expected])) = (ln, signal) {
            tally.add((0..ln.len()).map(|j| (ln[j], found[j], expected[j])));
        }
    }
    tally.spread()
}
