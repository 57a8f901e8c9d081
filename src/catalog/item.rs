//! One row of a survey as it is read, whatever the survey.

use super::Object;
use super::spectrum::Spectrum;

/// One row: what is known of the object and, unless it is already rejected, its spectrum.
#[derive(Debug)]
pub(super) struct Item {
    pub object: Object,
    pub level: Option<f64>,
    pub spectrum: Option<Spectrum>,
    /// Read from a file that has no line-spread function, or not the mask asked for.
    pub lacks_lsf: bool,
    pub lacks_mask: bool,
}
