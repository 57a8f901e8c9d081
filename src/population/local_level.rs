//! How much local structure there is at each place of a spectrum, as finely as the sample can tell.

use super::average::averaged;
use ndarray::Array1;

/// Widths of the averages that are compared, each over that of the one before.
const FINER: f64 = 0.5;
/// The narrowest, σ in pixels.
const NARROWEST: f64 = 3.0;
/// A narrower average is believed where it is so many standard errors from the wider one.
const APART: f64 = 4.0;
/// Pixels over which local structure is correlated, roughly.
const CORRELATED: f64 = 3.0;

/// The variance at one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Level {
    /// Over its average of the widest width; 1 where that is none.
    pub part: f64,
    /// σ of the average that it is taken from, pixels.
    pub width: f64,
}

/// Levels of a variance that was found as `variance` `[L]`, from some `effective` spectra with the noise variances
/// `noise` `[L]`: at each place its average over `widest` pixels (σ of a Gaussian), or over fewer where these differ
/// from it by more than chance (the rule of Lepskii 1991: the widest average that no narrower one contradicts).
pub(super) fn levels(
    variance: &[f64],
    noise: &Array1<f64>,
    effective: f64,
    widest: f64,
) -> Vec<Level> {
    let wide = averaged(variance, widest);
    let mut found: Vec<(f64, f64)> = wide.iter().map(|v| (*v, widest)).collect();
    let mut width = widest * FINER;
    while width >= NARROWEST {
        let independent = 2.0 * std::f64::consts::PI.sqrt() * width * effective / CORRELATED;
        let own = averaged(variance, width);
        for ((level, own), noise) in found.iter_mut().zip(own).zip(noise) {
            let error = (own.max(0.0) + noise) * (2.0 / independent).sqrt();
            if (own - level.0).abs() > APART * error {
                *level = (own, width);
            }
        }
        width *= FINER;
    }
    let part = |(level, wide): (f64, f64)| match wide > 0.0 {
        true => level.max(0.0) / wide,
        false => 1.0,
    };
    let pairs = found.into_iter().zip(wide);
    pairs
        .map(|((level, width), wide)| Level {
            part: part((level, wide)),
            width,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_line_keeps_its_variance_to_itself() {
        let mut variance = vec![0.0; 400];
        variance[198..203].fill(1.0);
        let found = levels(&variance, &Array1::from_elem(400, 0.01), 100.0, 24.0);
        let wide = averaged(&variance, 24.0);
        let level = |e: usize| found[e].part * wide[e];
        assert!(level(200) > 0.5 && found[200].width == NARROWEST);
        assert!(level(180) < 5e-3 && level(220) < 5e-3);
        // The plain average leaks.
        assert!(wide[180] > 0.05);
    }

    #[test]
    fn the_forest_ends_where_it_ends() {
        let variance: Vec<f64> = (0..400).map(|e| f64::from(e < 200)).collect();
        let found = levels(&variance, &Array1::from_elem(400, 0.1), 500.0, 24.0);
        let wide = averaged(&variance, 24.0);
        let level = |e: usize| found[e].part * wide[e];
        assert!(level(188) > 0.95 && level(212) < 0.05);
    }

    #[test]
    fn what_few_noisy_spectra_say_is_averaged_widely() {
        let mut seed = 1u64;
        let variance: Vec<f64> = (0..400)
            .map(|_| {
                seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1);
                0.3 + 0.2 * ((seed >> 40) as f64 / 2f64.powi(24) - 0.5)
            })
            .collect();
        let found = levels(&variance, &Array1::from_elem(400, 0.5), 50.0, 24.0);
        assert!(found.iter().all(|l| (l.part, l.width) == (1.0, 24.0)));
    }
}
