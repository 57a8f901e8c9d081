//! Pictures (PNG, SVG) of spectra, training and populations.

mod canvas;
mod catalog;
mod curves;
mod population;
mod spectra;
mod training;

pub use canvas::{Drawn, Picture, save};
pub use catalog::{Choice, catalog_population, catalog_spectra};
pub use curves::{Curve, CurvePanel, Curves};
pub use population::{Population, Role, population_curves};
pub use spectra::{Panel, Spectra};
pub use training::training_curves;
