//! Named weights in a fixed order, initialised from the run's seed.

use crate::base::random::{Purpose, Rows, derive};
use tch::{Device, Kind, Tensor, no_grad};

/// The weights of one network. Their order is the order of creation.
#[derive(Debug)]
pub struct Params {
    seed: u64,
    device: Device,
    named: Vec<(String, Tensor)>,
}

// SAFETY: libtorch lets several threads read a tensor; weights change only between the steps of a
// training, when nobody else has them.
unsafe impl Sync for Params {}

impl Params {
    /// An empty set; weights made later derive from `seed`.
    #[must_use]
    pub fn new(seed: u64, device: Device) -> Self {
        Self {
            seed,
            device,
            named: Vec::new(),
        }
    }

    /// A weight uniform on ±1/√`fan_in`.
    pub fn uniform(&mut self, name: &str, shape: &[i64], fan_in: i64) -> Tensor {
        let count: i64 = shape.iter().product();
        let seed = derive(self.seed, Purpose::Weights, self.named.len() as u64);
        let u = Rows::range(seed, Purpose::Weights, 0, 1, self.device).uniform(0, count);
        let bound = 1.0 / (fan_in as f64).sqrt();
        self.push(name, (u * 2.0 - 1.0) * bound, shape)
    }

    /// A weight filled with `value`.
    pub fn constant(&mut self, name: &str, shape: &[i64], value: f64) -> Tensor {
        let t = Tensor::full(shape, value, (Kind::Float, self.device));
        self.push(name, t, shape)
    }

    fn push(&mut self, name: &str, value: Tensor, shape: &[i64]) -> Tensor {
        let weight = self.arrange(value.reshape(shape)).set_requires_grad(true);
        self.named.push((name.to_owned(), weight.shallow_clone()));
        weight
    }

    /// On a processor, windows of a 1-D convolution [outputs, inputs, taps] have the inputs side by
    /// side in memory, as the maps have them (layers1d): else every pass would rearrange them.
    fn arrange(&self, weight: Tensor) -> Tensor {
        if weight.dim() == 3 && !self.device.is_cuda() {
            weight.transpose(1, 2).contiguous().transpose(1, 2)
        } else {
            weight.contiguous()
        }
    }

    /// Names and weights.
    pub fn named(&self) -> &[(String, Tensor)] {
        &self.named
    }

    /// How many numbers the network holds.
    #[must_use]
    pub fn count(&self) -> usize {
        self.named.iter().map(|(_, t)| t.numel()).sum()
    }

    /// All weights, one after the other, as one vector `[P]` (a copy).
    pub fn flat(&self) -> Tensor {
        no_grad(|| join(self.named.iter().map(|(_, t)| t.shallow_clone())))
    }

    /// Overwrites all weights from one vector `[P]`.
    pub fn set_flat(&self, flat: &Tensor) {
        no_grad(|| {
            for ((_, t), part) in self.named.iter().zip(self.split(flat)) {
                t.shallow_clone().copy_(&part);
            }
        });
    }

    /// The gradient of `loss`, a number, with respect to all weights as one vector `[P]`. Nothing is left
    /// at the weights, so that several threads may ask at a time.
    pub fn gradient(&self, loss: &Tensor) -> Tensor {
        let weights: Vec<&Tensor> = self.named.iter().map(|(_, t)| t).collect();
        let parts = Tensor::run_backward(&[loss], &weights, false, false);
        let or_zero = |(g, (_, t)): (Tensor, &(String, Tensor))| {
            if g.defined() { g } else { t.zeros_like() }
        };
        no_grad(|| join(parts.into_iter().zip(&self.named).map(or_zero)))
    }

    /// Views of a vector `[P]` in the shapes of the weights.
    pub fn split(&self, flat: &Tensor) -> Vec<Tensor> {
        let mut start = 0;
        self.named
            .iter()
            .map(|(_, t)| {
                let n = t.numel() as i64;
                start += n;
                flat.narrow(0, start - n, n).view(t.size().as_slice())
            })
            .collect()
    }
}

fn join(parts: impl Iterator<Item = Tensor>) -> Tensor {
    let parts: Vec<Tensor> = parts.map(|t| t.reshape([-1])).collect();
    Tensor::cat(&parts, 0)
}
