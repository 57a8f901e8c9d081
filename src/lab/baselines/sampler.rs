//! Noise levels of the baselines' samplers.

use crate::config::SamplerConfig;
use crate::diffusion::noise_levels;

/// `steps` + 1 falling levels for a population of standard deviation `scale`; the last is 0.
pub(super) fn levels(scale: f64, steps: usize) -> Vec<f64> {
    noise_levels(&SamplerConfig {
        steps,
        sigma_max: 20.0 * scale,
        sigma_min: 0.01 * scale,
        ..SamplerConfig::default()
    })
}
