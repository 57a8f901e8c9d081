//! The Lyman-series forest: a lognormal optical-depth field along each line of sight.
//!
//! A Gaussian field g, with the shape and growth of the one-dimensional power spectrum that McDonald
//! et al. 2006 (ApJS 163, 80) use for their mocks, becomes an optical depth τ_α = A(z) exp(2 g): at
//! each redshift A(z) is chosen so that the mean of exp(−τ_α) is *exactly* exp(−τ_eff) with τ_eff of
//! Becker et al. 2013 (MNRAS 430, 2067). Amplitude and smoothing of g are chosen so that the power
//! spectrum of the transmission is near that measured by Palanque-Delabrouille et al. 2013
//! (A&A 559, A85); data/README.md tells how near. The same gas absorbs in Lyβ to Lyε in proportion to f·λ. Ionisation by the quasar itself thins the gas near
//! it (Bajtlik et al. 1988, ApJ 327, 570); beyond the Lyman limit a mean opacity applies with the
//! mean free path of Worseck et al. 2014 (MNRAS 445, 1745).

use super::fine;
use super::fine::STEP;
use super::quasar::LIGHT;
use rand::RngExt;
use rand_distr::StandardNormal;
use rustfft::{Fft, FftPlanner, num_complex::Complex};
use std::f64::consts::{LN_10, PI};
use std::sync::Arc;

/// Rest wavelength (vacuum, Å) and oscillator strength of Lyα … Lyε (Morton 2003, ApJS 149, 205).
pub const LYMAN: [(f64, f64); 5] = [
    (1215.6701, 0.4164),
    (1025.7223, 0.07912),
    (972.5368, 0.029_00),
    (949.7431, 0.013_94),
    (937.8035, 0.007_799),
];
/// The Lyman limit, Å.
const LIMIT: f64 = 911.753;
/// Where the quasar's own ionising flux equals the background's, km/s: about 5 proper Mpc at z = 3.
const PROXIMITY: f64 = 1500.0;
/// The amplitude of τ is tabulated at this spacing in log10(1+z).
const TABLE_STEP: f64 = 0.002;

/// Effective optical depth of the Lyα forest (Becker et al. 2013), floored where its fit ends.
#[must_use]
pub fn tau_eff(z: f64) -> f64 {
    (0.751 * ((1.0 + z) / 4.5).powf(2.90) - 0.132).max(0.005)
}

/// Standard deviation, relative to z = 3, of the Gaussian field (McDonald et al. 2006).
fn growth(z: f64) -> f64 {
    ((1.0 + z) / 4.0).powf(-1.41)
}

/// Power of the Gaussian field at k = 0.01 s/km and z = 3, km/s, and the scale below which thermal
/// motion and pressure smooth it, km/s.
const POWER: f64 = 100.0;
const SMOOTHING: f64 = 22.0;

/// One-dimensional power spectrum of the Gaussian field at z = 3, km/s; `k` in s/km.
fn power(k: f64) -> f64 {
    let shape = (1.0 + 10f64.powf(0.7)) / (1.0 + (k / 1e-3).powf(0.7));
    POWER * shape * (-(SMOOTHING * k).powi(2)).exp()
}

/// Tables and transform shared by all lines of sight.
pub struct Forest {
    fft: Arc<dyn Fft<f64>>,
    /// Amplitude of each Fourier mode.
    modes: Vec<f64>,
    /// ln A at log10(1+z) = table_first + i·TABLE_STEP.
    table: Vec<f64>,
    table_first: f64,
}

impl Forest {
    /// For quasars up to redshift `z_max`, and wavelengths from `blue` Å on.
    #[must_use]
    pub fn new(z_max: f64, blue: f64) -> Self {
        let reach = ((1.0 + z_max) * LYMAN[0].0 / blue).log10().max(0.0);
        let n = ((reach / STEP) as usize + 64).next_power_of_two();
        let dv = STEP * LN_10 * LIGHT;
        let dk = 2.0 * PI / (n as f64 * dv);
        let modes: Vec<f64> = (0..n)
            .map(|i| {
                let k = i.min(n - i) as f64 * dk;
                (power(k) * dk / (2.0 * PI)).sqrt()
            })
            .collect();
        let sigma = modes.iter().map(|m| m * m).sum::<f64>().sqrt();
        let table_first = (blue / LYMAN[0].0).log10() - TABLE_STEP;
        let last = (1.0 + z_max).log10();
        let rows = ((last - table_first).max(0.0) / TABLE_STEP) as usize + 3;
        let table = (0..rows)
            .map(|i| {
                let z = 10f64.powf(table_first + i as f64 * TABLE_STEP) - 1.0;
                ln_amplitude((-tau_eff(z)).exp(), 2.0 * growth(z) * sigma)
            })
            .collect();
        Self {
            fft: FftPlanner::new().plan_fft_forward(n),
            modes,
            table,
            table_first,
        }
    }

    fn ln_amplitude(&self, log1z: f64) -> f64 {
        let x = ((log1z - self.table_first) / TABLE_STEP).max(0.0);
        let i = (x as usize).min(self.table.len() - 2);
        let f = (x - i as f64).min(1.0);
        self.table[i] * (1.0 - f) + self.table[i + 1] * f
    }

    /// Transmission in the fine pixels `first .. first + n` towards a quasar at redshift `z`. The
    /// line of sight depends on `rng` and `z` alone, not on the pixels that are asked for.
    pub fn transmission(&self, rng: &mut impl RngExt, z: f64, first: i64, n: usize) -> Vec<f64> {
        let mut field: Vec<Complex<f64>> = self
            .modes
            .iter()
            .map(|m| {
                let (a, b): (f64, f64) = (rng.sample(StandardNormal), rng.sample(StandardNormal));
                Complex::new(m * a, m * b)
            })
            .collect();
        self.fft.process(&mut field);
        // tau[j]: Lyα optical depth of the gas j fine pixels blueward of the quasar's Lyα, of the gas that
        // absorbs in the pixels that are asked for: no line reaches farther there than Lyα.
        let top = fine::index(((1.0 + z) * LYMAN[0].0).log10());
        let alpha = LYMAN[0].0.log10();
        let seen = usize::try_from(top - first + 1).unwrap_or(0);
        let tau: Vec<f64> = field
            .iter()
            .take(seen)
            .enumerate()
            .map(|(j, g)| {
                let log1z = fine::loglam(top - j as i64) - alpha;
                let v = (j as f64 + 0.5) * STEP * LN_10 * LIGHT;
                let near = 1.0 + (PROXIMITY / v).powi(2);
                let growth = growth(10f64.powf(log1z) - 1.0);
                (self.ln_amplitude(log1z) + 2.0 * growth * g.re).exp() / near
            })
            .collect();
        let mut depth = vec![0.0; n];
        for (wavelength, f) in LYMAN {
            let strength = wavelength * f / (LYMAN[0].0 * LYMAN[0].1);
            // The quasar's own line lies here; gas j pixels blueward of it absorbs j pixels blueward.
            let edge = top + ((wavelength.log10() - alpha) / STEP).round() as i64;
            for (i, d) in depth.iter_mut().enumerate() {
                let j = edge - (first + i as i64);
                if let Ok(j) = usize::try_from(j)
                    && let Some(t) = tau.get(j)
                {
                    *d += strength * t;
                }
            }
        }
        depth
            .iter()
            .enumerate()
            .map(|(i, d)| {
                let lambda = 10f64.powf(fine::loglam(first + i as i64));
                (-d - continuum_depth(lambda, z)).exp()
            })
            .collect()
    }
}

/// Mean optical depth beyond the Lyman limit of a quasar at `z`, observed at `lambda` Å.
fn continuum_depth(lambda: f64, z: f64) -> f64 {
    let absorber = lambda / LIMIT;
    if absorber >= 1.0 + z {
        return 0.0;
    }
    // Proper distance between the redshifts at which the photon leaves and meets the limit, Mpc
    // (H0 = 70 km/s/Mpc, Ωm = 0.3).
    let hubble = 70.0 * (0.3 * (1.0 + z).powi(3) + 0.7).sqrt();
    let distance = LIGHT / hubble * (1.0 + z - absorber) / (1.0 + z);
    distance / (37.0 * ((1.0 + z) / 5.0).powf(-5.4))
}

/// The ln A for which A·exp(s·ξ), ξ a unit normal, has mean transmission `target`.
fn ln_amplitude(target: f64, s: f64) -> f64 {
    const NODES: i32 = 400;
    let nodes: Vec<(f64, f64)> = (-NODES..=NODES)
        .map(|i| f64::from(i) * 7.0 / f64::from(NODES))
        .map(|x| ((s * x).exp(), (-0.5 * x * x).exp()))
        .collect();
    let total: f64 = nodes.iter().map(|(_, w)| w).sum();
    let mean =
        |a: f64| -> f64 { nodes.iter().map(|(e, w)| w * (-a * e).exp()).sum::<f64>() / total };
    let (mut low, mut high) = (-60.0, 60.0);
    for _ in 0..60 {
        let mid = 0.5 * (low + high);
        if mean(f64::exp(mid)) > target {
            low = mid;
        } else {
            high = mid;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn becker_2013_at_redshift_three() {
        assert_relative_eq!((-tau_eff(3.0)).exp(), 0.669, max_relative = 2e-3);
    }

    #[test]
    fn the_amplitude_gives_the_mean_it_was_asked_for() {
        let (target, s): (f64, f64) = (0.67, 2.5);
        let a = ln_amplitude(target, s).exp();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let n = 200_000;
        let mean = (0..n)
            .map(|_| (-a * (s * rng.sample::<f64, _>(StandardNormal)).exp()).exp())
            .sum::<f64>()
            / f64::from(n);
        assert_relative_eq!(mean, target, max_relative = 5e-3);
    }

    #[test]
    fn a_line_of_sight_does_not_depend_on_the_pixels_asked_for() {
        let forest = Forest::new(3.2, 3600.0);
        let first = fine::index(4500f64.log10());
        let sight =
            |first, n| forest.transmission(&mut ChaCha8Rng::seed_from_u64(5), 3.1, first, n);
        let (all, part) = (sight(first, 400), sight(first + 100, 50));
        assert_eq!(all[100..150], part[..]);
    }
}
