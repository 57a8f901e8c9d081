//! Levels against the mean spectrum of the survey, where no window of wavelengths is covered by all.
//!
//! Mean spectrum m and amplitudes a are found in turn: m from the spectra over their amplitudes, each a by
//! least squares of its spectrum against m. The level of an object is its amplitude times the mean of m over
//! the pixels that it shows: its mean flux, as the whole of its spectrum tells it.

use super::normalise::Level;
use crate::base::statistics::median;
use ndarray::{Array2, ArrayView1};

/// Rounds of mean and amplitudes at most, and the change of ln a below which they have converged.
const ROUNDS: usize = 40;
const CONVERGED: f64 = 1e-3;
/// Objects differ from a m by this part of it, roughly: pixels of less noise than that count alike.
const SCATTER: f64 = 0.3;
/// Amplitudes less significant than this many σ tell nothing of the mean.
const SIGNIFICANT: f64 = 5.0;
/// Rounds of an amplitude, whose weights depend on itself.
const WEIGHINGS: usize = 4;

/// The mean spectrum of a survey.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanSpectrum {
    /// `[D]`; NaN at pixels that no object shows.
    mean: Vec<f64>,
}

impl MeanSpectrum {
    /// That of `mean` `[D]`, NaN where it is not known.
    #[must_use]
    pub fn of(mean: &[f32]) -> Self {
        let mean = mean.iter().map(|m| f64::from(*m)).collect();
        Self { mean }
    }

    /// `[D]`; NaN where no object shows it.
    #[must_use]
    pub fn values(&self) -> Vec<f32> {
        self.mean.iter().map(|m| *m as f32).collect()
    }

    /// From `flux` where `ivar` > 0, both `[N, D]`.
    #[must_use]
    pub fn learn(flux: &Array2<f32>, ivar: &Array2<f32>) -> Self {
        let mut amplitudes: Vec<Option<f64>> = (flux.rows().into_iter().zip(ivar.rows()))
            .map(|(f, v)| rough(f, v))
            .collect();
        let mut mean = Self {
            mean: vec![1.0; flux.ncols()],
        };
        for round in 0..ROUNDS {
            mean = mean.anew(flux, ivar, &amplitudes, round > 0);
            let rows = flux.rows().into_iter().zip(ivar.rows());
            let found: Vec<Option<f64>> = rows
                .map(|(f, v)| {
                    let (a, error) = mean.amplitude(f, v)?;
                    (a > SIGNIFICANT * error).then_some(a)
                })
                .collect();
            let ratios: Vec<f64> = (found.iter().zip(&amplitudes))
                .filter_map(|(new, old)| Some((((*new)?) / (*old)?).ln()))
                .collect();
            // A factor that all share is no change.
            let common = median(ratios.iter().copied());
            let change = ratios
                .iter()
                .fold(0.0, |m: f64, r| m.max((r - common).abs()));
            amplitudes = found;
            if round > 0 && change < CONVERGED {
                break;
            }
        }
        mean
    }

    fn anew(
        &self,
        flux: &Array2<f32>,
        ivar: &Array2<f32>,
        amplitudes: &[Option<f64>],
        known: bool,
    ) -> Self {
        let mut sums = vec![(0.0, 0.0); self.mean.len()];
        for ((f, v), a) in flux.rows().into_iter().zip(ivar.rows()).zip(amplitudes) {
            let Some(a) = a else { continue };
            for (j, (f, v)) in f.iter().zip(v).enumerate().filter(|(_, (_, v))| **v > 0.0) {
                let own = if known { SCATTER * self.mean[j] } else { 1.0 };
                let w = 1.0 / (1.0 / (f64::from(*v) * a * a) + own * own).max(f64::MIN_POSITIVE);
                sums[j].0 += w * f64::from(*f) / a;
                sums[j].1 += w;
            }
        }
        let mean = sums.iter().map(|(sum, w)| match *w > 0.0 {
            true => sum / w,
            false => f64::NAN,
        });
        Self {
            mean: mean.collect(),
        }
    }

    /// Amplitude and its standard error, from the noise alone, of one spectrum `[D]`; `None` where it shows
    /// nothing of the mean.
    fn amplitude(&self, flux: ArrayView1<f32>, ivar: ArrayView1<f32>) -> Option<(f64, f64)> {
        let pixels = || {
            let all = flux.iter().zip(ivar).zip(&self.mean);
            all.filter(|((_, v), m)| **v > 0.0 && m.is_finite())
                .map(|((f, v), m)| (f64::from(*f), f64::from(*v), *m))
        };
        let mut a = 0.0f64;
        let mut found = None;
        for _ in 0..WEIGHINGS {
            let (mut with, mut own, mut noise) = (0.0, 0.0, 0.0);
            for (f, v, m) in pixels() {
                let w = 1.0 / (1.0 / v + (SCATTER * a * m).powi(2));
                with += w * m * f;
                own += w * m * m;
                noise += w * w * m * m / v;
            }
            if own.is_nan() || own <= 0.0 {
                return None;
            }
            a = with / own;
            found = Some((a, noise.sqrt() / own));
        }
        found
    }

    /// The level of one spectrum `[D]`.
    ///
    /// # Errors
    /// In words why there is none that is `snr_min` times as large as its error.
    pub fn level(
        &self,
        flux: ArrayView1<f32>,
        ivar: ArrayView1<f32>,
        snr_min: f64,
    ) -> Result<Level, String> {
        let Some((a, error)) = self.amplitude(flux, ivar) else {
            return Err("no good pixel where the mean spectrum is known: no amplitude".to_owned());
        };
        let good = ivar.iter().zip(&self.mean);
        let good = good.filter(|(v, m)| **v > 0.0 && m.is_finite());
        let (sum, n) = good.fold((0.0, 0.0), |(sum, n), (_, m)| (sum + m, n + 1.0));
        let (value, error) = (a * sum / n, (error * sum / n).abs());
        if value > 0.0 && value >= snr_min * error {
            return Ok(Level { value, error });
        }
        Err(format!(
            "amplitude against the mean spectrum {value:.3e} ± {error:.1e}: below {snr_min} sigma"
        ))
    }
}

/// The mean flux of a spectrum, if it is significant.
fn rough(flux: ArrayView1<f32>, ivar: ArrayView1<f32>) -> Option<f64> {
    let (mut sum, mut weight) = (0.0, 0.0);
    for (f, v) in flux.iter().zip(ivar).filter(|(_, v)| **v > 0.0) {
        sum += f64::from(*f) * f64::from(*v);
        weight += f64::from(*v);
    }
    (sum > SIGNIFICANT * weight.sqrt()).then(|| sum / weight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::StandardNormal;

    const D: usize = 300;
    const N: usize = 400;

    fn true_mean(j: usize) -> f64 {
        3.0 * (-2.5 * j as f64 / D as f64).exp() + 0.3 * (j as f64 / 11.0).sin().powi(8)
    }

    /// Objects that each show 100 of 300 pixels of one shape, at amplitudes of their own, with noise `sigma`.
    fn survey(sigma: f64) -> (Array2<f32>, Array2<f32>, Vec<f64>) {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let (mut flux, mut ivar) = (Array2::zeros((N, D)), Array2::zeros((N, D)));
        let mut amplitudes = Vec::new();
        for i in 0..N {
            let a = (0.8 * rng.sample::<f64, _>(StandardNormal)).exp();
            let from = rng.random_range(0..=D - 100);
            for j in from..from + 100 {
                let noise: f64 = rng.sample(StandardNormal);
                flux[[i, j]] = (a * true_mean(j) + sigma * noise) as f32;
                ivar[[i, j]] = (1.0 / (sigma * sigma)) as f32;
            }
            amplitudes.push(a);
        }
        (flux, ivar, amplitudes)
    }

    #[test]
    fn the_shape_of_the_mean_is_found_though_no_pixel_is_shown_by_all() {
        let (flux, ivar, _) = survey(0.1);
        let found = MeanSpectrum::learn(&flux, &ivar);
        let scale = found.mean[150] / true_mean(150);
        for j in (5..D - 5).step_by(10) {
            let off = found.mean[j] / (scale * true_mean(j)) - 1.0;
            assert!(off.abs() < 0.06, "{j}: {off}");
        }
    }

    #[test]
    fn a_level_is_the_mean_flux_of_an_object_and_its_error_honest() {
        let (flux, ivar, amplitudes) = survey(0.5);
        let mean = MeanSpectrum::learn(&flux, &ivar);
        let (mut chi2, mut n, mut bias) = (0.0, 0.0, 0.0);
        for i in 0..N {
            let good = || (0..D).filter(|j| ivar[[i, *j]] > 0.0);
            let truth = amplitudes[i] * good().map(true_mean).sum::<f64>() / good().count() as f64;
            let Ok(level) = mean.level(flux.row(i), ivar.row(i), 5.0) else {
                continue;
            };
            let pull = (level.value - truth) / level.error;
            // Bright objects are limited by the mean itself.
            if truth < 20.0 * level.error {
                (chi2, bias, n) = (chi2 + pull * pull, bias + pull, n + 1.0);
            }
        }
        assert!(n > 100.0, "{n}");
        assert!((chi2 / n - 1.0).abs() < 0.35, "{}", chi2 / n);
        assert!((bias / n).abs() < 0.35, "{}", bias / n);
    }

    #[test]
    fn an_object_without_light_or_without_pixels_is_refused_in_words() {
        let (flux, ivar, _) = survey(0.3);
        let mean = MeanSpectrum::learn(&flux, &ivar);
        let dark = flux.row(0).mapv(|_| 0.0);
        let said = mean.level(dark.view(), ivar.row(0), 5.0).unwrap_err();
        assert!(said.contains("below 5 sigma"), "{said}");
        let masked = ivar.row(0).mapv(|_| 0.0);
        let said = mean.level(flux.row(0), masked.view(), 5.0).unwrap_err();
        assert!(said.contains("no good pixel"), "{said}");
    }
}
