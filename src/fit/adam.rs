//! Adam on flat vectors, with its state in the open: tch's own optimiser cannot save it.

use tch::{Kind, Tensor};

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// Adam (Kingma & Ba 2015) with the norm of the gradient clipped.
#[derive(Debug)]
pub struct Adam {
    /// Mean of the gradient, `[P]`.
    pub first: Tensor,
    /// Mean of its square, `[P]`.
    pub second: Tensor,
    /// Updates made so far.
    pub step: u64,
}

impl Adam {
    /// For weights like `flat` `[P]`.
    #[must_use]
    pub fn new(flat: &Tensor) -> Self {
        Self {
            first: flat.zeros_like(),
            second: flat.zeros_like(),
            step: 0,
        }
    }

    /// The weights `[P]` after one step along `gradient` `[P]`, its norm clipped at `clip`.
    pub fn update(&mut self, weights: &Tensor, gradient: &Tensor, rate: f64, clip: f64) -> Tensor {
        self.step += 1;
        // min(1, clip/norm) on the device: asking for the norm would halt its queue.
        let factor = (gradient.norm() + 1e-12).reciprocal() * clip;
        let g = gradient * factor.clamp_max(1.0);
        self.first = &self.first * BETA1 + &g * (1.0 - BETA1);
        self.second = &self.second * BETA2 + g.square() * (1.0 - BETA2);
        let n = self.step.min(i32::MAX as u64) as i32;
        let mean = &self.first / (1.0 - BETA1.powi(n));
        let deviation = (&self.second / (1.0 - BETA2.powi(n))).sqrt() + EPSILON;
        (weights - mean / deviation * rate).to_kind(Kind::Float)
    }
}

/// Linear warm-up over the first `warmup` of `steps`, then a cosine from `peak` to 0.
#[must_use]
pub fn learning_rate(step: u64, steps: u64, warmup: f64, peak: f64) -> f64 {
    let done = step as f64 / steps as f64;
    if done < warmup {
        return peak * (step + 1) as f64 / (warmup * steps as f64 + 1.0);
    }
    let phase = ((done - warmup) / (1.0 - warmup)).min(1.0);
    peak * 0.5 * (1.0 + (std::f64::consts::PI * phase).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adam_finds_the_minimum_of_a_quadratic() {
        let target = Tensor::from_slice(&[1f32, -2.0, 3.0]);
        let mut w = target.zeros_like();
        let mut adam = Adam::new(&w);
        for _ in 0..2000 {
            let g = &w - &target;
            w = adam.update(&w, &g, 0.02, 1.0);
        }
        assert!((w - target).abs().max().double_value(&[]) < 1e-2);
    }

    #[test]
    fn the_first_step_has_the_size_of_the_learning_rate() {
        let w = Tensor::zeros([2], (Kind::Float, tch::Device::Cpu));
        let g = Tensor::from_slice(&[0.3f32, -0.004]);
        let next: Vec<f32> = Adam::new(&w).update(&w, &g, 0.1, 1.0).try_into().unwrap();
        assert!((next[0] + 0.1).abs() < 1e-4 && (next[1] - 0.1).abs() < 1e-4);
    }

    #[test]
    fn the_learning_rate_rises_peaks_and_ends_at_zero() {
        let rate = |s| learning_rate(s, 1000, 0.1, 1.0);
        assert!(rate(0) > 0.0 && rate(0) < rate(50) && rate(50) < rate(99));
        assert!((rate(100) - 1.0).abs() < 1e-9);
        assert!((rate(550) - 0.5).abs() < 1e-9);
        assert!(rate(999) < 1e-5);
    }
}
