//! `selfsi inspect`.

use super::Global;
use crate::Result;
use clap::Args;

#[derive(Debug, Args)]
pub struct Inspect {}

impl Inspect {
    pub fn run(&self, _global: &Global) -> Result<()> {
        todo!()
    }
}
