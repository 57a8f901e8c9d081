//! `selfsi completions`.

use super::say::say;
use crate::Result;
use clap::{Args, Command};
use clap_complete::Shell;

/// Print shell completions.
#[derive(Debug, Args)]
pub struct Completions {
    /// Shell to complete for.
    shell: Shell,
}

impl Completions {
    /// For the whole `command` line.
    pub fn run(&self, mut command: Command) -> Result<()> {
        // Not to standard output itself: a reader that has gone away would be a panic.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "selfsi", &mut script);
        say(String::from_utf8_lossy(&script).trim_end())
    }
}
