//! What the user gave with `--set`.

use crate::config::overridden_key;

/// The number that `set` gives for `key`, if it does.
pub(super) fn number(set: &[String], key: &str) -> Option<f64> {
    let mut given = set.iter().rev().filter_map(|s| overridden_key(s).ok());
    let (_, value) = given.find(|(k, _)| k == key)?;
    value
        .as_float()
        .or_else(|| value.as_integer().map(|i| i as f64))
}

/// Whether `set` gives `key`.
pub(super) fn gives(set: &[String], key: &str) -> bool {
    let mut keys = set.iter().filter_map(|s| overridden_key(s).ok());
    keys.any(|(k, _)| k == key)
}
