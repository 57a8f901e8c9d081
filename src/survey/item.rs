//! One row of a survey as it is read, whatever the survey.

use crate::data::{Masked, Object, Spectrum};

/// One row: what is known of the object and, unless it is already rejected, its spectrum.
#[derive(Debug)]
pub(crate) struct Item {
    pub object: Object,
    pub level: Option<f64>,
    pub spectrum: Option<Spectrum>,
    /// How many of its pixels are masked, and why.
    pub masked: Masked,
    /// Read from a file that has no line-spread function, or not the mask asked for.
    pub lacks_lsf: bool,
    pub lacks_mask: bool,
    /// On other pixels than the survey's.
    pub other_grid: bool,
}

impl Item {
    /// A row of which nothing but `object` is known.
    pub fn of(object: Object) -> Self {
        Self {
            object,
            level: None,
            spectrum: None,
            masked: Masked::default(),
            lacks_lsf: false,
            lacks_mask: false,
            other_grid: false,
        }
    }
}
