//! The law of a statistic where restorations are right, known from simulated observations.

/// Simulations above the bulk, whose excesses tell how the tail goes on.
const TAIL: f64 = 0.1;
/// Fewer excesses than this say nothing of a tail.
const ENOUGH: usize = 20;

/// The law of a statistic: empirical where there are simulations, and beyond the highest tenth of
/// them exponential in the excess (peaks over threshold, Pickands 1975, of the shape that normal, χ²
/// and Gumbel tails have; for those it errs to the safe side).
#[derive(Debug, Clone)]
pub struct Null {
    /// Ascending.
    simulated: Vec<f64>,
    /// Where the exponential tail begins, the part of the simulations beyond and their mean excess.
    tail: Option<(f64, f64, f64)>,
}

impl Null {
    /// From simulated values; NaN and ∞ are left out. Where there was nothing to exceed anything, the value is −∞.
    #[must_use]
    pub fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let counts = |v: &f64| *v < f64::INFINITY;
        let mut simulated: Vec<f64> = values.into_iter().filter(counts).collect();
        simulated.sort_by(f64::total_cmp);
        let n = simulated.len();
        let beyond = (TAIL * n as f64) as usize;
        let tail = (beyond >= ENOUGH).then(|| {
            let start = simulated[n - beyond - 1];
            let excess = simulated[n - beyond..]
                .iter()
                .map(|v| v - start)
                .sum::<f64>();
            (start, beyond as f64 / n as f64, excess / beyond as f64)
        });
        Self {
            simulated,
            tail: tail.filter(|(start, _, mean)| start.is_finite() && *mean > 0.0),
        }
    }

    /// Probability of a value of `s` or more; NaN where `s` is, or nothing was simulated.
    #[must_use]
    pub fn p(&self, s: f64) -> f64 {
        let n = self.simulated.len();
        if s.is_nan() || n == 0 {
            return f64::NAN;
        }
        match self.tail {
            Some((start, part, mean)) if s > start => part * (-(s - start) / mean).exp(),
            _ => {
                let beyond = n - self.simulated.partition_point(|v| *v < s);
                (1 + beyond) as f64 / (1 + n) as f64
            }
        }
    }

    /// The smallest value whose probability is at most `p`; infinite where the simulations do not
    /// reach so far.
    #[must_use]
    pub fn critical(&self, p: f64) -> f64 {
        match self.tail {
            Some((start, part, mean)) if p < part => start + mean * (part / p).ln(),
            _ => {
                let n = self.simulated.len();
                let beyond = (p * (1 + n) as f64).floor() as usize;
                let value = n.checked_sub(beyond).and_then(|i| self.simulated.get(i));
                value.copied().unwrap_or(f64::INFINITY)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::{Purpose, derive_uniform};

    /// Quantiles of the exponential law of mean 1, evenly spread.
    fn exponential(n: usize) -> Null {
        Null::new((0..n).map(|i| -(1.0 - (i as f64 + 0.5) / n as f64).ln()))
    }

    #[test]
    fn what_had_nothing_to_exceed_anything_makes_the_others_rarer() {
        let few = exponential(200);
        let among = Null::new(
            few.simulated
                .iter()
                .copied()
                .chain([f64::NEG_INFINITY; 200]),
        );
        assert!((among.p(2.0) / few.p(2.0) - 0.5).abs() < 0.03);
        assert!(among.critical(0.01) < few.critical(0.01));
        assert_eq!(
            Null::new([f64::NEG_INFINITY; 50]).critical(0.5),
            f64::NEG_INFINITY
        );
    }

    #[test]
    fn an_exponential_law_is_recovered_in_the_bulk_and_far_beyond_the_simulations() {
        let null = exponential(500);
        for s in [0.1, 0.7, 2.0, 5.0, 9.0] {
            let (p, exact) = (null.p(s), (-s).exp());
            assert!((p / exact).ln().abs() < 0.3, "{s}: {p} for {exact}");
        }
        for p in [0.3, 0.01, 1e-4] {
            assert!((null.p(null.critical(p)) / p - 1.0).abs() < 0.05, "{p}");
        }
    }

    #[test]
    fn few_simulations_are_not_extrapolated() {
        let null = exponential(50);
        assert!((null.p(100.0) - 1.0 / 51.0).abs() < 1e-12);
        assert_eq!(null.critical(0.001), f64::INFINITY);
        assert!(Null::new([]).p(1.0).is_nan() && null.p(f64::NAN).is_nan());
    }

    #[test]
    fn the_normal_tail_is_not_underestimated() {
        let uniform = |i| derive_uniform(1, Purpose::Audit, i);
        let normal = |i: u64| {
            // Box–Muller; 1 − u is never 0.
            let radius = (-2.0 * (1.0 - uniform(2 * i)).ln()).sqrt();
            radius * (std::f64::consts::TAU * uniform(2 * i + 1)).cos()
        };
        let null = Null::new((0..2000).map(normal));
        assert!(null.p(4.0) > 3.2e-5);
    }
}
