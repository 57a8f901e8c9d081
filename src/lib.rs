//! selfsi: restore corrupted astronomical catalogs with self-consistent stochastic interpolants.
//!
//! Data flows one way: read ([`survey`]) → prepare ([`prepare`]) → forward model ([`forward`]) →
//! train ([`train`]) → restore ([`restore`]) → write ([`restored`]).
//!
//! The rooms are listed floor by floor, the lowest first: a room may use those listed before it, never
//! those after it. A test holds to this order; docs/architecture.md says what each room is for.

pub mod base;

pub mod config;

pub mod data;

pub mod files;

pub mod lines;

pub mod survey;

pub mod prepare;

pub mod forward;

pub mod nets;

pub mod interpolant;

pub mod transport;

pub mod population;

pub mod ranks;

pub mod fit;

pub mod train;

pub mod restored;

pub mod restore;

pub mod diffusion;

pub mod generate;

pub mod simulate;

pub mod mock;

pub mod evaluate;

pub mod audit;

pub mod diagnose;

pub mod inspect;

pub mod lab;

pub mod plot;

pub mod slurm;

pub mod cli;

pub use base::error::{Error, Result};
