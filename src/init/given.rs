//! What the user gave with `--set`.

use crate::config::overridden_key;

/// The number that `set` gives for `key`, if it does.
pub(super) fn number(set: &[String], key: &str) -> Option<f64> {
    let given = set.iter().filter_map(|s| overridden_key(s).ok());
    let value = given.filter(|(k, _)| k == key).next_back()?.1;
    value
        .as_float()
        .or_else(|| value.as_integer().map(|i| i as f64))
}

/// Whether `set` gives `key`.
pub(super) fn gives(set: &[String], key: &str) -> bool {
    let keys = set.iter().filter_map(|s| overridden_key(s).ok());
    keys.into_iter().any(|(k, _)| k == key)
}
