//! A condition that a config must meet.

use crate::{Error, Result};

/// Refuses `key` unless `ok`; shared by the sections' checks.
pub(super) fn require(ok: bool, origin: &str, key: &str, problem: &str, fix: &str) -> Result<()> {
    if ok {
        Ok(())
    } else {
        Err(Error::config(origin, key, problem, fix))
    }
}
