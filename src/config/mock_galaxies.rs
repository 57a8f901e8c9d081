//! `[mock.galaxies]`: a mock survey of galaxies.

use super::require::require;
use crate::Result;
use serde::{Deserialize, Serialize};

/// `[mock.galaxies]`: the galaxies, and the telescope that sees them. Lengths are in pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GalaxiesConfig {
    /// Number of galaxies, one cutout each.
    pub images: usize,
    /// Median half-light radius of the discs, along the major axis.
    pub radius: f64,
    /// Scatter of its natural logarithm, normal.
    pub radius_scatter: f64,
    /// Largest part of the light that is in the bulge, uniform from 0.
    pub bulge: f64,
    /// Range of the signal-to-noise of the flux, were the shape known; uniform in its logarithm.
    pub snr: [f64; 2],
    /// Range of the full width at half maximum of the point-spread functions, uniform.
    pub seeing: [f64; 2],
    /// Exponent of their Moffat profiles.
    pub beta: f64,
    /// Scatter of both components of their ellipticity.
    pub psf_ellipticity: f64,
    /// Pixels along a side of the point-spread functions.
    pub psf: usize,
    /// Part of the images that have a column of bad pixels.
    pub bad_columns: f64,
}

impl Default for GalaxiesConfig {
    fn default() -> Self {
        Self {
            images: 2000,
            radius: 2.5,
            radius_scatter: 0.3,
            bulge: 0.6,
            snr: [20.0, 100.0],
            seeing: [2.5, 4.0],
            beta: 3.0,
            psf_ellipticity: 0.03,
            psf: 25,
            bad_columns: 0.05,
        }
    }
}

impl GalaxiesConfig {
    pub(super) fn check(&self, origin: &str) -> Result<()> {
        let ok = |yes: bool, key: &str, problem: &str, fix: &str| {
            require(yes, origin, key, problem, fix)
        };
        let range = |r: [f64; 2]| r[0] > 0.0 && r[1] >= r[0] && r[1].is_finite();
        ok(
            range(self.snr) && range(self.seeing),
            "mock.galaxies.snr",
            "snr or seeing is not a range of positive numbers",
            "give e.g. snr = [20, 100], seeing = [2.5, 4.0]",
        )?;
        ok(
            self.psf % 2 == 1,
            "mock.galaxies.psf",
            "not odd: a PSF has a middle pixel",
            "give e.g. psf = 25",
        )?;
        ok(
            self.beta > 1.0,
            "mock.galaxies.beta",
            "the profile would have no finite flux",
            "give e.g. beta = 3.0",
        )
    }
}
