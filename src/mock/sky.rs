//! The night sky: its spectrum, and the wavelength dependence of the noise that follows from it.

use crate::data::air_to_vacuum;
use crate::{Error, Result};
use serde::Deserialize;

/// Sky continuum, 1e-17 erg/s/cm²/Å through one fibre.
pub const CONTINUUM: f64 = 3.0;
/// σ of the unresolved sky lines in ln λ: about 1.2 native pixels.
const LINE_WIDTH: f64 = 2.8e-4;
/// Throughput falls towards the blue end: the noise grows by (1 + RISE exp(−(λ − BLUE)/SCALE)).
const RISE: f64 = 3.0;
const BLUE: f64 = 3600.0;
const SCALE: f64 = 220.0;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    line: Vec<SkyLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SkyLine {
    #[serde(rename = "name")]
    _name: String,
    air: f64,
    peak: f64,
}

const TEXT: &str = include_str!("../../data/sky.toml");

/// The sky over one range of wavelengths.
#[derive(Debug, Clone)]
pub struct Sky {
    /// 1e-17 erg/s/cm²/Å, per pixel.
    pub flux: Vec<f64>,
    /// Noise per pixel in arbitrary units: photon noise of the sky over the throughput.
    pub noise: Vec<f64>,
}

impl Sky {
    /// At the vacuum wavelengths `lambda`, Å.
    ///
    /// # Errors
    /// [`Error::Input`] if `data/sky.toml` was edited into something else before the build.
    pub fn new(lambda: &[f64]) -> Result<Self> {
        let list: List = toml::from_str(TEXT).map_err(|e| {
            Error::input(
                "data/sky.toml",
                "",
                e.message(),
                "a list of lines",
                "restore the file and build again",
            )
        })?;
        let relative: Vec<f64> = lambda
            .iter()
            .map(|l| {
                let lines = list.line.iter().map(|s| {
                    let x = (l / air_to_vacuum(s.air)).ln() / LINE_WIDTH;
                    if x.abs() < 6.0 {
                        s.peak * (-0.5 * x * x).exp()
                    } else {
                        0.0
                    }
                });
                1.0 + lines.sum::<f64>()
            })
            .collect();
        let noise = lambda
            .iter()
            .zip(&relative)
            .map(|(l, r)| r.sqrt() * (1.0 + RISE * (-(l - BLUE) / SCALE).exp()))
            .collect();
        Ok(Self {
            flux: relative.iter().map(|r| CONTINUUM * r).collect(),
            noise,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn the_auroral_line_in_vacuum() {
        assert_relative_eq!(air_to_vacuum(5577.34), 5578.89, epsilon = 0.01);
    }

    #[test]
    fn noise_peaks_on_the_auroral_line_and_rises_to_the_blue() {
        let sky = Sky::new(&[3650.0, 4500.0, 5500.0, 5578.89]).unwrap();
        assert!(sky.noise[3] > 5.0 * sky.noise[2]);
        assert!(sky.noise[0] > 3.0 * sky.noise[1]);
    }
}
