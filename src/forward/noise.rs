//! Unit-variance Gaussian noise whose neighbouring pixels are correlated by regridding.
//!
//! A native pixel shared by two pixels of the common grid gives both the same noise. Left out of
//! F, that correlation would be taken for structure of the clean population: at low SNR the error
//! is larger than the signal.

use crate::base::random::Rows;
use tch::{Device, Kind, Tensor};

/// The nearest correlation of neighbouring pixels that shared ones can give: |ρ| ≤ ½.
#[must_use]
pub fn possible(rho: f32) -> f32 {
    rho.clamp(-0.5, 0.5)
}

/// Standard deviations |mean(flux)|/SNR + 10⁻⁴ of the noise on `flux` [B, D], [B, D], with the SNR uniform in
/// `range` by the uniforms `uniform` [B, 1].
pub(super) fn level_of_snr(flux: &Tensor, [min, max]: [f64; 2], uniform: &Tensor) -> Tensor {
    let snr = uniform * (max - min) + min;
    let level = flux.mean_dim([-1i64].as_slice(), true, Kind::Float).abs();
    (level / snr + 1e-4).expand_as(flux)
}

/// Draws u with Var u_i = 1 and Corr(u_i, u_{i+1}) = ρ_i, as u_i = c_i e_i + d_i e_{i+1}.
#[derive(Debug)]
pub struct CorrelatedNoise {
    /// (c, d), each [D]; `None` for white noise.
    weights: Option<(Tensor, Tensor)>,
}

impl CorrelatedNoise {
    /// From ρ `[D]` (the last one has no neighbour and counts as 0), each bounded to what is [`possible`].
    #[must_use]
    pub fn new(rho: &[f32], device: Device) -> Self {
        if rho.iter().all(|r| *r == 0.0) {
            return Self { weights: None };
        }
        let n = rho.len();
        let (mut c, mut d) = (vec![1f32; n], vec![0f32; n]);
        // Corr(u_i, u_{i+1}) = d_i c_{i+1}: solved from the last pixel backwards.
        for i in (0..n.saturating_sub(1)).rev() {
            d[i] = (possible(rho[i]) / c[i + 1]).clamp(-0.9, 0.9);
            c[i] = (1.0 - d[i] * d[i]).sqrt();
        }
        let tensor = |v: &[f32]| Tensor::from_slice(v).to_device(device);
        Self {
            weights: Some((tensor(&c), tensor(&d))),
        }
    }

    /// Noise [B, n], number `draw` of the rows' streams.
    pub fn sample(&self, random: &Rows, draw: u64, n: i64) -> Tensor {
        match &self.weights {
            None => random.normal(draw, n),
            Some((c, d)) => {
                let e = random.normal(draw, n + 1);
                c * e.narrow(1, 0, n) + d * e.narrow(1, 1, n)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Purpose;

    #[test]
    fn noise_has_unit_variance_and_the_asked_correlation() {
        let rho: Vec<f32> = (0..16).map(|i| 0.02 * (i % 8) as f32).collect();
        let noise = CorrelatedNoise::new(&rho, Device::Cpu);
        let u = noise.sample(
            &Rows::range(1, Purpose::Forward, 0, 200_000, Device::Cpu),
            0,
            16,
        );
        let cov = u.transpose(0, 1).matmul(&u) / 200_000.0;
        for i in 0..15i64 {
            assert!((cov.double_value(&[i, i]) - 1.0).abs() < 0.02);
            let c = cov.double_value(&[i, i + 1]);
            assert!((c - f64::from(rho[i as usize])).abs() < 0.012, "{i}: {c}");
            if i < 14 {
                assert!(cov.double_value(&[i, i + 2]).abs() < 0.012);
            }
        }
        assert_eq!(u.kind(), Kind::Float);
    }
}
