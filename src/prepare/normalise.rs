//! The level by which a spectrum is divided.

use crate::base::statistics::median;
use crate::config::NormaliseConfig;
use crate::data::Spectrum;

/// Pixels farther than this many robust standard deviations from the level are left out.
const CLIP: f64 = 4.0;
const ROUNDS: usize = 10;
/// Fewer good pixels than this give no level.
const FEWEST: usize = 10;

/// A level and its standard error (0 where it comes from a catalog).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// In the flux's unit.
    pub value: f64,
    /// In the flux's unit.
    pub error: f64,
}

/// The level of `spectrum` (its own pixels, masked ones with ivar = 0); `column` is the catalog's. The
/// wavelengths of `config` were observed at 1 + `z_grid` times as much.
///
/// # Errors
/// In words why there is no significant positive level.
pub fn level(
    config: &NormaliseConfig,
    spectrum: &Spectrum,
    z_grid: f64,
    column: Option<f64>,
) -> Result<Level, String> {
    let exact = |value| Level { value, error: 0.0 };
    match *config {
        NormaliseConfig::None => Ok(exact(1.0)),
        NormaliseConfig::Amplitude { .. } => Err("there is no mean spectrum".to_owned()),
        NormaliseConfig::Pixels { .. } => Err("normalise.kind pixels is for images".to_owned()),
        NormaliseConfig::Column => match column {
            Some(v) if v.is_finite() && v > 0.0 => Ok(exact(v)),
            Some(v) => Err(format!("the catalog's level {v} is not positive")),
            None => Err("the catalog has no level".to_owned()),
        },
        NormaliseConfig::Window { min, max, snr_min } => {
            let stretch = 1.0 + z_grid;
            let within = window(spectrum, min * stretch, max * stretch);
            let Some(found) = clipped_mean(&within) else {
                return Err(format!(
                    "{} good pixels in {min}-{max} Å: no level",
                    within.len()
                ));
            };
            if found.value > 0.0 && found.value >= snr_min * found.error {
                Ok(found)
            } else {
                Err(format!(
                    "level {:.3e} ± {:.1e} in {min}-{max} Å is below {snr_min} sigma",
                    found.value, found.error
                ))
            }
        }
    }
}

/// (flux, ivar) of the good pixels whose centres lie in `[min, max]` Å.
fn window(s: &Spectrum, min: f64, max: f64) -> Vec<(f64, f64)> {
    let pixels = s.grid.pixels(s.flux.len());
    let (low, high) = (min.log10(), max.log10());
    pixels
        .iter()
        .zip(s.flux.iter().zip(&s.ivar))
        .filter(|(e, (_, v))| **v > 0.0 && (low..=high).contains(&(0.5 * (e[0] + e[1]))))
        .map(|(_, (f, v))| (f64::from(*f), f64::from(*v)))
        .collect()
}

/// Inverse-variance weighted mean of the pixels that are not outliers; its error from the ivar of
/// those kept. A pixel is an outlier if it is farther from the median than [`CLIP`] times the
/// larger of the scatter (MAD) and its own error: noisy sky-line pixels are weighted, not clipped.
fn clipped_mean(pixels: &[(f64, f64)]) -> Option<Level> {
    let mut kept: Vec<(f64, f64)> = pixels.to_vec();
    for _ in 0..ROUNDS {
        let centre = median(kept.iter().map(|p| p.0));
        let scatter = 1.4826 * median(kept.iter().map(|p| (p.0 - centre).abs()));
        let before = kept.len();
        kept.retain(|(f, v)| (f - centre).abs() <= CLIP * scatter.max(v.sqrt().recip()));
        if kept.len() == before {
            break;
        }
    }
    let weight: f64 = kept.iter().map(|p| p.1).sum();
    let sum: f64 = kept.iter().map(|p| p.0 * p.1).sum();
    (kept.len() >= FEWEST && weight > 0.0).then(|| Level {
        value: sum / weight,
        error: weight.sqrt().recip(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::NativeGrid;
    use rand::{RngExt, SeedableRng};
    use rand_distr::StandardNormal;

    const WINDOW: NormaliseConfig = NormaliseConfig::Window {
        min: 6600.0,
        max: 8000.0,
        snr_min: 5.0,
    };

    fn flat(value: f32, sigma: f32, seed: u64) -> Spectrum {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut draw = || value + sigma * rng.sample::<f32, _>(StandardNormal);
        Spectrum {
            grid: NativeGrid::Sdss { first: 38000 },
            flux: (0..1100).map(|_| draw()).collect(),
            ivar: vec![sigma.powi(-2); 1100],
            lsf: vec![],
            extras: Default::default(),
        }
    }

    #[test]
    fn the_level_of_noise_about_a_constant_is_unbiased_and_its_error_honest() {
        let mut chi2 = 0.0;
        for seed in 0..200 {
            let l = level(&WINDOW, &flat(2.0, 1.0, seed), 0.0, None).unwrap();
            chi2 += ((l.value - 2.0) / l.error).powi(2) / 200.0;
        }
        assert!((chi2 - 1.0).abs() < 0.4, "{chi2}"); // standard error 0.1
    }

    #[test]
    fn outliers_and_masked_pixels_do_not_move_it() {
        let mut s = flat(2.0, 0.1, 1);
        for i in (0..1100).step_by(50) {
            s.flux[i] = 1000.0;
        }
        for i in (1..1100).step_by(50) {
            (s.flux[i], s.ivar[i]) = (-1e30, 0.0);
        }
        let l = level(&WINDOW, &s, 0.0, None).unwrap();
        assert!((l.value - 2.0).abs() < 0.02, "{l:?}");
    }

    #[test]
    fn an_insignificant_a_negative_and_an_absent_level_are_refused_in_words() {
        for (s, words) in [(flat(0.01, 1.0, 1), "sigma"), (flat(-2.0, 0.1, 2), "sigma")] {
            assert!(level(&WINDOW, &s, 0.0, None).unwrap_err().contains(words));
        }
        let mut s = flat(2.0, 0.1, 3);
        s.ivar.fill(0.0);
        assert!(
            level(&WINDOW, &s, 0.0, None)
                .unwrap_err()
                .contains("0 good pixels")
        );
        let column = |v| level(&NormaliseConfig::Column, &s, 0.0, v);
        assert!(column(Some(-1.0)).is_err() && column(None).is_err());
        assert!((column(Some(3.0)).unwrap().value - 3.0).abs() < 1e-12);
    }
}
