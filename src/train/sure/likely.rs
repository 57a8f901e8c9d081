//! How likely observations are under the population that a run learned.

use super::posteriors::Posteriors;
use super::usual::Usual;
use crate::Result;
use crate::data::{Block, Likely, RowBlock};
use crate::population::{Likelihood, RestPosterior};
use crate::train::data::Data;
use crate::train::host_blocks::on_host;

/// Observations that tell what is usual, at most, and how many held-out ones are enough: of fewer, the
/// law has no tail.
const USUAL: i64 = 512;
const USUAL_MIN: usize = 200;

impl Posteriors {
    /// Finds what is usual among observations of `data`, unless it is known: those held out, and of a small
    /// survey, which holds out too few to tell, those that the population was learned from beside them.
    ///
    /// # Errors
    /// [`crate::Error::Torch`] if the numbers cannot be copied to the host, [`crate::Error::Input`] if they cannot be
    /// read.
    pub fn see_what_is_usual(&mut self, data: &Data) -> Result<()> {
        if self.learned.usual.is_some() {
            return Ok(());
        }
        let held = on_host(&data.heldout)?;
        let mut found = self.likelihoods(&held);
        if held.len() < USUAL_MIN {
            let more = data.training.len().min(USUAL - held.len() as i64);
            let trained = on_host(&data.training.part(0..more)?)?;
            found.extend(self.likelihoods(&trained));
        }
        // As the file holds it, so that a resumed run has the same bits.
        let usual = Usual::of(found.into_iter().flatten());
        let single = usual.scores.mapv(|s| f64::from(s as f32));
        self.learned.usual = Some(Usual::from_scores(single));
        Ok(())
    }

    fn likelihoods(&self, block: &Block) -> Vec<Option<Likelihood>> {
        let found = self.each(block, |_, p| p.map(RestPosterior::likelihood));
        found
            .into_iter()
            .map(|l| l.filter(|l| l.pixels > 0))
            .collect()
    }

    /// How likely observations are, by what was found of them.
    pub(super) fn judged(&self, found: Vec<Option<Likelihood>>) -> Vec<Option<Likely>> {
        let judged = |found: Likelihood| match &self.learned.usual {
            Some(usual) => usual.likely(&found),
            None => Likely {
                loglike: found.loglike,
                p: f64::NAN,
            },
        };
        found.into_iter().map(|l| l.map(judged)).collect()
    }
}
