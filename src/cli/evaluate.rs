//! `selfsi evaluate`.

use super::Global;
use crate::Result;
use clap::Args;

#[derive(Debug, Args)]
pub struct Evaluate {}

impl Evaluate {
    pub fn run(&self, _global: &Global) -> Result<()> {
        todo!()
    }
}
