//! Some images as their files hold them.

use super::sky::Sky;
use crate::data::Bands;
use crate::{Error, Result};
use ndarray::{Array2, Axis, concatenate};
use std::collections::BTreeMap;

/// Some consecutive images; row i of every array belongs to the i-th.
#[derive(Debug, Clone, PartialEq)]
pub struct RawImages {
    /// Channel by channel, row by row, in the file's units, [n, D]; NaN where missing.
    pub pixels: Array2<f32>,
    /// Inverse variances [n, D], 0 where masked, infinite where unknown; `None` if there are none.
    pub ivar: Option<Array2<f32>>,
    /// Numbers that describe the corruption, [n, K].
    pub vector: Array2<f32>,
    /// Planes that describe it, [n, P · H · W].
    pub planes: Array2<f32>,
    /// The point-spread function of each channel, of sum 1, [n, C · P · P].
    pub psf: Array2<f32>,
    /// Why an image could not be read (its pixels are NaN), `[n]`.
    pub problems: Vec<Option<String>>,
    /// What was done with what stands beside the images, or not read, in words, with the number of images.
    pub notes: BTreeMap<String, usize>,
    /// Where each is on the sky, `[n]`.
    pub sky: Vec<Sky>,
    /// Units and filters that the files say, and where.
    pub bands: BTreeMap<Bands, String>,
}

impl RawImages {
    /// Pixels alone, all of them readable.
    pub(crate) fn of_pixels(pixels: Array2<f32>) -> Self {
        let n = pixels.nrows();
        Self {
            pixels,
            ivar: None,
            vector: Array2::zeros((n, 0)),
            planes: Array2::zeros((n, 0)),
            psf: Array2::zeros((n, 0)),
            problems: vec![None; n],
            notes: BTreeMap::new(),
            sky: vec![Sky::UNKNOWN; n],
            bands: BTreeMap::new(),
        }
    }

    /// All of `parts`, one after the other.
    ///
    /// # Errors
    /// [`Error::Input`] if they are of unequal widths.
    pub(crate) fn concatenate(parts: &[Self]) -> Result<Self> {
        let cat = |arrays: Vec<&Array2<f32>>| {
            let views: Vec<_> = arrays.iter().map(|a| a.view()).collect();
            concatenate(Axis(0), &views)
                .map_err(|e| Error::input("images", "", e, "equal widths", "read them one by one"))
        };
        // Without an inverse variance no noise level is known.
        let unknown = |p: &Self| Array2::from_elem(p.pixels.dim(), f32::INFINITY);
        let ivar: Vec<Array2<f32>> = parts
            .iter()
            .map(|p| p.ivar.clone().unwrap_or_else(|| unknown(p)))
            .collect();
        Ok(Self {
            pixels: cat(parts.iter().map(|p| &p.pixels).collect())?,
            ivar: match parts.iter().any(|p| p.ivar.is_some()) {
                true => Some(cat(ivar.iter().collect())?),
                false => None,
            },
            vector: cat(parts.iter().map(|p| &p.vector).collect())?,
            planes: cat(parts.iter().map(|p| &p.planes).collect())?,
            psf: cat(parts.iter().map(|p| &p.psf).collect())?,
            problems: parts.iter().flat_map(|p| p.problems.clone()).collect(),
            notes: counted(parts.iter().flat_map(|p| &p.notes)),
            sky: parts.iter().flat_map(|p| p.sky.clone()).collect(),
            bands: parts.iter().rev().flat_map(|p| p.bands.clone()).collect(),
        })
    }
}

/// The sums of the counts of each note.
fn counted<'a>(
    notes: impl IntoIterator<Item = (&'a String, &'a usize)>,
) -> BTreeMap<String, usize> {
    let mut sums = BTreeMap::new();
    for (note, n) in notes {
        *sums.entry(note.clone()).or_default() += n;
    }
    sums
}
