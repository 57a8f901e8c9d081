//! Supported, undecided or contradicted: what Δχ² says of a feature.
//!
//! A restoration follows the noise of the y that it is tested against: that y prefers a peak does not
//! make it real. Simulations, whose truth is known, tell how far Δχ² can be trusted.

use super::examine::{Findings, Support};

/// y shows the feature.
pub const SUPPORTED: &str = "SUPPORTED";
/// The data cannot tell: the rules of the population put it there.
pub const UNDECIDED: &str = "UNDECIDED";
/// y prefers its absence.
pub const CONTRADICTED: &str = "CONTRADICTED";

/// |Δχ²| below which the data say nothing: 3σ for the one amplitude of a feature.
const SAYS_NOTHING: f64 = 9.0;
/// A feature is real where the truth has this share of it.
const REAL: f64 = 0.5;

/// A feature that is less than so many SIGMA_PRIOR high is one that the population's rules may have put there
/// by themselves, where the data are silent; what they prefer then is something beside it, such as the flux
/// that a blurred line has in all.
const RULED: f64 = 2.0;

/// From which Δχ² on there is a verdict.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdicts {
    /// Δχ² of a supported strong line, and of any other peak; infinite where none would be.
    pub supported: [f64; 2],
    /// −Δχ² of a contradicted feature.
    pub contradicted: f64,
}

impl Verdicts {
    /// From simulations: at most the part `fdr` of the supported features are not real, and
    /// `contradicted` is the −Δχ² that is too rare by chance.
    #[must_use]
    pub fn new(simulated: &[Findings], fdr: f64, contradicted: f64) -> Self {
        let of = |line: bool| {
            let all = simulated.iter().flat_map(|f| &f.features);
            let kind = all.filter(|s| s.feature.is_line() == line);
            supported(kind.map(|s| (s.delta_chi2, s.true_share >= REAL)), fdr)
        };
        Self {
            supported: [of(true), of(false)],
            contradicted: contradicted.max(SAYS_NOTHING),
        }
    }

    /// The verdict on a feature.
    #[must_use]
    pub fn of(&self, s: &Support) -> &'static str {
        let seen = s.delta_chi2 >= self.supported[usize::from(!s.feature.is_line())];
        // Of an unknown one nothing is asked.
        let ruled = s.height.abs() < RULED * s.prior;
        if seen && !ruled {
            SUPPORTED
        } else if s.delta_chi2 <= -self.contradicted {
            CONTRADICTED
        } else {
            UNDECIDED
        }
    }
}

/// The smallest Δχ² from which on at most the part `fdr` of the simulated features (Δχ², real) are
/// not real.
fn supported(features: impl Iterator<Item = (f64, bool)>, fdr: f64) -> f64 {
    let mut all: Vec<(f64, bool)> = features.filter(|f| f.0 >= SAYS_NOTHING).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut threshold, mut unreal) = (f64::INFINITY, 0);
    for (k, (delta, real)) in all.iter().enumerate() {
        unreal += usize::from(!real);
        if unreal as f64 <= fdr * (k + 1) as f64 {
            threshold = *delta;
        }
    }
    threshold
}

#[cfg(test)]
mod tests {
    use super::super::feature::Feature;
    use super::{SUPPORTED, Support, UNDECIDED, Verdicts, supported};

    #[test]
    fn the_threshold_keeps_the_rate_of_false_discoveries() {
        // Real above Δχ² = 50, half of them false below.
        let features = || (9..100).map(|d| (f64::from(d), d > 50 || d % 2 == 0));
        let threshold = supported(features(), 0.1);
        let kept: Vec<_> = features().filter(|f| f.0 >= threshold).collect();
        let unreal = kept.iter().filter(|f| !f.1).count() as f64;
        assert!(unreal <= 0.1 * kept.len() as f64 && (35.0..45.0).contains(&threshold));
        assert_eq!(supported(features(), 0.5), 9.0);
    }

    #[test]
    fn what_the_population_alone_may_have_made_is_not_supported() {
        let verdicts = Verdicts {
            supported: [9.0; 2],
            contradicted: 9.0,
        };
        for (prior, verdict) in [
            (f64::NAN, SUPPORTED),
            (0.0, SUPPORTED),
            (0.4, SUPPORTED),
            (0.6, UNDECIDED),
        ] {
            let support = Support {
                feature: Feature::run("peak", 5, 2, 8),
                top: 2.0,
                height: 1.0,
                delta_chi2: 40.0,
                separation: 6.0,
                prior,
                true_share: f64::NAN,
            };
            assert_eq!(verdicts.of(&support), verdict, "{prior}");
        }
    }

    #[test]
    fn where_nothing_is_real_nothing_is_supported() {
        let features = (0..50).map(|d| (f64::from(d), false));
        assert_eq!(supported(features, 0.1), f64::INFINITY);
    }
}
