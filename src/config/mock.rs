//! `[mock]`: a mock survey with known truth.

use super::mock_galaxies::GalaxiesConfig;
use super::mock_population::PopulationConfig;
use super::require::require;
use crate::Result;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How a mock is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MockFormat {
    /// Observed: spec-PLATE-MJD-FIBER.fits files and a DR16Q-style catalog, plus the truth.
    Sdss,
    /// Clean spectra on the common grid, as an HDF5 catalog.
    Hdf5,
}

/// What a mock survey is of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MockKind {
    /// Spectra of quasars.
    #[default]
    Quasars,
    /// Cutouts of galaxies.
    Galaxies,
}

/// How redshifts are distributed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Redshifts {
    /// Falling as n(z) of DR16Q does over 2.75–3.25.
    Falling,
    /// The same number everywhere.
    Uniform,
}

/// `[mock]`: a mock survey.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MockConfig {
    /// What it is of.
    pub kind: MockKind,
    /// `[mock.galaxies]`: the galaxies, for kind `galaxies`; all keys but `folder` beside it are for quasars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub galaxies: Option<GalaxiesConfig>,
    /// The form of its files.
    pub format: MockFormat,
    /// Folder that receives the survey: `truth.h5`, and for `sdss` also `catalog.fits`, `spectra/`.
    pub folder: PathBuf,
    /// Number of quasars.
    pub spectra: usize,
    /// `[mock.population]`: their continua and emission lines.
    pub population: PopulationConfig,
    /// Least redshift.
    pub z_min: f64,
    /// Largest redshift.
    pub z_max: f64,
    /// How redshifts are distributed between them.
    pub redshifts: Redshifts,
    /// Part of the quasars with broad absorption lines.
    pub bal: f64,
    /// Part of the quasars in whose spectrum there is a damped Lyman-α system, one each; without it systems
    /// are as frequent as they are observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dla: Option<f64>,
    /// First and last observed wavelength of the spectra, Å (format `sdss`). Without it what the grid and the
    /// window of the level ask for, 3600–8500 at least; for a grid of the rest frame 3600–10400.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wavelength: Option<[f64; 2]>,
    /// Range of the signal-to-noise per common-grid pixel, uniform (format `sdss`).
    pub snr: [f64; 2],
    /// Resolving power λ/σ_λ of the Gaussian line-spread function (format `sdss`).
    pub resolution: f64,
    /// Relative spread of the resolving power from spectrum to spectrum, uniform ±.
    pub resolution_spread: f64,
    /// Amplitude of the flux-calibration tilt, uniform ±.
    pub tilt: f64,
    /// How many files are damaged on purpose, each in another way.
    pub broken: usize,
}

impl Default for MockConfig {
    fn default() -> Self {
        Self {
            kind: MockKind::Quasars,
            galaxies: None,
            format: MockFormat::Sdss,
            folder: "out/mock".into(),
            spectra: 1000,
            population: PopulationConfig::Lines,
            z_min: 2.75,
            z_max: 3.25,
            redshifts: Redshifts::Falling,
            bal: 0.0,
            dla: None,
            wavelength: None,
            snr: [0.5, 2.0],
            resolution: 5000.0,
            resolution_spread: 0.05,
            tilt: 0.05,
            broken: 5,
        }
    }
}

impl MockConfig {
    pub(super) fn check(&self, image: bool, origin: &str) -> Result<()> {
        let of_galaxies = self.kind == MockKind::Galaxies;
        require(
            of_galaxies == image,
            origin,
            "mock.kind",
            "galaxies need [image], and spectra of quasars none",
            "give kind = \"galaxies\" with [image], or kind = \"quasars\" without",
        )?;
        require(
            of_galaxies || self.galaxies.is_none(),
            origin,
            "mock.galaxies",
            "a table for kind = \"galaxies\"",
            "remove it, or give mock.kind = \"galaxies\"",
        )?;
        if let Some(galaxies) = &self.galaxies {
            galaxies.check(origin)?;
        }
        require(
            self.spectra > 0 && self.broken <= self.spectra,
            origin,
            "mock.spectra",
            "spectra is 0, or broken is larger than spectra",
            "give spectra >= 1 and broken <= spectra",
        )?;
        require(
            self.snr[0] > 0.0 && self.snr[1] >= self.snr[0] && self.resolution > 0.0,
            origin,
            "mock.snr",
            "snr is not a range of positive numbers, or resolution is not positive",
            "give snr = [0.5, 2.0], resolution = 5000",
        )?;
        require(
            [self.bal, self.dla.unwrap_or(0.0)]
                .iter()
                .all(|p| (0.0..=1.0).contains(p)),
            origin,
            "mock.bal",
            "bal and dla are parts of the quasars: 0 to 1",
            "give e.g. 0.1",
        )?;
        require(
            (self.wavelength).is_none_or(|[a, b]| a > 0.0 && b > 1.1 * a && b < 1e6),
            origin,
            "mock.wavelength",
            "not a wavelength range",
            "give the first and the last wavelength in Å, such as [3600, 10400]",
        )?;
        require(
            (0.0..1.0).contains(&self.resolution_spread) && (0.0..1.0).contains(&self.tilt),
            origin,
            "mock.resolution_spread",
            "resolution_spread and tilt are relative: not below 0, below 1",
            "give e.g. 0.05",
        )?;
        require(
            self.z_min > 0.0 && self.z_max >= self.z_min,
            origin,
            "mock.z_min",
            "not a redshift range",
            "give 0 < z_min <= z_max",
        )
    }
}
