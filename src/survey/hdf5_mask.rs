//! The pixels that a dataset of an HDF5 catalog says are bad.

use super::pixel_mask::PixelMask;
use crate::Result;
use crate::config::MaskKind;
use crate::files::hdf5::read;
use hdf5::types::TypeDescriptor;
use hdf5::{Dataset, Hyperslab, SliceOrIndex};
use ndarray::IxDyn;
use std::ops::Range;
use std::path::Path;

/// Names of the datasets whose bits are those of SDSS's SPPIXMASK.
const SDSS: [&str; 2] = ["and_mask", "or_mask"];

/// A dataset [N, n], or `[n]` for all spectra, of marks of bad pixels.
#[derive(Debug)]
pub(super) struct Hdf5Mask {
    data: Dataset,
    name: String,
    /// Whether its bits have SDSS's names; else every number but 0 means that a pixel is bad.
    sdss: bool,
    /// Whether the config names it.
    asked: bool,
}

/// The names that a mask has unless the config gives one, the likelier first.
pub(super) const USUAL: [&str; 3] = ["mask", SDSS[0], SDSS[1]];

/// Which of the masks that a file has is used.
pub(super) fn used(masks: &[Hdf5Mask], kind: MaskKind) -> Option<&Hdf5Mask> {
    let other = match kind {
        MaskKind::And => SDSS[1],
        MaskKind::Or => SDSS[0],
        MaskKind::None => return None,
    };
    masks.iter().find(|m| m.asked || m.name != other)
}

impl Hdf5Mask {
    pub fn new(data: Dataset, name: &str, asked: bool) -> Self {
        let last = name.rsplit('/').next().unwrap_or(name);
        Self {
            data,
            name: name.to_owned(),
            sdss: SDSS.contains(&&*last.to_lowercase()),
            asked,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it means, in words.
    pub fn words(&self) -> String {
        let bits = if self.sdss {
            "with a bit of survey.mask.bits"
        } else {
            "≠ 0"
        };
        format!("pixels of dataset {} {bits} are masked", self.name)
    }

    /// Which pixels of `rows` are bad, [rows, n] or [1, n], row by row, with n.
    pub fn bad(
        &self,
        path: &Path,
        rows: Range<usize>,
        mask: &PixelMask,
    ) -> Result<(Vec<bool>, usize)> {
        let shape = self.data.shape();
        let pixels = shape.last().copied().unwrap_or(0);
        let mut slab: Vec<SliceOrIndex> = vec![(..).into(); shape.len()];
        if shape.len() > 1 {
            slab[0] = rows.into();
        }
        let slab = Hyperslab::from(slab);
        let bad = |e| read::bad(path, &format!("dataset {}", self.name), &e);
        let kind = self
            .data
            .dtype()
            .and_then(|t| t.to_descriptor())
            .map_err(bad)?;
        let marks: Vec<bool> = match kind {
            TypeDescriptor::Boolean => {
                let marks = self.data.read_slice::<bool, _, IxDyn>(slab).map_err(bad)?;
                marks.iter().copied().collect()
            }
            TypeDescriptor::Float(_) => {
                let marks = self.data.read_slice::<f64, _, IxDyn>(slab).map_err(bad)?;
                marks.iter().map(|m| *m != 0.0).collect()
            }
            _ => {
                let marks = self.data.read_slice::<i64, _, IxDyn>(slab).map_err(bad)?;
                let of_bits = |m: i64| (m as u32) & mask.bits != 0;
                let is_bad = |m: &i64| if self.sdss { of_bits(*m) } else { *m != 0 };
                marks.iter().map(is_bad).collect()
            }
        };
        Ok((marks, pixels))
    }
}
