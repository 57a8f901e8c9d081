//! `selfsi prepare`.

use super::Global;
use crate::Result;
use clap::Args;

#[derive(Debug, Args)]
pub struct Prepare {}

impl Prepare {
    pub fn run(&self, _global: &Global) -> Result<()> {
        todo!()
    }
}
