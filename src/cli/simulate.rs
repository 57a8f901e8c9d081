//! `selfsi simulate`.

use super::Global;
use crate::Result;
use clap::Args;

#[derive(Debug, Args)]
pub struct Simulate {}

impl Simulate {
    pub fn run(&self, _global: &Global) -> Result<()> {
        todo!()
    }
}
