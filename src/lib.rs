//! selfsi: restore corrupted astronomical catalogs with self-consistent stochastic interpolants.
//!
//! Data flows one way: read ([`survey`]) → prepare ([`prepare`]) → forward model ([`forward`]) →
//! train ([`train`]) → restore ([`restore`]) → write ([`restored`]).
//!
//! The rooms are listed floor by floor, the lowest first: a room may use those listed before it, never
//! those after it. A test holds to this order; docs/architecture.md says what each room is for.
//!
//! # Example
//!
//! Rows of a prepared set go through F once more, and a trained run restores the whole set into a catalog:
//!
//! ```no_run
//! use selfsi::base::random::{Purpose, Rows};
//! use selfsi::forward;
//! use selfsi::prepare::{Prepared, SpectraHeader};
//! use selfsi::restore::{Given, Input, Job, Output, Selection, config_of, restore};
//! use selfsi::train::{Observable, Run};
//! use std::path::Path;
//! use tch::Device;
//!
//! # fn main() -> selfsi::Result<()> {
//! // Normalised flux [64, D] and what is known of each observation: mask, noise, blur, redshift.
//! let set = Prepared::open("out/demo/prepared.h5")?;
//! let observed = set.read(0..64)?.observations(Device::Cpu);
//!
//! // F as the run's config has it. What it draws for a row depends on the seed and the row's number.
//! let run = Run::open(Path::new("out/demo/run"))?;
//! let config = config_of(&run, &[])?;
//! let channel = forward::build(&config.forward, &set.layout(), Device::Cpu)?;
//! let random = Rows::range(config.seed, Purpose::Forward, 0, observed.len(), Device::Cpu);
//! let (again, _latent) = channel.observe(&observed.flux, &observed.latent, &random)?;
//! assert_eq!(again.size(), observed.flux.size());
//!
//! // The set that the run was trained on, restored; every row is in the catalog.
//! let out = Path::new("restored.fits");
//! let nothing = Given { paths: &[], catalog: None };
//! let input: Input<SpectraHeader> = Input::open(&config, nothing, out, &mut |_, _| {})?;
//! let job = Job {
//!     config: &config,
//!     seed: config.seed,
//!     input: &input,
//!     output: &Output { catalog: out.into(), spectra: None, draws: false },
//!     selection: Selection { heldout_only: false, first: 0, count: usize::MAX, part: None },
//!     device: Device::Cpu,
//! };
//! let summary = restore(&run, job, &mut |done, all| eprintln!("{done}/{all}"))?;
//! println!("{} of {} rows are restored", summary.restored, summary.rows);
//! # Ok(())
//! # }
//! ```

pub mod base;

pub mod config;

pub mod data;

pub mod files;

pub mod lines;

pub mod shapes;

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

pub mod init;

pub mod lab;

pub mod plot;

pub mod view;

pub mod slurm;

pub mod cli;

pub use base::error::{Error, Result};
