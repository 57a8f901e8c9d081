//! Damped Lyman-α systems: rare columns of neutral hydrogen with Lorentzian wings.
//!
//! Incidence dn/dz = 0.044 (1+z)^1.27 (Rao et al. 2006, ApJ 636, 610); column densities between
//! 10^20.3 and 10^21.8 cm⁻² with f(N) ∝ N^−1.9 (near Noterdaeme et al. 2012, A&A 547, L1); profiles
//! in the approximation of Tepper-García 2006 (MNRAS 369, 2025).

use super::fine;
use super::forest::LYMAN;
use super::quasar::LIGHT;
use rand::RngExt;
use rand_distr::{Distribution, Poisson};

/// Doppler parameter, km/s.
const DOPPLER: f64 = 30.0;
/// Radiative decay rates of 2p … 6p, 1/s.
const DECAY: [f64; 5] = [6.265e8, 1.897e8, 8.127e7, 4.204e7, 2.450e7];
const COLUMNS: (f64, f64) = (20.3, 21.8);
/// d ln(number per dex) / d ln N.
const COLUMN_SLOPE: f64 = -0.9;

/// A damped system.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Damped {
    /// Redshift.
    pub z: f64,
    /// log10 of the column density in cm⁻².
    pub column: f64,
}

/// The damped systems between `z_min` and the quasar at `z`.
pub fn draw(rng: &mut impl RngExt, z_min: f64, z: f64) -> Vec<Damped> {
    let (low, high) = (upto(z_min), upto(z));
    // A mean of zero (an empty range) has no Poisson distribution and no systems.
    let n = Poisson::new(high - low).map_or(0, |p| p.sample(rng) as usize);
    (0..n).map(|_| system(rng, low, high)).collect()
}

/// One system for a part `part` of the quasars, if their spectra show any redshift from `z_min` to `z`.
pub fn draw_one(rng: &mut impl RngExt, part: f64, z_min: f64, z: f64) -> Vec<Damped> {
    let chance: f64 = rng.random();
    let found = system(rng, upto(z_min), upto(z));
    match chance < part && z > z_min {
        true => vec![found],
        false => Vec::new(),
    }
}

/// A system between two numbers of them along the line of sight.
fn system(rng: &mut impl RngExt, low: f64, high: f64) -> Damped {
    let x = low + (high - low) * rng.random::<f64>();
    let span = 10f64.powf(COLUMN_SLOPE * (COLUMNS.1 - COLUMNS.0));
    let u: f64 = rng.random();
    Damped {
        z: (x * 2.27 / 0.044).powf(1.0 / 2.27) - 1.0,
        column: COLUMNS.0 + (1.0 - u * (1.0 - span)).log10() / COLUMN_SLOPE,
    }
}

/// How many there are from here to redshift `z`.
fn upto(z: f64) -> f64 {
    0.044 / 2.27 * (1.0 + z).powf(2.27)
}

/// Voigt function H(a, u) for small `a` (Tepper-García 2006).
fn voigt(a: f64, u: f64) -> f64 {
    let p = u * u;
    let h = (-p).exp();
    if p < 1e-4 {
        return h;
    }
    let q = 1.5 / p;
    h - a / std::f64::consts::PI.sqrt() / p * (h * h * (4.0 * p * p + 7.0 * p + 4.0 + q) - q - 1.0)
}

/// Multiplies `transmission` (fine pixels from `first` on) by the absorption of `system`.
pub fn absorb(system: Damped, first: i64, transmission: &mut [f64]) {
    let n = transmission.len() as i64;
    for ((wavelength, f), decay) in LYMAN.into_iter().zip(DECAY) {
        // Optical depth at the centre: sqrt(π) e²/(m c) N f λ / b in Gaussian units.
        let centre =
            0.014_974 * 10f64.powf(system.column) * f * wavelength * 1e-8 / (DOPPLER * 1e5);
        let a = decay * wavelength * 1e-13 / (4.0 * std::f64::consts::PI * DOPPLER);
        // Beyond this many Doppler widths the wing is below τ = 1e-3.
        let reach = (centre * a / std::f64::consts::PI.sqrt() / 1e-3)
            .sqrt()
            .max(6.0)
            * DOPPLER
            / LIGHT;
        let rest = wavelength * (1.0 + system.z);
        let from = (fine::index((rest * (1.0 - reach).max(0.1)).log10()) - first).clamp(0, n);
        let to = (fine::index((rest * (1.0 + reach)).log10()) - first + 1).clamp(from, n);
        for i in from..to {
            let lambda = 10f64.powf(fine::loglam(first + i));
            let u = (lambda / rest - 1.0) * LIGHT / DOPPLER;
            transmission[i as usize] *= (-centre * voigt(a, u)).exp();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn the_equivalent_width_of_a_damped_line_is_that_of_the_textbook() {
        // W = 7.3 Å sqrt(N / 1e20) in the rest frame (square-root part of the curve of growth).
        let z = 2.5;
        let first = fine::index(4000f64.log10());
        let mut t = vec![1.0; 6000];
        absorb(Damped { z, column: 20.6 }, first, &mut t);
        let width: f64 = t
            .iter()
            .enumerate()
            .map(|(i, t)| (1.0 - t) * 10f64.powf(fine::loglam(first + i as i64)))
            .sum::<f64>()
            * fine::STEP
            * std::f64::consts::LN_10
            / (1.0 + z);
        assert_relative_eq!(width, 7.3 * 10f64.powf(0.3), max_relative = 0.03);
    }
}
