//! The ODE of the path from a posterior, along which the Gaussian part of its fields is exact.
//!
//! With tan θ = t/(1−t), r = (1−t)² + t² and w = (X − m)/√r the path is I = m + √r (cos θ (x0 − m) +
//! sin θ (x_G − m)), dθ = dt/r, and dw/dθ = √r b − w (2t − 1): exactly 0 for a network that says
//! nothing. θ runs from π/2 to 0.

use std::f64::consts::FRAC_PI_2;
use tch::Tensor;

/// t at the part `left` of the way from θ = 0 to π/2.
pub(super) fn time(left: f64) -> f64 {
    let (sin, cos) = (left * FRAC_PI_2).sin_cos();
    sin / (sin + cos)
}

/// Slopes dw/dθ by places θ: the present one and, if there is one, the slope of the step before.
pub(super) struct Arc {
    before: Option<(f64, Tensor)>,
}

impl Arc {
    pub fn new() -> Self {
        Self { before: None }
    }

    /// X at the part `u` of the way, from `x` at `t`, where the velocity is `b`; `mean` is m. Second order:
    /// the slope is continued linearly from the slope of the step before.
    pub fn step(&mut self, [t, u]: [f64; 2], x: &Tensor, b: &Tensor, mean: &Tensor) -> Tensor {
        let radius = |left: f64| {
            let t = time(left);
            (1.0 - t).hypot(t)
        };
        let root = radius(t);
        let w = (x - mean) / root;
        let slope = b * root - &w * (2.0 * time(t) - 1.0);
        let h = (t - u) * FRAC_PI_2;
        let mut next = w - &slope * h;
        if let Some((earlier, before)) = &self.before {
            let change = (&slope - before) / ((t - earlier) * FRAC_PI_2);
            next += change * (0.5 * h * h);
        }
        self.before = Some((t, slope));
        next * radius(u) + mean
    }
}
