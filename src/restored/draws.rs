//! All the draws of a restored catalog: image HDU DRAWS [draws, objects, pixels].

use super::catalog::{Restored, foreign};
use crate::Result;
use crate::files::fits::read::{Fits, Hdu};
use ndarray::{Array2, Array3, Axis};
use std::ops::Range;

/// The draws of a restored catalog, open for reading.
#[derive(Debug)]
pub struct RestoredDraws {
    fits: Fits,
    draws: usize,
    objects: usize,
    pixels: usize,
}

impl Restored {
    /// The draws, where the catalog holds them (`selfsi restore --save-draws`).
    ///
    /// # Errors
    /// [`crate::Error::Input`] if the HDU has another shape than table and grid.
    pub fn draws(&self) -> Result<Option<RestoredDraws>> {
        let mut fits = Fits::open(self.path())?;
        let Some(hdu) = fits.find("DRAWS")? else {
            return Ok(None);
        };
        let (objects, pixels) = (self.objects().len(), self.header().grid.pixels);
        match fits.go(hdu)? {
            Hdu::Image(shape) if shape.len() == 3 && shape[1..] == [objects, pixels] => {
                Ok(Some(RestoredDraws {
                    fits,
                    draws: shape[0],
                    objects,
                    pixels,
                }))
            }
            _ => Err(foreign(
                self.path(),
                "DRAWS",
                "the image has another shape than table and grid",
            )),
        }
    }
}

impl RestoredDraws {
    /// How many there are of each object.
    #[must_use]
    pub fn count(&self) -> usize {
        self.draws
    }

    /// The draws of object `row`, [draws, D], physical units; NaN where it is flagged.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if the file is damaged, or has no such row.
    pub fn of(&mut self, row: usize) -> Result<Array2<f32>> {
        Ok(self.of_rows(row..row + 1)?.remove_axis(Axis(1)))
    }

    /// The draws of the objects `rows`, [draws, n, D].
    ///
    /// # Errors
    /// As [`RestoredDraws::of`].
    pub(crate) fn of_rows(&mut self, rows: Range<usize>) -> Result<Array3<f32>> {
        let shape = (self.draws, rows.len(), self.pixels);
        let mut all = Array3::zeros(shape);
        for (draw, mut to) in all.outer_iter_mut().enumerate() {
            let from = (draw * self.objects + rows.start) * self.pixels;
            let values = self.fits.section(from, rows.len() * self.pixels)?;
            to.iter_mut().zip(values).for_each(|(to, v)| *to = v);
        }
        Ok(all)
    }
}
