//! Pictures (PNG, SVG) of spectra, images, training and populations.

mod calibration;
mod canvas;
mod catalog;
mod curves;
mod generated;
mod images;
mod population;
mod restored_images;
mod spectra;
mod toy;
mod training;

pub use calibration::{CalibrationPicture, calibration_picture};
pub use canvas::{Drawn, Picture, save};
pub use catalog::{Choice, catalog_population, catalog_spectra};
pub use curves::{Curve, CurvePanel, Curves};
pub use generated::{GeneratedPicture, generated_samples};
pub use images::{ImageGrid, ImageRow, Shade, Stretch};
pub use population::{Population, Role, population_curves};
pub use restored_images::catalog_images;
pub use spectra::{Panel, Spectra};
pub use toy::Clouds;
pub use training::training_curves;
