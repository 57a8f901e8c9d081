//! Limits of the numbers of the command line that decide sizes.

use crate::{Error, Result};

/// Refuses an option `key` of the command `what` above `most`.
pub(super) fn at_most(what: &str, key: &str, value: usize, most: usize) -> Result<()> {
    if value <= most {
        return Ok(());
    }
    Err(Error::config(
        what,
        key,
        format!("{value} is too many"),
        format!("give at most {most}"),
    ))
}
