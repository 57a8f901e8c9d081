//! The emission lines, read from `data/lines.toml`, which explains each number.

use crate::{Error, Result};
use serde::Deserialize;

/// One Gaussian component of an emission line; units as in `data/lines.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Ion and wavelength.
    pub name: String,
    /// Laboratory wavelength in vacuum, Å.
    pub wavelength: f64,
    /// Median equivalent width, rest frame, Å.
    pub ew: f64,
    /// Median σ, km/s.
    pub width: f64,
    /// Mean velocity against the catalog redshift, km/s; negative: towards the blue.
    pub shift: f64,
    /// d ln ew / d ln luminosity.
    pub baldwin: f64,
    /// Response of ln ew to the strength that all lines of an object share.
    pub common: f64,
    /// Response of ln ew to the second shared factor.
    pub eigen: f64,
    /// Response of the shift to that second factor, km/s.
    pub blueshift: f64,
    /// Own scatter of ln ew.
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
