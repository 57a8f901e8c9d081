//! The M-step: a network, its optimiser and the running average of its weights.

use super::adam::Adam;
use crate::base::workers;
use crate::nets::VelocityField;
use tch::{Kind, Tensor, no_grad, with_grad};

/// The loss of a batch, a number, and its gradient `[P]` with respect to the weights of `network`: the
/// sums over the `parts` of the batch ([`workers`]) of what `loss` makes of each.
///
/// # Errors
/// The first of `loss`.
pub fn gradient<N: VelocityField + ?Sized, P: Send, E: Send>(
    network: &N,
    parts: Vec<P>,
    loss: impl Fn(&N, P) -> Result<Tensor, E> + Sync,
) -> Result<(Tensor, Tensor), E> {
    let work = |part| {
        with_grad(|| {
            let loss = loss(network, part)?;
            Ok([loss.detach(), network.params().gradient(&loss)])
        })
    };
    let mut sum: Option<Result<[Tensor; 2], E>> = None;
    workers::in_order(parts, work, |made: Result<[Tensor; 2], E>| {
        sum = Some(match (sum.take(), made) {
            (None, made) => made,
            (Some(Ok([mut loss, mut gradient])), Ok([l, g])) => no_grad(|| {
                loss += l;
                gradient += g;
                Ok([loss, gradient])
            }),
            (Some(Err(e)), _) | (_, Err(e)) => Err(e),
        });
    });
    match sum {
        Some(sum) => sum.map(|[loss, gradient]| (loss, gradient)),
        None => {
            let zeros = network.params().flat().zeros_like();
            Ok((zeros.sum(Kind::Float), zeros))
        }
    }
}

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

    /// One step down the gradient of the loss, which is given back: see [`gradient`].
    ///
    /// # Errors
    /// The first of `loss`; nothing has changed then.
    pub fn descend<P: Send, E: Send>(
        &mut self,
        parts: Vec<P>,
        loss: impl Fn(&N, P) -> Result<Tensor, E> + Sync,
        stride: Stride,
    ) -> Result<Tensor, E> {
        let (loss, gradient) = self.gradient(parts, loss)?;
        self.follow(&gradient, stride);
        Ok(loss)
    }

    /// The loss and its gradient `[P]`: see [`gradient`].
    ///
    /// # Errors
    /// The first of `loss`.
    pub fn gradient<P: Send, E: Send>(
        &self,
        parts: Vec<P>,
        loss: impl Fn(&N, P) -> Result<Tensor, E> + Sync,
    ) -> Result<(Tensor, Tensor), E> {
        gradient(self.network.as_ref(), parts, loss)
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
