//! `selfsi mock`.

use super::Global;
use crate::Result;
use clap::Args;

#[derive(Debug, Args)]
pub struct Mock {}

impl Mock {
    pub fn run(&self, _global: &Global) -> Result<()> {
        todo!()
    }
}
