//! Which config restorations were made by.

use crate::Result;
use crate::config::{Config, RestoreConfig};
use crate::train::config_sha256;

/// SHA-256 of the config without `[restore]`, the CFGSHA of a restored catalog. That says itself what
/// counts of `[restore]`, the draws and quantiles; the batch is a matter of memory.
pub(super) fn digest(config: &Config) -> Result<String> {
    config_sha256(&Config {
        restore: RestoreConfig::immaterial(),
        ..config.clone()
    })
}
