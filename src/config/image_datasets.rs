//! The datasets of an HDF5 image set, `[survey.source.datasets]`.

use serde::{Deserialize, Serialize};

/// Dataset paths of an HDF5 image set; all but `images` are optional in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImageDatasets {
    /// [N, H, W], [N, H, W, C] or [N, C, H, W].
    pub images: String,
    /// Inverse variance in the file's units, of the images' shape or [N, H, W]; 0 = masked.
    pub ivar: String,
    /// Marks of bad pixels, of the images' shape or [N, H, W]: not 0. Empty: none are read. Like `ivar`,
    /// it also names an HDU of FITS files that are called otherwise than usual.
    pub mask: String,
    /// Numbers that describe each image's corruption, [N, K]. Another name than the usual is, of FITS files, a
    /// header key of each image or a column of the table of images: one positive number for each.
    pub vector: String,
    /// Planes that describe it, [N, P, H, W].
    pub planes: String,
    /// The point-spread function of each image, [N, P, P] or [N, C, P, P], or of all, [P, P] or
    /// [C, P, P]. Empty: none is read. It also names an HDU of FITS files.
    pub psf: String,
    /// Names: strings or integers, `[N]`.
    pub id: String,
    /// Class of each object, `[N]` integers; carried along.
    pub label: String,
    /// Position of each in degrees (ICRS), `[N]`; carried along.
    pub ra: String,
    /// See `ra`.
    pub dec: String,
    /// World coordinates of each image: the cards of its FITS header as text, `[N]`, or an attribute of `images`
    /// for all.
    pub wcs: String,
}

impl ImageDatasets {
    /// Of clean images, which nothing has corrupted: nothing describes it.
    #[must_use]
    pub fn of_clean(&self) -> Self {
        Self {
            vector: Self::default().vector,
            ..self.clone()
        }
    }

    /// What FITS files call the number that describes each image's corruption, where they are to have one.
    #[must_use]
    pub fn number(&self) -> Option<&str> {
        (self.vector != Self::default().vector).then_some(&*self.vector)
    }
}

impl Default for ImageDatasets {
    fn default() -> Self {
        Self {
            images: "images".into(),
            ivar: "ivar".into(),
            mask: "mask".into(),
            vector: "vector".into(),
            planes: "planes".into(),
            psf: "psf".into(),
            id: "id".into(),
            label: "ans".into(),
            ra: "ra".into(),
            dec: "dec".into(),
            wcs: "wcs".into(),
        }
    }
}
