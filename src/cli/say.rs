//! Results on standard output.

use crate::base::line::escaped;
use crate::{Error, Result};
use std::fmt::Display;
use std::io::{ErrorKind, Write};

/// Prints one result. A reader that has gone away (`selfsi inspect ... | head`) is no fault.
///
/// # Errors
/// [`Error::Output`] if standard output cannot be written for another reason.
pub fn say(text: impl Display) -> Result<()> {
    // What a file holds must not steer the terminal.
    let text = text.to_string();
    let words = |line: &str| line.split('\t').map(escaped).collect::<Vec<_>>().join("\t");
    let lines: Vec<String> = text.split('\n').map(words).collect();
    match writeln!(std::io::stdout().lock(), "{}", lines.join("\n")) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Error::output(
            "standard output",
            e,
            "check where it is redirected to",
        )),
        _ => Ok(()),
    }
}
