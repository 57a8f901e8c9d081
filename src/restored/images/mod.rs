//! Restored images: one FITS or HDF5 file with images [N, C, H, W] ([N, H, W] for one channel) in
//! the units of the observations, and a table.

mod draws;
pub(crate) mod header;
mod table;

pub use draws::RestoredImageDraws;
pub use header::RestoredImagesHeader;
pub use table::ImageTable;

use super::block::RestoredBlock;
use super::image::Image;
use super::restorations::{Restorations, RestoredRows};
use super::shard::Shard;
use crate::data::{ImageLayout, Method, Object, Provenance};
use crate::files::stack::{self, Kind, StackWriter, check_extension};
use crate::files::start::{Start, start};
use crate::{Error, Result};
use ndarray::{Array2, ArrayView3};
use std::ops::Range;
use std::path::{Path, PathBuf};

const KIND: Kind = Kind {
    expected: "restored images of selfsi",
    fix: "give the file that `selfsi restore` wrote",
};

/// Writes restored images as a stream; the file appears only when it is complete.
pub struct RestoredImagesWriter {
    target: PathBuf,
    images: Vec<Image>,
    writer: StackWriter,
}

impl RestoredImagesWriter {
    /// Lays out the images of `rows` objects; FITS or HDF5 by the extension of `path`.
    ///
    /// # Errors
    /// [`Error::Output`] for another extension, or if the file cannot be written.
    pub fn create(
        path: impl AsRef<Path>,
        header: &RestoredImagesHeader,
        rows: usize,
    ) -> Result<Self> {
        let target = path.as_ref().to_path_buf();
        check_extension(&target, "restored")?;
        Ok(Self {
            writer: StackWriter::create(&target, &header.plan(rows))?,
            images: header.kinds(),
            target,
        })
    }

    /// Notes in the file that this is a part of a restoration.
    ///
    /// # Errors
    /// [`Error::Output`] if the file cannot be written.
    pub fn as_shard(mut self, shard: &Shard) -> Result<Self> {
        self.writer.keys(&shard.keys())?;
        Ok(self)
    }

    /// Writes the next rows, [n, D] each and in the units of the file, and where the header says so all draws of
    /// them, [draws, n, D]; NaN where there is nothing.
    ///
    /// # Errors
    /// [`Error::Output`] if the disk is full, or the block lacks an image of the header or has more
    /// rows than were announced, or there are other draws.
    pub fn write(&mut self, block: &RestoredBlock, draws: Option<ArrayView3<f32>>) -> Result<()> {
        let rows = |image: &Image| {
            block.image(*image).ok_or_else(|| {
                Error::output(
                    &self.target,
                    format!("a block without {image}"),
                    "give every image of the header",
                )
            })
        };
        let rows: Vec<_> = self.images.iter().map(rows).collect::<Result<_>>()?;
        self.writer.write(&rows, draws)
    }

    /// Writes the table and moves the file to its place.
    ///
    /// # Errors
    /// [`Error::Output`] if rows are missing or the disk is full.
    pub fn finish(self, table: &ImageTable) -> Result<()> {
        self.writer.finish(table.objects.len(), &table.columns())
    }
}

/// Restored images, read back: header and table in memory, images when asked for.
#[derive(Debug)]
pub struct RestoredImages {
    path: PathBuf,
    header: RestoredImagesHeader,
    table: ImageTable,
}

impl RestoredImages {
    /// Reads header and table.
    ///
    /// # Errors
    /// [`Error::Input`] if the file is not one of restored images.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let mut file = stack::open(&path, KIND)?;
        let place = file.place_of_keys();
        header::check(&mut |key| file.key(key)).map_err(|e| KIND.foreign(&path, place, e))?;
        file.check_whole()?;
        let shape = file.shape("RESTORED")?;
        let header = RestoredImagesHeader::read(&shape, &mut |key| file.key(key))
            .map_err(|e| KIND.foreign(&path, place, e))?;
        let table = ImageTable::read(
            &mut *file,
            header.layout.vector,
            header.shapes.then_some(header.layout.channels),
        )?;
        let table = table.filter(|t| t.objects.len() == shape[0]);
        let table = table.ok_or_else(|| KIND.foreign(&path, "CATALOG", "not one row per image"))?;
        Ok(Self {
            path,
            header,
            table,
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says of itself.
    #[must_use]
    pub fn header(&self) -> &RestoredImagesHeader {
        &self.header
    }

    /// Shape and scale of the images.
    #[must_use]
    pub fn layout(&self) -> &ImageLayout {
        &self.header.layout
    }

    /// As [`Provenance::method`](crate::data::Provenance::method).
    #[must_use]
    pub fn method(&self) -> Method {
        self.header.made.method
    }

    /// As of [`super::catalog::Restored::single`].
    #[must_use]
    pub fn single(&self) -> &'static str {
        self.method().single()
    }

    /// SDE draws per object; 1 for the ODE.
    #[must_use]
    pub fn draws(&self) -> usize {
        self.header.made.draws
    }

    /// The table beside the images.
    #[must_use]
    pub fn table(&self) -> &ImageTable {
        &self.table
    }

    /// The rows, in the order of the images.
    #[must_use]
    pub fn objects(&self) -> &[Object] {
        &self.table.objects
    }

    /// Whether each row was kept out of training.
    #[must_use]
    pub fn heldout(&self) -> &[bool] {
        &self.table.heldout
    }

    /// Class of each object; −1 where unknown.
    #[must_use]
    pub fn labels(&self) -> &[i64] {
        &self.table.labels
    }

    /// All images `name` (`RESTORED`, `SIGMA`, `DRAW`, `Q16`, `OBSERVED`, `IVAR`), [N, D].
    ///
    /// # Errors
    /// [`Error::Input`] if the file has no such images.
    pub fn image(&self, name: &str) -> Result<Array2<f32>> {
        self.read(name, 0..self.objects().len())
    }

    /// The images `name` of `rows`, [n, D].
    ///
    /// # Errors
    /// [`Error::Input`] if the file has no such images or rows.
    pub fn read(&self, name: &str, rows: Range<usize>) -> Result<Array2<f32>> {
        let names = self.header.images();
        if !names.iter().any(|n| n == name) {
            let problem = format!("there is none; the file has {}", names.join(", "));
            return Err(KIND.foreign(&self.path, name, problem));
        }
        if rows.start > rows.end || rows.end > self.objects().len() {
            let problem = format!("rows {rows:?} of {}", self.objects().len());
            return Err(KIND.foreign(&self.path, name, problem));
        }
        let shape = self.header.shape(self.objects().len());
        stack::open(&self.path, KIND)?.rows(name, &shape, rows)
    }
}

impl RestoredImages {
    /// The images `name`, to be read by rows.
    ///
    /// # Errors
    /// [`Error::Input`] if the file has no such images.
    pub fn rows(&self, name: &str) -> Result<RestoredRows> {
        self.open_image(name)
    }

    /// Which part of a restoration it is; `None` for a whole one.
    ///
    /// # Errors
    /// [`Error::Input`] if the file cannot be read.
    pub fn shard(&self) -> Result<Option<Shard>> {
        self.part()
    }

    /// Whether `path` is to be read as restored images rather than spectra: only they are written as HDF5.
    pub(crate) fn is_one(path: &Path) -> bool {
        start(path).is_ok_and(|s| s == Start::Hdf5) || Self::is_said(path)
    }

    /// Whether `path` says that it holds restored images.
    pub(crate) fn is_said(path: &Path) -> bool {
        let Ok(mut file) = stack::open(path, KIND) else {
            return false;
        };
        // An audit of images has the same content.
        let other = file.key("FORMAT").is_some_and(|f| !f.contains("images"));
        file.key("CONTENT").as_deref() == Some(header::CONTENT) && !other
    }
}

impl Restorations for RestoredImages {
    fn kind(&self) -> Kind {
        KIND
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn made(&self) -> &Provenance {
        &self.header.made
    }

    fn objects(&self) -> &[Object] {
        &self.table.objects
    }

    fn heldout(&self) -> &[bool] {
        &self.table.heldout
    }

    fn kinds(&self) -> Vec<Image> {
        self.header.kinds()
    }

    fn shape(&self) -> Vec<usize> {
        self.header.shape(self.table.objects.len())
    }
}
