//! From a survey to a prepared set: mask, regrid, normalise, select, and a report of what was left out.

mod image_report;
mod images;
mod impossible;
pub(crate) mod normalise;
mod overlap;
mod rebin;
mod regrid;
mod report;
mod scale;
mod set;
mod spectra;
mod stretched;

pub use image_report::ImageReport;
pub use images::prepare_images;
pub use normalise::{Level, level};
pub use rebin::Rebin;
pub use regrid::Regridder;
pub use report::{Report, flag_names};
pub use scale::{ScaleFrom, pixel_scale, with_scale_of};

pub use set::{
    ImageSet, ImageSetHeader, Prepared, PreparedRows, PreparedSet, SetHeader, SetWriter,
    SpectraHeader, says_images, says_prepared,
};

pub use spectra::{prepare, prepare_from, rejected_path};
