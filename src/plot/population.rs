//! What a population must keep: mean, scatter and power spectra.

use super::canvas::{OBSERVED, RESTORED, TRUTH};
use super::curves::{Curve, CurvePanel, Curves};
use crate::evaluate::{band_edges, band_power, standard_deviation};
use ndarray::ArrayView2;
use plotters::style::RGBColor;

/// Mean spectrum, scatter over objects and mean power spectrum of the populations, each [N, D] of
/// normalised flux on `wavelength` (Å). `truth` may be unknown.
#[must_use]
pub fn population_curves(
    wavelength: &[f64],
    observed: ArrayView2<f32>,
    restored: ArrayView2<f32>,
    truth: Option<ArrayView2<f32>>,
) -> Curves {
    let sets: Vec<(&str, RGBColor, ArrayView2<f32>)> = [
        ("observed", OBSERVED, Some(observed)),
        ("truth", TRUTH, truth),
        ("restored", RESTORED, Some(restored)),
    ]
    .into_iter()
    .filter_map(|(n, c, x)| x.map(|x| (n, c, x)))
    .collect();
    let by_pixel = |of: fn(Vec<f64>) -> f64| {
        let curve = |x: &ArrayView2<f32>, colour| Curve {
            colour,
            points: wavelength
                .iter()
                .zip(x.columns())
                .map(|(w, c)| (*w, of(c.iter().map(|v| f64::from(*v)).collect())))
                .collect(),
        };
        sets.iter().map(|(_, c, x)| curve(x, *c)).collect()
    };
    let power = sets
        .iter()
        .map(|(_, colour, x)| {
            let edges = band_edges(x.ncols());
            let power = band_power(*x);
            let mean = |b: usize| {
                power.column(b).iter().map(|v| f64::from(*v)).sum::<f64>() / power.nrows() as f64
            };
            let centre =
                |b: usize| ((edges[b] * (edges[b + 1] - 1)) as f64).sqrt() / x.ncols() as f64;
            Curve {
                colour: *colour,
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
    let axis = "observed wavelength (Å, vacuum)";
    Curves {
        legend: sets.iter().map(|(n, c, _)| ((*n).to_owned(), *c)).collect(),
        panels: vec![
            panel(
                axis,
                "mean (normalised flux)",
                false,
                by_pixel(|v| v.iter().sum::<f64>() / v.len() as f64),
            ),
            panel(
                axis,
                "scatter over objects",
                false,
                by_pixel(|v| standard_deviation(v.iter().copied())),
            ),
            panel(
                "wavenumber (cycles per pixel)",
                "power per mode",
                true,
                power,
            ),
        ],
    }
}
