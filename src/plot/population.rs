//! What a population must keep: mean, scatter and power spectra.

use super::canvas::{DRAW, OBSERVED, RESTORED, SMOOTHED, TRUTH, axis_name};
use super::curves::{Curve, CurvePanel, Curves};
use crate::base::statistics::standard_deviation;
use crate::data::LogGrid;
use crate::evaluate::{band_edges, band_power};
use ndarray::Array2;
use plotters::style::RGBColor;

/// What a population is; it decides the colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The observations.
    Observed,
    /// The observations, smoothed.
    Smoothed,
    /// The clean spectra.
    Truth,
    /// Restored by an ODE.
    Ode,
    /// Restored by an SDE.
    Sde,
    /// Samples of a diffusion model.
    Generated,
}

impl Role {
    fn colour(self) -> RGBColor {
        match self {
            Self::Observed => OBSERVED,
            Self::Smoothed => SMOOTHED,
            Self::Truth => TRUTH,
            Self::Ode => RESTORED,
            Self::Sde => DRAW,
            Self::Generated => SMOOTHED,
        }
    }
}

/// A population to be drawn.
#[derive(Debug, Clone)]
pub struct Population {
    /// Its name in the legend.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Normalised, [N, D].
    pub flux: Array2<f32>,
}

/// Mean spectrum, scatter over objects and mean power spectrum of the populations on `grid`; the last ones are drawn on top.
#[must_use]
pub fn population_curves(grid: &LogGrid, populations: &[Population]) -> Curves {
    let wavelength = grid.wavelength();
    let by_pixel = |of: fn(Vec<f64>) -> f64| {
        let curve = |x: &Array2<f32>, colour| Curve {
            colour,
            points: wavelength
                .iter()
                .zip(x.columns())
                .map(|(w, c)| (*w, of(c.iter().map(|v| f64::from(*v)).collect())))
                .collect(),
        };
        populations
            .iter()
            .map(|p| curve(&p.flux, p.role.colour()))
            .collect()
    };
    let power = populations
        .iter()
        .map(|p| {
            let x = &p.flux;
            let edges = band_edges(x.ncols());
            let power = band_power(x.view());
            let mean = |b: usize| {
                power.column(b).iter().map(|v| f64::from(*v)).sum::<f64>() / power.nrows() as f64
            };
            let centre =
                |b: usize| ((edges[b] * (edges[b + 1] - 1)) as f64).sqrt() / x.ncols() as f64;
            Curve {
                colour: p.role.colour(),
                points: (0..power.ncols()).map(|b| (centre(b), mean(b))).collect(),
            }
        })
        .collect();
    let panel = |x_name: &str, y_name: &str, log, curves| CurvePanel {
        x_name: x_name.to_owned(),
        y_name: y_name.to_owned(),
        log_x: log,
        log_y: log,
        curves,
    };
    let axis = axis_name(grid.frame);
    Curves {
        legend: populations
            .iter()
            .map(|p| (p.name.clone(), p.role.colour()))
            .collect(),
        columns: 1,
        panels: vec![
            panel(
                axis,
                "mean [normalised flux]",
                false,
                by_pixel(|v| v.iter().sum::<f64>() / v.len() as f64),
            ),
            panel(
                axis,
                "scatter [normalised flux]",
                false,
                by_pixel(|v| standard_deviation(v.iter().copied())),
            ),
            panel(
                "wavenumber [cycles per pixel]",
                "power [normalised flux²]",
                true,
                power,
            ),
        ],
    }
}
