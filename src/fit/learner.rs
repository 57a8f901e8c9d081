//! The M-step: a network, its optimiser and the running average of its weights.

use super::adam::Adam;
use crate::nets::VelocityField;
use tch::{Tensor, no_grad};

/// Weights on their way down a loss.
pub struct Learner<N: VelocityField + ?Sized = dyn VelocityField> {
    /// The weights in training.
    pub network: Box<N>,
    /// Running average of the weights, `[P]`.
    pub averaged: Tensor,
    /// The optimiser's state.
    pub adam: Adam,
}

/// How far one step goes.
#[derive(Debug, Clone, Copy)]
pub struct Stride {
    /// Learning rate.
    pub rate: f64,
    /// Largest norm of the gradient.
    pub clip: f64,
    /// Decay of the averaged weights, per step.
    pub ema: f64,
}

impl<N: VelocityField + ?Sized> Learner<N> {
    /// With the weights of `network` as the first of the average.
    pub fn new(network: Box<N>) -> Self {
        let flat = network.params().flat();
        Self {
            averaged: flat.copy(),
            adam: Adam::new(&flat),
            network,
        }
    }

    /// One step down the gradient of `loss`.
    pub fn descend(&mut self, loss: &Tensor, stride: Stride) {
        let gradient = self.gradient(loss);
        self.follow(&gradient, stride);
    }

    /// The gradient `[P]` of `loss`.
    pub fn gradient(&self, loss: &Tensor) -> Tensor {
        loss.backward();
        self.network.params().take_gradient()
    }

    /// One step down a gradient `[P]`.
    pub fn follow(&mut self, gradient: &Tensor, stride: Stride) {
        let step = self.adam.step as f64;
        let params = self.network.params();
        let weights = self
            .adam
            .update(&params.flat(), gradient, stride.rate, stride.clip);
        params.set_flat(&weights);
        // Early averages forget the initial weights faster than the decay alone would.
        let decay = stride.ema.min((1.0 + step) / (10.0 + step));
        self.averaged = no_grad(|| &self.averaged * decay + weights * (1.0 - decay));
    }
}
