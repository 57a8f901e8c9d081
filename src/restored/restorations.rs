//! What a restored catalog of spectra and a file of restored images have in common: a row of the same
//! images for each object.

use super::block::RestoredBlock;
use super::image::Image;
use super::shard::Shard;
use crate::Result;
use crate::data::{Object, Provenance};
use crate::files::hdf5::chosen::by_chunk;
use crate::files::stack::{self, Kind, Reader};
use ndarray::{Array2, Axis, s};
use std::ops::Range;
use std::path::Path;

/// Rows that are read together.
const CHUNK: usize = 64;

/// A file of restorations: header and table in memory, images when they are asked for.
pub(crate) trait Restorations {
    /// What it is called in messages.
    fn kind(&self) -> Kind;

    fn path(&self) -> &Path;

    /// How the restorations were made; without the history.
    fn made(&self) -> &Provenance;

    /// The rows, in the order of the images.
    fn objects(&self) -> &[Object];

    /// Whether each row was kept out of training.
    fn heldout(&self) -> &[bool];

    /// The images, in the order of the file.
    fn kinds(&self) -> Vec<Image>;

    /// Axes of every image, slowest first.
    fn shape(&self) -> Vec<usize>;

    /// The image `name`, to be read by rows.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if the file has no such image of the shape of its table.
    fn open_image(&self, name: &str) -> Result<RestoredRows> {
        let shape = self.shape();
        let mut file = stack::open(self.path(), self.kind())?;
        file.rows(name, &shape, 0..0)?;
        Ok(RestoredRows {
            file,
            name: name.to_owned(),
            shape,
        })
    }

    /// All rows of all images, a block at a time, with their numbers.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if the file is damaged; what `each` says.
    fn each_block(
        &self,
        each: &mut dyn FnMut(Range<usize>, &RestoredBlock) -> Result<()>,
    ) -> Result<()> {
        let (shape, kinds, rows) = (self.shape(), self.kinds(), self.objects().len());
        let mut file = stack::open(self.path(), self.kind())?;
        for from in (0..rows).step_by(CHUNK) {
            let these = from..rows.min(from + CHUNK);
            let mut read = |image: Image| {
                let name = image.name(self.made());
                file.rows(&name, &shape, these.clone())
            };
            let block = RestoredBlock::read(&kinds, &mut read)?;
            each(these, &block)?;
        }
        Ok(())
    }

    /// Which part of a restoration it is; `None` for a whole one.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if the file cannot be read.
    fn part(&self) -> Result<Option<Shard>> {
        let mut file = stack::open(self.path(), self.kind())?;
        Ok(Shard::read(&mut |key| file.key(key)))
    }

    /// What was done, line by line.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if the file cannot be read.
    fn history(&self) -> Result<Vec<String>> {
        stack::open(self.path(), self.kind())?.history()
    }
}

/// A way into one image of a file of restorations, of which rows are read when they are asked for.
pub struct RestoredRows {
    file: Box<dyn Reader>,
    name: String,
    shape: Vec<usize>,
}

impl RestoredRows {
    /// Rows `rows` of the image, in that order, [n, D].
    ///
    /// # Errors
    /// [`crate::Error::Input`] if they cannot be read.
    pub fn read(&mut self, rows: &[usize]) -> Result<Array2<f32>> {
        let pixels = self.shape[1..].iter().product();
        let mut all = Array2::zeros((rows.len(), pixels));
        let mut done = 0;
        for (range, within) in by_chunk(rows, CHUNK) {
            let part = self.file.rows(&self.name, &self.shape, range)?;
            let to = s![done..done + within.len(), ..];
            all.slice_mut(to).assign(&part.select(Axis(0), &within));
            done += within.len();
        }
        Ok(all)
    }
}
