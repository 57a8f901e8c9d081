//! The self-consistent trainer (Algorithm 2) and its run folder.

mod aside;
mod band_power;
mod clean;
mod data;
mod doubt;
mod erased;
mod estep;
mod feed;
mod growth;
mod host_blocks;
mod known;
mod observations;
mod own;
mod pairs;
mod proxies;
mod rest_start;
mod resumed;
mod rule;
mod run;
mod seal;
mod split;
mod start;
mod sure;
mod trainer;
mod training;
mod validate;
mod warm_start;

pub use aside::set_aside;
pub use clean::Clean;
pub use data::Data;
pub use doubt::Doubt;
pub(crate) use estep::{EStep, evaluations, refreshes};
pub use feed::Feed;
pub use observations::{Observable, Observations};

pub use own::check_not_of_a_run;
pub use pairs::Pairs;
pub use rule::{Portion, Rule};
pub(crate) use run::sha256_file;
pub use run::{Run, config_sha256};
pub use split::{is_heldout, is_trained};
pub use sure::{Found, Mean};
pub(crate) use sure::{Learned, Posteriors, Spread, Tally, corrected, correction};

pub use crate::fit::{Proxies, Proxy, Validation};
pub use trainer::{Outcome, Trainer};
pub use training::{Streamed, Training};
pub use validate::Validator;
pub use warm_start::GaussianPopulation;
