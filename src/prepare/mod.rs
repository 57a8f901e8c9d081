//! From a survey to a prepared set: mask, regrid, normalise, select, and a report of what was left out.

mod amplitude;
mod background;
mod carried;
mod chunks;
mod image_report;
mod images;
mod impossible;
mod noise;
mod noise_law;
mod noise_tally;
pub(crate) mod normalise;
mod overlap;
mod rebin;
mod regrid;
mod rejected;
mod report;
mod rest_lattice;
mod scale;
mod set;
mod spectra;
mod spectra_report;
mod stretched;

pub use amplitude::MeanSpectrum;
pub use image_report::ImageDetails;
pub use images::prepare_images;
pub use noise::Noise;
pub(crate) use noise::measured as noise_of;
pub use noise_law::{LAGS, NoiseBand, NoiseLaw};
pub use normalise::{Level, level};
pub use rebin::Rebin;
pub use regrid::Regridder;
pub use report::{Details, Report, flag_names, rejected_path};
pub(crate) use rest_lattice::even;
pub use rest_lattice::z_grid;
pub use scale::{ScaleFrom, pixel_scale, with_scale_of};

pub use set::{
    ImageSet, ImageSetHeader, Prepared, PreparedRows, PreparedSet, SetHeader, SetWriter,
    SpectraHeader,
};

pub(crate) use spectra::examine;
pub use spectra::{prepare, prepare_from};
pub use spectra_report::SpectraDetails;
