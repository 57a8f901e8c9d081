//! `selfsi train`.

use super::Global;
use crate::Result;
use clap::Args;

#[derive(Debug, Args)]
pub struct Train {}

impl Train {
    pub fn run(&self, _global: &Global) -> Result<()> {
        todo!()
    }
}
