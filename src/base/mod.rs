//! What every room stands on: errors, files that are complete or absent, locks, the program itself and its messages, random numbers, signals, statistics, devices.

pub mod ahead;
pub mod atomic;
pub mod cpu;
pub mod cuda;
pub mod device;
pub mod error;
mod glibc;
pub mod libtorch;
pub(crate) mod line;
pub mod lock;
pub mod machine;
pub mod memory;
pub mod messages;
pub mod null;
pub mod output;
pub mod program;
pub mod random;
pub(crate) mod regular;
pub(crate) mod rows;
pub mod signals;
pub mod statistics;
pub mod switches;
mod symbols;
pub(crate) mod tensors;
pub mod workers;
