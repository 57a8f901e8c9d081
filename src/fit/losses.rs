//! Losses since the last line of the log: they stay on the device until someone asks.

use crate::Result;
use tch::{Device, Kind, Tensor};

/// See the module's notes.
#[derive(Debug, Default)]
pub(crate) struct Losses(Vec<Tensor>);

impl Losses {
    /// As a checkpoint recorded them.
    pub fn recorded(losses: &[f32], device: Device) -> Self {
        let tensor = |l: &f32| Tensor::from(*l).to_device(device);
        Self(losses.iter().map(tensor).collect())
    }

    /// Adds a loss, a number.
    pub fn push(&mut self, loss: &Tensor) {
        self.0.push(loss.detach());
    }

    /// Whether there is none, or their mean is a number.
    pub fn are_finite(&self) -> bool {
        self.0.is_empty() || self.mean().is_finite()
    }

    /// Their mean; NaN for none.
    pub fn mean(&self) -> f64 {
        self.on_host().mean(Kind::Double).double_value(&[])
    }

    /// Their mean; there are none afterwards.
    pub fn take_mean(&mut self) -> f64 {
        let mean = self.mean();
        self.0.clear();
        mean
    }

    /// One after the other.
    ///
    /// # Errors
    /// [`Error::Torch`](crate::Error::Torch) if they cannot be copied to the host.
    pub fn to_vec(&self) -> Result<Vec<f32>> {
        Ok(Vec::<f32>::try_from(self.on_host())?)
    }

    fn on_host(&self) -> Tensor {
        if self.0.is_empty() {
            return Tensor::zeros([0], (Kind::Float, Device::Cpu));
        }
        Tensor::stack(&self.0, 0).to_device(Device::Cpu)
    }
}
