//! Whether a survey has any pixel on the common grid, and why a spectrum has so few.

use crate::config::{Config, Frame};
use crate::data::{Masked, Spectrum};
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
pub(super) fn check_overlap(origin: &Path, config: &Config, pixels: &Pixels) -> Result<()> {
    let grid = &config.grid;
    let Pixels::Shared(pixels) = pixels else {
        return Ok(());
    };
    let edges = || pixels.iter().flatten().map(|e| 10f64.powf(*e));
    let (low, high) = (
        edges().fold(f64::INFINITY, f64::min),
        edges().fold(0.0, f64::max),
    );
    // Where objects of the selected redshifts show the grid.
    let stretch = |z: f64, any: f64| match grid.frame {
        Frame::Observed => 1.0,
        Frame::Rest if z.is_finite() => 1.0 + z,
        Frame::Rest => any,
    };
    let least = grid.min * stretch(config.select.z_min, 0.0);
    let most = grid.max * stretch(config.select.z_max, f64::INFINITY);
    let overlaps = |angstroms: f64| low * angstroms < most && high * angstroms > least;
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
        match grid.frame {
            Frame::Observed => format!("some in [grid], {}-{} Å", grid.min, grid.max),
            Frame::Rest => format!(
                "some in [grid], {}-{} Å in the rest frame, at the redshifts of [select]",
                grid.min, grid.max
            ),
        },
        fix,
    ))
}

/// Why so little of the grid has good data of `spectrum`, whose pixels are masked for the reasons
/// `masked`: that it lies elsewhere, or what masks the most of it; `None` if nothing does. The grid was
/// observed at 1 + `z_grid` times its wavelengths.
pub(super) fn uncovered(
    config: &Config,
    spectrum: &Spectrum,
    z_grid: f64,
    masked: &Masked,
) -> Option<String> {
    let n = spectrum.flux.len();
    let stretch = 1.0 + z_grid;
    let (from, to) = (config.grid.min * stretch, config.grid.max * stretch);
    let pixels = spectrum.grid.pixels(n);
    let edges = || pixels.iter().flatten().map(|e| 10f64.powf(*e));
    let low = edges().fold(f64::INFINITY, f64::min);
    let high = edges().fold(0.0, f64::max);
    let common = high.min(to).ln() - low.max(from).ln();
    let elsewhere = match config.grid.frame {
        Frame::Observed => 1.0 - common.max(0.0) / (to / from).ln(),
        // Not a fault, unless nothing is there.
        Frame::Rest => f64::from(u8::from(common <= 0.0)),
    };
    let gaps = spectrum.grid.gaps();
    let gap = gaps
        .iter()
        .max_by(|a, b| (a[1] - a[0]).total_cmp(&(b[1] - b[0])));
    let least = config.survey.mask.ivar_min;
    let reasons = [
        (masked.nan, "have a flux or an inverse variance that is NaN".to_owned()),
        (
            masked.infinite,
            "have a flux or an inverse variance beyond 3.4e38, where single precision ends (give the flux in a unit in which it is near 1)".to_owned(),
        ),
        (masked.unweighted, "have an inverse variance of 0 or less".to_owned()),
        (
            masked.faint,
            format!("have an inverse variance not above survey.mask.ivar_min = {least:e}"),
        ),
        (masked.marked, "are bad by the file's mask ([survey.mask])".to_owned()),
    ];
    let most = reasons.iter().max_by_key(|(count, _)| *count);
    let most = most.filter(|(count, _)| *count > 0);
    let share = most.map_or(0.0, |(count, _)| *count as f64 / n.max(1) as f64);
    if elsewhere > share && elsewhere > 1.0 - config.select.coverage_min {
        let (low, high) = (short(low), short(high));
        let (from, to) = match config.grid.frame {
            Frame::Observed => (from.to_string(), to.to_string()),
            Frame::Rest => (short(from), short(to)),
        };
        return Some(format!(
            "the spectrum covers {low}-{high} Å, the grid {from}-{to} Å"
        ));
    }
    let words = |(count, what): &(usize, String)| format!("{count} of its {n} pixels {what}");
    let of_gap = |[a, b]: &[f64; 2]| {
        let (a, b) = (short(10f64.powf(*a)), short(10f64.powf(*b)));
        format!("no pixel covers {a}-{b} Å")
    };
    most.map(words).or_else(|| gap.map(of_gap))
}

/// Four digits are enough to see what is meant.
fn short(wavelength: f64) -> String {
    let decimals = (3 - wavelength.log10().floor() as i32).clamp(0, 12) as usize;
    format!("{wavelength:.decimals$}")
}
