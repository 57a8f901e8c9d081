//! `selfsi restore`.

use super::Global;
use crate::Result;
use clap::Args;

#[derive(Debug, Args)]
pub struct Restore {}

impl Restore {
    pub fn run(&self, _global: &Global) -> Result<()> {
        todo!()
    }
}
