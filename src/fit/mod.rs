//! What the trainings share: Adam, the learner, losses, order, checkpoints, logs.

mod adam;
pub(crate) mod checkpoint;
mod learner;
pub(crate) mod log;
pub(crate) mod losses;
mod order;
mod tensorboard;
mod validation;

pub use adam::{Adam, learning_rate};
pub use checkpoint::{Checkpoint, Header, Saved};
pub use learner::{Learner, Stride, gradient};
pub use log::Denoising;
pub use order::{Pick, Sampler};
pub use tensorboard::EventWriter;
pub use validation::{Proxies, Proxy, Validation, erased_fault};
