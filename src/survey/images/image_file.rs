//! What every file of images gives, and every folder of pictures, whatever its format.

use super::raw::RawImages;
use crate::Result;
use crate::data::{Bands, PixelScale};
use std::fmt::Debug;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One file of images, or one folder of pictures, open for reading.
pub(crate) trait ImageFile: Debug + Send + Sync {
    fn path(&self) -> &Path;

    /// Number of images.
    fn len(&self) -> usize;

    /// Names of the images, where the format has any.
    fn names(&self) -> Option<Vec<String>> {
        None
    }

    /// Classes of the images, where the format has any.
    fn labels(&self) -> Option<Vec<i64>> {
        None
    }

    /// Numbers K and planes P that come with each image.
    fn widths(&self) -> (usize, usize) {
        (0, 0)
    }

    /// Pixels along a side of the point-spread function that comes with each channel; 0: none does.
    fn psf(&self) -> usize {
        0
    }

    /// Units and filters of the channels, as far as the file says; of a folder, the first file's that says any.
    fn bands(&self) -> Option<Bands> {
        None
    }

    /// Images and arrays of a folder that are none of its single images, and are not read.
    fn passed_over(&self) -> &[PathBuf] {
        &[]
    }

    /// The scale that `selfsi simulate` recorded.
    fn scale(&self) -> Option<&PixelScale> {
        None
    }

    /// File and row of image `row`.
    fn origin(&self, row: usize) -> String {
        format!("{} row {row}", self.path().display())
    }

    /// Reads the images of `rows`, which exist.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if they cannot be read.
    fn read(&self, rows: Range<usize>) -> Result<RawImages>;
}
