//! What a file of images and a table is to hold.

use crate::data::LogGrid;
use crate::data::provenance::Key;
use ndarray::ArrayView2;

/// All that is laid out before the first row is written.
pub(crate) struct Plan<'a> {
    pub keys: Vec<Key>,
    /// What was done, line by line.
    pub history: &'a [String],
    pub images: Vec<Image>,
    /// The image of all draws, and how many there are of each object; its axes are those of the others
    /// after that of the draws.
    pub draws: Option<(Image, usize)>,
    /// Axes of every image, slowest first; the first counts the objects.
    pub shape: Vec<usize>,
    /// Where the images are spectra.
    pub spectral: Option<Spectral>,
}

impl Plan<'_> {
    /// Axes of the image of all draws, `draws` of each object.
    pub fn shape_of_draws(&self, draws: usize) -> Vec<usize> {
        [&[draws], self.shape.as_slice()].concat()
    }
}

/// One image.
pub(crate) struct Image {
    /// As FITS writes it.
    pub name: String,
    /// FITS unit string; '' is FITS for dimensionless, `None` says nothing.
    pub unit: Option<String>,
}

/// The last axis of spectra.
pub(crate) struct Spectral {
    pub grid: LogGrid,
    /// Reference frame of the wavelengths as FITS names it; `None`: unknown.
    pub specsys: Option<String>,
}

/// A column of the table.
pub(crate) struct Column<'a> {
    /// As FITS writes it.
    pub name: &'static str,
    pub cells: Cells<'a>,
}

/// A value for each object.
pub(crate) enum Cells<'a> {
    Texts(Vec<String>),
    Real(Vec<f64>),
    Whole(Vec<i64>),
    /// −1 stands for an unknown value.
    Nullable(Vec<i64>),
    /// Several numbers each, [N, K]; a column of none is not written.
    Several(ArrayView2<'a, f32>),
}
