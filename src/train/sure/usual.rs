//! How likely observations of the run's own survey are under its population: the law by which others are
//! called unusual. No population is quite Gaussian, and no noise quite what it is said to be; what held-out
//! observations show of both is usual.

use crate::base::null::Null;
use crate::data::Likely;
use crate::population::Likelihood;
use ndarray::Array2;

/// How many there are of each.
pub(super) const SCORES: usize = 3;

/// The scores ([`Likelihood::scores`]) of some observations, `[n, SCORES]`, and their laws.
#[derive(Debug, Clone)]
pub(crate) struct Usual {
    pub scores: Array2<f64>,
    laws: [Null; SCORES],
}

impl Usual {
    /// From observations that the population was not learned from.
    pub fn of(found: impl Iterator<Item = Likelihood>) -> Self {
        let flat: Vec<f64> = found.flat_map(|l| l.scores()).collect();
        let scores =
            Array2::from_shape_vec((flat.len() / SCORES, SCORES), flat).unwrap_or_default();
        Self::from_scores(scores)
    }

    /// From what [`Usual::scores`] was.
    pub fn from_scores(scores: Array2<f64>) -> Self {
        let laws = std::array::from_fn(|k| {
            Null::new(
                scores
                    .columns()
                    .into_iter()
                    .skip(k)
                    .take(1)
                    .flatten()
                    .copied(),
            )
        });
        Self { scores, laws }
    }

    /// An observation beside them: the probability that one of the survey is as unlikely, be it as a whole, in
    /// its broad features, or for want of lines; the most telling counts, three times.
    pub fn likely(&self, found: &Likelihood) -> Likely {
        let p = self
            .laws
            .iter()
            .zip(found.scores())
            .map(|(law, s)| law.p(s));
        let least = p.filter(|p| p.is_finite()).fold(f64::INFINITY, f64::min);
        Likely {
            loglike: found.loglike,
            p: match least.is_finite() {
                true => (SCORES as f64 * least).min(1.0),
                false => f64::NAN,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(square: f64, broad: f64) -> Likelihood {
        Likelihood {
            loglike: -1.0,
            square,
            pixels: 100,
            broad,
            modes: 10,
            smooth: -30.0 - 0.1 * square,
        }
    }

    #[test]
    fn what_is_odd_as_a_whole_or_in_its_broad_features_has_a_small_p_and_the_usual_has_not() {
        let n = 400;
        let spread = |i: usize| 2.0 * (i as f64 / f64::from(n) - 0.5);
        let usual =
            Usual::of((0..400).map(|i| of(100.0 + 14.0 * spread(i), 10.0 + 4.0 * spread(i))));
        assert!(usual.likely(&of(100.0, 10.0)).p > 0.5);
        for odd in [of(300.0, 10.0), of(100.0, 60.0)] {
            assert!(usual.likely(&odd).p < 1e-3);
        }
        let again = Usual::from_scores(usual.scores.clone());
        assert_eq!(
            again.likely(&of(120.0, 12.0)),
            usual.likely(&of(120.0, 12.0))
        );
        assert!(
            Usual::of(std::iter::empty())
                .likely(&of(1.0, 1.0))
                .p
                .is_nan()
        );
    }
}
