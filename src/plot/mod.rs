//! Pictures (PNG, SVG) of spectra, training and populations.

mod canvas;
mod curves;
mod population;
mod spectra;
mod training;

pub use canvas::{Drawn, Picture, save};
pub use curves::{Curve, CurvePanel, Curves};
pub use population::population_curves;
pub use spectra::{Panel, Spectra};
pub use training::training_curves;
