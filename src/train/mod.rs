//! The self-consistent trainer (Algorithm 2) and its run folder.

mod adam;
mod checkpoint;
mod data;
mod log;
mod run;
mod step;
mod tensorboard;
mod trainer;
mod validate;

pub use adam::{Adam, learning_rate};
pub use checkpoint::{Checkpoint, Header};
pub use data::{Data, Observations, Sampler, is_heldout, observations};
pub use run::{Run, config_sha256};
pub use step::Step;
pub use tensorboard::EventWriter;
pub use trainer::{Outcome, Trainer};
pub use validate::{Validation, Validator};
