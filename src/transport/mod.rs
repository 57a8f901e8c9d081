//! The transport map Φ: from an observation at t = 1 back to a clean sample at t = 0 (eq. 2, 4).
//!
//! ODE: dX = b dt. SDE, in reverse time, with score s = −g/γ:
//! X ← X − (b + ε g/γ) dt + √(2 ε dt) ξ. With ε(t) = r·γ(t) the drift is b + r g: finite at both
//! ends, where 1/γ alone would be singular. The noise of a step from t to t − dt is taken at the
//! end t − dt, so that the last step, to t = 0, adds none: nothing would remove it.

use crate::config::{Scheme, TransportConfig};
use crate::forward::Latent;
use crate::interpolant::Interpolant;
use crate::nets::VelocityField;
use crate::random::Rows;
use tch::{Tensor, no_grad};

/// How Φ is integrated.
#[derive(Debug, Clone, Copy)]
pub struct Transport {
    pub interpolant: Interpolant,
    pub scheme: Scheme,
    pub steps: usize,
}

impl Transport {
    /// The transport of a config.
    #[must_use]
    pub fn new(interpolant: Interpolant, config: &TransportConfig) -> Self {
        Self {
            interpolant,
            scheme: config.scheme,
            steps: config.steps,
        }
    }

    /// Φ(y) for observations `y` [B, D], without gradient and without leaving the device. The
    /// result is a function of y, the latent and each row's random stream alone. The SDE draws
    /// from `random`; the ODE does not use it. `train`: whether dropout is on, as in the source.
    pub fn run(
        &self,
        field: &dyn VelocityField,
        y: &Tensor,
        latent: &Latent,
        random: &Rows,
        train: bool,
    ) -> Tensor {
        no_grad(|| {
            let n = self.steps;
            let dt = 1.0 / n as f64;
            let pixels = y.size()[1];
            let mut x = y.shallow_clone();
            for k in 0..n {
                let t = 1.0 - k as f64 * dt;
                let end = if k + 1 == n { 0.0 } else { t - dt };
                let noise = self.noise(random, k as u64, pixels, end, dt);
                x = match self.scheme {
                    Scheme::Euler => {
                        let x1 = &x - self.drift(field, t, &x, latent, train) * dt;
                        add(x1, noise)
                    }
                    // Noise first, then two evaluations of the drift.
                    Scheme::Heun => {
                        let x = add(x, noise);
                        let first = self.drift(field, t, &x, latent, train);
                        let second = self.drift(field, end, &(&x - &first * dt), latent, train);
                        x - (first + second) * (0.5 * dt)
                    }
                };
            }
            x
        })
    }

    /// b for the ODE; b + r g, that is b − ε s, for the SDE.
    fn drift(
        &self,
        field: &dyn VelocityField,
        t: f64,
        x: &Tensor,
        latent: &Latent,
        train: bool,
    ) -> Tensor {
        let times = x.new_full([x.size()[0], 1], t, (x.kind(), x.device()));
        let fields = field.fields(&times, x, latent, train);
        match (self.interpolant, fields.denoiser) {
            (Interpolant::Sde(gamma), Some(g)) => fields.velocity + g * gamma.ratio,
            _ => fields.velocity,
        }
    }

    fn noise(&self, random: &Rows, draw: u64, pixels: i64, end: f64, dt: f64) -> Option<Tensor> {
        match self.interpolant {
            Interpolant::Sde(gamma) if end > 0.0 => {
                let deviation = (2.0 * gamma.ratio * gamma.at(end) * dt).sqrt();
                Some(random.normal(draw, pixels) * deviation)
            }
            _ => None,
        }
    }
}

fn add(x: Tensor, noise: Option<Tensor>) -> Tensor {
    match noise {
        Some(n) => x + n,
        None => x,
    }
}
