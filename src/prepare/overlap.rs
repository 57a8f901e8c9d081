//! Whether a survey has any pixel on the common grid.

use crate::config::GridConfig;
use crate::survey::spectra::Pixels;
use crate::{Error, Result};
use std::path::Path;

/// Å of the units that wavelengths are given in.
const UNITS: [(&str, f64); 3] = [("nm", 10.0), ("um", 1e4), ("m", 1e10)];

/// Nothing for spectra with pixels of their own each, whose rows say themselves what they lack.
///
/// # Errors
/// [`Error::Input`] naming both ranges, and the unit that `origin` may be in, if none of its pixels is on
/// the grid.
pub(super) fn check_overlap(origin: &Path, grid: &GridConfig, pixels: &Pixels) -> Result<()> {
    let Pixels::Shared(pixels) = pixels else {
        return Ok(());
    };
    let edges = || pixels.iter().flatten().map(|e| 10f64.powf(*e));
    let (low, high) = (
        edges().fold(f64::INFINITY, f64::min),
        edges().fold(0.0, f64::max),
    );
    let overlaps = |angstroms: f64| low * angstroms < grid.max && high * angstroms > grid.min;
    if overlaps(1.0) {
        return Ok(());
    }
    let likely = UNITS.iter().find(|(_, angstroms)| overlaps(*angstroms));
    let fix = match likely {
        Some((unit, _)) => format!(
            "if they are in {unit}, say so: survey.source.datasets.wave_unit = \"{unit}\", or the attribute `units` of the dataset"
        ),
        None => "give another [grid], or correct the wavelengths or their unit".to_owned(),
    };
    Err(Error::input(
        origin,
        "",
        format!("wavelengths of {}-{} Å", short(low), short(high)),
        format!("some in [grid], {}-{} Å", grid.min, grid.max),
        fix,
    ))
}

/// Four digits are enough to see what is meant.
fn short(wavelength: f64) -> String {
    let decimals = (3 - wavelength.log10().floor() as i32).clamp(0, 12) as usize;
    format!("{wavelength:.decimals$}")
}
