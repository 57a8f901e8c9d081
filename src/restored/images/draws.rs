//! All the draws of restored images: image DRAWS, of axes [draws, N, H, W] or [draws, N, C, H, W].

use super::header::DRAWS;
use super::{KIND, RestoredImages};
use crate::Result;
use crate::files::stack::{self, Reader};
use ndarray::{Array2, Array3, Axis};
use std::ops::Range;
use std::path::PathBuf;

/// The draws of restored images, open for reading.
pub struct RestoredImageDraws {
    path: PathBuf,
    file: Box<dyn Reader>,
    shape: Vec<usize>,
}

impl RestoredImages {
    /// The draws, where the file holds them (`selfsi restore --save-draws`).
    ///
    /// # Errors
    /// [`crate::Error::Input`] if they are of another shape than the table and the other images.
    pub fn all_draws(&self) -> Result<Option<RestoredImageDraws>> {
        if !self.header().all_draws {
            return Ok(None);
        }
        let each = self.header().shape(self.objects().len());
        let shape = [&[self.draws()], each.as_slice()].concat();
        let mut file = stack::open(self.path(), KIND)?;
        file.draws(DRAWS, &shape, 0..0)?;
        Ok(Some(RestoredImageDraws {
            path: self.path().to_path_buf(),
            file,
            shape,
        }))
    }
}

impl RestoredImageDraws {
    /// The draws of image `row`, [draws, D], in the units of the file; NaN where it is flagged.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if the file is damaged, or has no such row.
    pub fn of(&mut self, row: usize) -> Result<Array2<f32>> {
        Ok(self.of_rows(row..row + 1)?.remove_axis(Axis(1)))
    }

    /// The draws of the images `rows`, [draws, n, D].
    ///
    /// # Errors
    /// As [`RestoredImageDraws::of`].
    pub(crate) fn of_rows(&mut self, rows: Range<usize>) -> Result<Array3<f32>> {
        if rows.end > self.shape[1] {
            let problem = format!("rows {rows:?} of {}", self.shape[1]);
            return Err(KIND.foreign(&self.path, DRAWS, problem));
        }
        self.file.draws(DRAWS, &self.shape, rows)
    }
}
