//! What the user gave with `--set`.

use crate::config::overridden_key;
use toml::Value;

/// The number that `set` gives for `key`, if it does.
pub(super) fn number(set: &[String], key: &str) -> Option<f64> {
    let value = value(set, key)?;
    value
        .as_float()
        .or_else(|| value.as_integer().map(|i| i as f64))
}

/// The text that `set` gives for `key`, if it does.
pub(super) fn text(set: &[String], key: &str) -> Option<String> {
    value(set, key)?.as_str().map(str::to_owned)
}

/// What `set` gives for `key` last.
fn value(set: &[String], key: &str) -> Option<Value> {
    let mut given = set.iter().rev().filter_map(|s| overridden_key(s).ok());
    Some(given.find(|(k, _)| k == key)?.1)
}

/// Whether `set` gives `key`.
pub(super) fn gives(set: &[String], key: &str) -> bool {
    let mut keys = set.iter().filter_map(|s| overridden_key(s).ok());
    keys.any(|(k, _)| k == key)
}
