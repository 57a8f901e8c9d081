//! `selfsi plot`.

use super::Global;
use crate::Result;
use clap::Args;

#[derive(Debug, Args)]
pub struct Plot {}

impl Plot {
    pub fn run(&self, _global: &Global) -> Result<()> {
        todo!()
    }
}
