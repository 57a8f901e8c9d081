//! A Gaussian population: a denoiser in closed form.

use super::prior::Denoiser;
use tch::{Device, Kind, Tensor};

/// Variances of a fit are at least this part of their mean: fewer samples than pixels leave
/// directions without any.
const FLOOR: f64 = 1e-4;

/// N(m, U diag(λ) Uᵀ).
#[derive(Debug)]
pub struct Gaussian {
    /// [1, D].
    mean: Tensor,
    /// U, [D, D].
    vectors: Tensor,
    /// λ, [D].
    variances: Tensor,
    scale: f64,
}

// SAFETY: libtorch lets several threads read its tensors, and nothing else is done with them.
unsafe impl Sync for Gaussian {}

impl Gaussian {
    /// With mean [1, D] and covariance [D, D].
    #[must_use]
    pub fn new(mean: &Tensor, covariance: &Tensor) -> Self {
        // On the host: once, and a GPU would load another library for it.
        let double = covariance.to_device(Device::Cpu).to_kind(Kind::Double);
        let (variances, vectors) = double.linalg_eigh("L");
        let [variances, vectors] = [variances, vectors].map(|t| t.to_device(mean.device()));
        let level = variances.mean(Kind::Double).double_value(&[]);
        Self {
            mean: mean.to_kind(Kind::Float),
            vectors: vectors.to_kind(Kind::Float),
            variances: variances.clamp_min(FLOOR * level).to_kind(Kind::Float),
            scale: level.sqrt(),
        }
    }

    /// With the moments of `samples` [N, D].
    #[must_use]
    pub fn fit(samples: &Tensor) -> Self {
        let mean = samples.mean_dim([0i64].as_slice(), true, Kind::Float);
        let centred = (samples - &mean).to_kind(Kind::Double);
        let covariance = centred.transpose(0, 1).matmul(&centred) / samples.size()[0] as f64;
        Self::new(&mean, &covariance)
    }
}

impl Denoiser for Gaussian {
    /// m + C (C + σ²)⁻¹ (x − m).
    fn denoise(&self, x: &Tensor, sigma: &Tensor, _phase: u64) -> Tensor {
        let gain = &self.variances / (&self.variances + sigma.square());
        let modes = (x - &self.mean).matmul(&self.vectors) * gain;
        modes.matmul(&self.vectors.transpose(0, 1)) + &self.mean
    }

    fn mean(&self) -> &Tensor {
        &self.mean
    }

    fn scale(&self) -> f64 {
        self.scale
    }
}
