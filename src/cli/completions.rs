//! `selfsi completions`.

use super::Cli;
use crate::Result;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

#[derive(Debug, Args)]
pub struct Completions {
    /// bash, zsh, fish, elvish or powershell
    shell: Shell,
}

impl Completions {
    pub fn run(&self) -> Result<()> {
        clap_complete::generate(
            self.shell,
            &mut Cli::command(),
            "selfsi",
            &mut std::io::stdout(),
        );
        Ok(())
    }
}
