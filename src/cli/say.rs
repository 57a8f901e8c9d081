//! Results on standard output.

use crate::{Error, Result};
use std::fmt::Display;
use std::io::{ErrorKind, Write};

/// Prints one result. A reader that has gone away (`selfsi inspect ... | head`) is no fault.
///
/// # Errors
/// [`Error::Output`] if standard output cannot be written for another reason.
pub fn say(text: impl Display) -> Result<()> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Error::output(
            "standard output",
            e,
            "check where it is redirected to",
        )),
        _ => Ok(()),
    }
}
