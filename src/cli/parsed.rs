//! A subcommand by its arguments, for commands that run others.

use crate::{Error, Result};
use clap::{Args, Command};
use std::ffi::OsString;
use std::path::Path;

/// The subcommand with the arguments that `selfsi NAME` would get: words, of which each `@` stands for the
/// next of `paths`.
///
/// # Errors
/// [`Error::Config`] if it does not take them, which would be a fault of the caller.
pub fn parsed<C: Args>(words: &str, paths: &[&Path]) -> Result<C> {
    let mut paths = paths.iter();
    let word = |word: &str| match word {
        "@" => paths.next().map_or_else(OsString::new, OsString::from),
        word => word.into(),
    };
    let words: Vec<OsString> = words.split(' ').map(word).collect();
    let refused = |e: clap::Error| Error::config("selfsi", "arguments", e, "report this");
    let command = C::augment_args(Command::new("selfsi").no_binary_name(true));
    let found = command.try_get_matches_from(words).map_err(refused)?;
    C::from_arg_matches(&found).map_err(refused)
}
