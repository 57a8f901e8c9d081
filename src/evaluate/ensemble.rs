//! One true value among draws of it: its place (PIT) and the score of the draws (CRPS).

/// Where a true value lies among draws, as a probability integral transform: somewhere in
/// `low..high`, with equal probability.
///
/// m draws of the truth's own law divide the line into m + 1 cells that the truth falls into with
/// equal probability, whatever the law is. So the transform is uniform over 0..1 exactly, for any m:
/// no correction for the finite number of draws is needed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pit {
    /// Lower end of the cell.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Pit {
    /// Of `truth` among `sorted` draws; between equal ones every place is as probable.
    #[must_use]
    pub fn of(truth: f32, sorted: &[f32]) -> Self {
        let cells = (sorted.len() + 1) as f64;
        let below = sorted.partition_point(|d| *d < truth);
        let equal = sorted.partition_point(|d| *d <= truth) - below;
        Self {
            low: below as f64 / cells,
            high: (below + equal + 1) as f64 / cells,
        }
    }

    /// Probability that it lies in `from..to`.
    #[must_use]
    pub fn within(self, from: f64, to: f64) -> f64 {
        (self.high.min(to) - self.low.max(from)).max(0.0) / (self.high - self.low)
    }
}

/// Continuous ranked probability score of at least two `sorted` draws against `truth`, in the fair
/// form (Ferro 2014): E|x − y| − E|x − x'|/2 with x ≠ x', whose expectation does not depend on the
/// number of draws.
#[must_use]
pub fn crps(truth: f32, sorted: &[f32]) -> f64 {
    let m = sorted.len() as f64;
    let y = f64::from(truth);
    let (mut error, mut spread) = (0.0, 0.0);
    for (k, x) in sorted.iter().map(|x| f64::from(*x)).enumerate() {
        error += (x - y).abs();
        // Σ over pairs of x_l − x_k, k < l.
        spread += (2.0 * k as f64 - m + 1.0) * x;
    }
    error / m - spread / (m * (m - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truth_is_placed_in_its_cell_and_ties_share_theirs() {
        let draws = [1.0, 2.0, 2.0, 4.0];
        for (truth, low, high) in [
            (0.0, 0.0, 0.2),
            (3.0, 0.6, 0.8),
            (2.0, 0.2, 0.8),
            (9.0, 0.8, 1.0),
        ] {
            let pit = Pit::of(truth, &draws);
            assert!((pit.low - low).abs() < 1e-12 && (pit.high - high).abs() < 1e-12);
        }
        let p = Pit {
            low: 0.2,
            high: 0.4,
        };
        assert!((p.within(0.25, 0.75) - 0.75).abs() < 1e-12);
        assert_eq!((p.within(0.0, 1.0), p.within(0.5, 1.0)), (1.0, 0.0));
    }

    #[test]
    fn the_score_of_two_draws_by_hand() {
        // |1 − 2| and |5 − 2| average 2; half of |1 − 5| is 2.
        assert!(crps(2.0, &[1.0, 5.0]).abs() < 1e-12);
        // All draws alike: the absolute error.
        assert!((crps(2.0, &[5.0, 5.0, 5.0]) - 3.0).abs() < 1e-12);
    }
}
