//! The self-consistent trainer (Algorithm 2) and its run folder.

mod adam;
mod band_power;
mod checkpoint;
mod clean;
mod data;
mod feed;
mod log;
mod order;
mod proxies;
mod run;
mod split;
mod step;
mod tensorboard;
mod trainer;
mod training;
mod validate;
mod warm_start;

pub use adam::{Adam, learning_rate};
pub use checkpoint::{Checkpoint, Header, Saved};
pub(crate) use checkpoint::{named, newest, save_numbered};
pub use clean::Clean;
pub use data::{Data, Observations, image_observations, observations};
pub use feed::Feed;
pub use log::Denoising;
pub(crate) use log::Log;
pub use order::{Place, Sampler};
pub use proxies::{Proxies, Proxy};
pub(crate) use run::sha256_file;
pub use run::{Run, config_sha256};
pub use split::{is_heldout, is_trained};
pub use step::{Pairs, Step};
pub use tensorboard::EventWriter;
pub use trainer::{Outcome, Trainer};
pub use training::{Streamed, Training};
pub use validate::{Validation, Validator};
pub use warm_start::GaussianPopulation;
