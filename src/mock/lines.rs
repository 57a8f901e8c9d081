//! The emission lines, read from `data/lines.toml`, which explains each number.

use crate::{Error, Result};
use serde::Deserialize;

/// One Gaussian component of an emission line; units as in `data/lines.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    pub name: String,
    pub wavelength: f64,
    pub ew: f64,
    pub width: f64,
    pub shift: f64,
    pub baldwin: f64,
    pub common: f64,
    pub eigen: f64,
    pub blueshift: f64,
    pub scatter: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    line: Vec<Line>,
}

const TEXT: &str = include_str!("../../data/lines.toml");

/// The line list that is built into the program.
///
/// # Errors
/// [`Error::Input`] if `data/lines.toml` was edited into something else before the build.
pub fn line_list() -> Result<Vec<Line>> {
    let list: List = toml::from_str(TEXT).map_err(|e| {
        Error::input(
            "data/lines.toml",
            "",
            e.message(),
            "[[line]] tables",
            "restore the file and build again",
        )
    })?;
    Ok(list.line)
}
