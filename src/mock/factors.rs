//! Quasars drawn from a factor model: spectra m + Σ sₖ cₖ in rest wavelength, whose scores s have a normal
//! law. Such models are learned on real quasars (eigenspectra, factor analysis).

use super::quasar::{Quasar, normal};
use crate::config::Beyond;
use ndarray::{Array1, Array2};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A draw whose flux is below this part of its mean anywhere is no quasar, and is drawn again: a linear model
/// does not know that flux is positive.
const LEAST: f64 = 0.02;
/// Draws of one object at most.
const DRAWS: usize = 1000;
/// Draws by which a model is tried, and the part of them that has to be positive.
const TRIED: usize = 200;
const POSITIVE: f64 = 0.1;
/// Width in ln λ over which what lies beyond the model is faded in, inside of its end.
const JOIN: f64 = 0.02;

/// A factor model, and what lies beyond its wavelengths.
#[derive(Debug, Clone)]
pub struct Factors {
    /// ln λ_rest (Å), ascending, `[L]`.
    pub(super) ln: Vec<f64>,
    /// m, `[L]`.
    pub(super) mean: Array1<f64>,
    /// c, `[K, L]`.
    pub(super) components: Array2<f64>,
    /// Mean of the scores, `[K]`, and R with R Rᵀ their covariance.
    pub(super) score_mean: Array1<f64>,
    pub(super) score_root: Array2<f64>,
    /// What lies beyond.
    pub(super) beyond: Beyond,
}

impl Factors {
    /// First and last rest wavelength, Å.
    #[must_use]
    pub fn range(&self) -> [f64; 2] {
        [self.ln[0].exp(), self.ln[self.ln.len() - 1].exp()]
    }

    /// K.
    #[must_use]
    pub fn len(&self) -> usize {
        self.components.nrows()
    }

    /// Whether it has no components.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether wavelengths that it does not have are those of the line list.
    #[must_use]
    pub fn is_extended(&self) -> bool {
        self.beyond == Beyond::Lines
    }

    /// The scores of one object, `[K]`: those of a positive spectrum. Normal deviates are cut at 3.5 σ.
    pub fn draw(&self, rng: &mut impl RngExt) -> Array1<f64> {
        for _ in 0..DRAWS {
            let scores = self.any(rng);
            if self.is_positive(&scores) {
                return scores;
            }
        }
        // Not reached of a model that `positive` passed.
        self.score_mean.clone()
    }

    fn any(&self, rng: &mut impl RngExt) -> Array1<f64> {
        let normals: Array1<f64> = (0..self.score_root.ncols()).map(|_| normal(rng)).collect();
        &self.score_mean + &self.score_root.dot(&normals)
    }

    fn is_positive(&self, scores: &Array1<f64>) -> bool {
        let flux = self.spectrum(scores);
        let mean = flux.mean().unwrap_or_default();
        mean > 0.0 && flux.iter().all(|f| *f > LEAST * mean)
    }

    /// Whether enough of its draws are positive to draw a population from them; in words why not.
    pub(super) fn positive(&self) -> Result<(), String> {
        let rng = &mut ChaCha8Rng::seed_from_u64(0);
        let n = (0..TRIED)
            .filter(|_| self.is_positive(&self.any(rng)))
            .count();
        if n as f64 >= POSITIVE * TRIED as f64 {
            return Ok(());
        }
        Err(format!(
            "{n} of {TRIED} draws of the scores make a spectrum that is positive throughout"
        ))
    }

    /// m + Σ sₖ cₖ, `[L]`.
    fn spectrum(&self, scores: &Array1<f64>) -> Array1<f64> {
        &self.mean + &scores.dot(&self.components)
    }

    /// The unabsorbed spectrum of `quasar` at the rest wavelengths `rest` (Å, ascending), in units of its own;
    /// of the line list beyond the model. Without that it ends with the value of its last pixel, which no
    /// survey sees that was checked.
    #[must_use]
    pub fn emission(&self, quasar: &Quasar, rest: &[f64]) -> Vec<f64> {
        let own = self.spectrum(&quasar.scores);
        let inside: Vec<f64> = rest.iter().map(|w| self.at(&own, w.ln())).collect();
        let (first, last) = (self.ln[0], self.ln[self.ln.len() - 1]);
        let within = |w: &f64| (first + JOIN..=last - JOIN).contains(&w.ln());
        if !self.is_extended() || rest.iter().all(within) {
            return inside;
        }
        let scales =
            [(first, first + JOIN), (last - JOIN, last)].map(|end| self.scale(quasar, &own, end));
        let outside = quasar.emission(rest);
        let joined = inside.iter().zip(&outside).zip(rest);
        joined
            .map(|((inside, outside), w)| {
                let blue = ((first + JOIN - w.ln()) / JOIN).clamp(0.0, 1.0);
                let red = ((w.ln() - last + JOIN) / JOIN).clamp(0.0, 1.0);
                let beyond = outside * if blue > 0.0 { scales[0] } else { scales[1] };
                let part = blue.max(red);
                inside * (1.0 - part) + beyond * part
            })
            .collect()
    }

    /// By what the spectrum of the line list has to be multiplied to join that of the model between two ln λ.
    fn scale(&self, quasar: &Quasar, own: &Array1<f64>, (from, to): (f64, f64)) -> f64 {
        const NODES: usize = 32;
        let at = |k: usize| from + (to - from) * (k as f64 + 0.5) / NODES as f64;
        let rest: Vec<f64> = (0..NODES).map(|k| at(k).exp()).collect();
        let model: f64 = (0..NODES).map(|k| self.at(own, at(k))).sum();
        model / quasar.emission(&rest).iter().sum::<f64>()
    }

    /// `own` `[L]` at ln λ = `x`, linear in between.
    fn at(&self, own: &Array1<f64>, x: f64) -> f64 {
        let n = self.ln.len();
        let above = self.ln.partition_point(|l| *l < x).clamp(1, n - 1);
        let [a, b] = [self.ln[above - 1], self.ln[above]];
        let f = ((x - a) / (b - a)).clamp(0.0, 1.0);
        own[above - 1] * (1.0 - f) + own[above] * f
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Redshifts;
    use crate::mock::line_list;
    use ndarray::array;

    /// 1000–2000 Å, of two components whose scores are correlated.
    fn model(beyond: Beyond) -> Factors {
        let ln: Vec<f64> = (0..=200)
            .map(|i| 1000f64.ln() + 2f64.ln() * f64::from(i) / 200.0)
            .collect();
        let middle = 1414f64.ln();
        let components = Array2::from_shape_fn((2, ln.len()), |(k, i)| match k {
            0 => 1.0,
            _ => ln[i] - middle,
        });
        Factors {
            mean: Array1::ones(ln.len()),
            ln,
            components,
            score_mean: array![0.5, -1.0],
            score_root: array![[0.2, 0.0], [0.3, 0.4]],
            beyond,
        }
    }

    fn quasar(scores: Array1<f64>) -> Quasar {
        let rng = &mut ChaCha8Rng::seed_from_u64(3);
        let list = line_list().unwrap();
        let drawn = Quasar::draw(rng, (2.0, 3.0), Redshifts::Uniform, &list);
        Quasar { scores, ..drawn }
    }

    #[test]
    fn scores_have_the_mean_and_the_covariance_of_their_law() {
        let model = model(Beyond::Refuse);
        assert!(model.positive().is_ok());
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let drawn: Vec<_> = (0..20_000).map(|_| model.draw(rng)).collect();
        let n = drawn.len() as f64;
        let mean = drawn.iter().fold(Array1::<f64>::zeros(2), |a, b| a + b) / n;
        assert!(
            (&mean - &model.score_mean)
                .iter()
                .all(|d: &f64| d.abs() < 0.01),
            "{mean}"
        );
        let product = |i: usize, j: usize| {
            drawn
                .iter()
                .map(|s| (s[i] - mean[i]) * (s[j] - mean[j]))
                .sum::<f64>()
                / n
        };
        // The cut takes 0.6 % of the variances.
        for (i, j, known) in [(0, 0, 0.04), (0, 1, 0.06), (1, 1, 0.25)] {
            assert!(
                (product(i, j) - known).abs() < 0.03 * known + 0.001,
                "{i} {j}: {}",
                product(i, j)
            );
        }
    }

    #[test]
    fn a_spectrum_is_the_mean_and_the_components_by_their_scores() {
        let flux = model(Beyond::Refuse).emission(&quasar(array![1.0, 2.0]), &[1100.0, 1500.0]);
        for (f, w) in flux.iter().zip([1100f64, 1500.0]) {
            assert!((f - (2.0 + 2.0 * (w / 1414.0).ln())).abs() < 1e-9, "{f}");
        }
    }

    #[test]
    fn the_line_list_joins_on_beyond_and_changes_nothing_inside() {
        let object = quasar(array![0.4, -0.5]);
        let (plain, joined) = (model(Beyond::Refuse), model(Beyond::Lines));
        let rest: Vec<f64> = (0..3000)
            .map(|i| 850.0 * (f64::from(i) * 5e-4).exp())
            .collect();
        let [a, b] = [
            plain.emission(&object, &rest),
            joined.emission(&object, &rest),
        ];
        for ((w, a), b) in rest.iter().zip(&a).zip(&b) {
            let inside = (1025.0..1955.0).contains(w);
            assert!(!inside || a == b, "{w}");
        }
        // The largest jump from pixel to pixel is not at the ends of the model.
        let jump = |from: f64, to: f64| {
            let all = rest.windows(2).zip(b.windows(2));
            let there = all.filter(|(w, _)| w[0] > from && w[1] < to);
            there
                .map(|(_, f)| (f[1] / f[0] - 1.0).abs())
                .fold(0.0, f64::max)
        };
        assert!(jump(1990.0, 2010.0) < 0.003 && jump(994.0, 1006.0) < 0.01);
        // Mg II is there.
        let near = |at: f64| b[rest.partition_point(|w| *w < at)];
        assert!(near(2799.0) > 1.2 * near(2650.0));
    }

    #[test]
    fn a_model_that_is_seldom_positive_is_told() {
        let mut dark = model(Beyond::Refuse);
        dark.mean.fill(-3.0);
        assert!(dark.positive().unwrap_err().starts_with("0 of 200"));
    }
}
