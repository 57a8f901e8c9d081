//! selfsi: restore corrupted astronomical catalogs with self-consistent stochastic interpolants.
//!
//! Data flows one way: read ([`catalog`]) → forward model ([`forward`]) → interpolant
//! ([`interpolant`]) → train ([`train`]) → restore ([`restore`]) → write ([`catalog`]).
//! [`audit`] stands on [`restore`] and [`evaluate`].
//! Generation stands on restorations: [`diffusion`] (a model trained on them) → [`generate`].
//! Modules are listed floor by floor: an upper floor may use the lower ones, never the reverse.

pub mod ahead;
pub mod atomic;
pub mod config;
pub mod device;
pub mod error;
mod hdf5_output;
mod host;
pub mod random;
pub mod ranks;
pub mod statistics;

pub mod lines;
pub mod theory;

pub mod audit;
pub mod baselines;
pub mod catalog;
pub mod cli;
pub mod diagnose;
pub mod diffusion;
pub mod evaluate;
pub mod forward;
pub mod generate;
pub mod interpolant;
pub mod mock;
pub mod nets;
pub mod plot;
pub mod population;
pub mod restore;
pub mod simulate;
pub mod slurm;
pub mod toy;
pub mod train;
pub mod transport;

pub use error::{Error, Result};
