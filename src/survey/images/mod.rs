//! Images in: every format that holds them, read row by row in the file's units.
//!
//! What a path holds is recognised by its content. Several paths follow one another as one set.

mod axes;
mod bands;
mod cifar;
mod clean;
mod companions;
mod fit;
mod fits_cube;
mod guess;
mod image_file;
mod image_hdf5;
mod kind;
mod npy;
mod onto;
mod open;
mod picture;
mod pictures;
mod psf;
mod psf_file;
mod raw;
mod sky;

pub use raw::RawImages;
pub use sky::Sky;

pub(crate) use clean::clean_images;
pub(crate) use guess::guess;
pub(crate) use psf_file::psfs_of_file;

use super::spectra::duplicates;
use crate::config::{Config, ImageConfig, ImageDatasets};
use crate::data::{Bands, PixelScale};
use crate::{Error, Result};
use image_file::ImageFile;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// `[image]` of a config that is for images.
pub(crate) fn image_config(config: &Config) -> Result<&ImageConfig> {
    config.image.as_ref().ok_or_else(|| {
        Error::config(
            "config",
            "image",
            "there is no [image]",
            "add [image] with channels, height and width",
        )
    })
}

/// Images of one shape, open for reading. Names and labels are in memory; pixels are not.
#[derive(Debug)]
pub struct ImageSource {
    /// Each with the number of its first row.
    parts: Vec<(usize, Box<dyn ImageFile>)>,
    names: Vec<String>,
    labels: Vec<i64>,
}

impl ImageSource {
    /// Opens what `paths` hold, one after the other.
    ///
    /// # Errors
    /// [`Error::Input`] for a path that holds no images, or images of another shape than `image`.
    /// In a folder of pictures that, or an unreadable file, is a problem of the row alone.
    pub fn open(paths: &[PathBuf], datasets: &ImageDatasets, image: &ImageConfig) -> Result<Self> {
        Self::of_detector(paths, datasets, image, 1)
    }

    /// The same, where the detector's pixels may be `coarse` times as long as those of `image`: images on the
    /// detector's grid come onto that of `image`, each pixel repeated.
    ///
    /// # Errors
    /// As [`ImageSource::open`].
    pub fn of_detector(
        paths: &[PathBuf],
        datasets: &ImageDatasets,
        image: &ImageConfig,
        coarse: usize,
    ) -> Result<Self> {
        let mut source = Self {
            parts: Vec::new(),
            names: Vec::new(),
            labels: Vec::new(),
        };
        for path in paths {
            for file in open::open(path, datasets, image, coarse)? {
                source.add(file)?;
            }
        }
        if source.is_empty() {
            let path = paths.first().map_or(Path::new(""), |p| p);
            return Err(Error::input(
                path,
                "",
                "no images",
                "at least one",
                "give other files in survey.source.path",
            ));
        }
        Ok(source)
    }

    fn add(&mut self, file: Box<dyn ImageFile>) -> Result<()> {
        let (start, n) = (self.len(), file.len());
        if let Some((_, first)) = self.parts.first()
            && first.psf() != file.psf()
        {
            let words = |side: usize| match side {
                0 => "no PSFs".to_owned(),
                side => format!("PSFs of {side} × {side} pixels"),
            };
            return Err(Error::input(
                file.path(),
                "psf",
                words(file.psf()),
                format!("{} as in {}", words(first.psf()), first.path().display()),
                "give files that agree, or survey.source.datasets.psf = \"\": none is read",
            ));
        }
        if let Some((_, first)) = self.parts.first()
            && first.widths() != file.widths()
        {
            let words = |(k, p): (usize, usize)| format!("{k} numbers and {p} planes per image");
            return Err(Error::input(
                file.path(),
                "vector, planes",
                words(file.widths()),
                format!("{} as in {}", words(first.widths()), first.path().display()),
                "give files that agree",
            ));
        }
        let numbered = || (start..start + n).map(|i| format!("row-{i:07}")).collect();
        self.names.extend(file.names().unwrap_or_else(numbered));
        self.labels
            .extend(file.labels().unwrap_or_else(|| vec![-1; n]));
        self.parts.push((start, file));
        Ok(())
    }

    /// Images and arrays of folders that are none of their single images, and are not read.
    #[must_use]
    pub fn passed_over(&self) -> Vec<PathBuf> {
        let parts = self.parts.iter().flat_map(|(_, file)| file.passed_over());
        parts.cloned().collect()
    }

    /// Number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The file's ids, else file names, else `row-0000012`, counted through all paths.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Names that occur more than once.
    #[must_use]
    pub fn duplicates(&self) -> Vec<String> {
        duplicates(self.names.iter().map(|n| &**n))
    }

    /// Class of each image; −1 where unknown.
    #[must_use]
    pub fn labels(&self) -> &[i64] {
        &self.labels
    }

    /// Numbers K and planes P that come with each image.
    #[must_use]
    pub fn widths(&self) -> (usize, usize) {
        self.parts.first().map_or((0, 0), |(_, f)| f.widths())
    }

    /// Pixels along a side of the point-spread function that comes with each channel; 0: none does.
    #[must_use]
    pub fn psf(&self) -> usize {
        self.parts.first().map_or(0, |(_, f)| f.psf())
    }

    /// Units and filters of the channels, as the first part that says any says.
    #[must_use]
    pub fn bands(&self) -> Option<Bands> {
        self.parts.iter().find_map(|(_, f)| f.bands())
    }

    /// The scale that `selfsi simulate` recorded, if every part has the same.
    #[must_use]
    pub fn scale(&self) -> Option<&PixelScale> {
        let first = self.parts.first()?.1.scale()?;
        let mut scales = self.parts.iter().map(|(_, f)| f.scale());
        scales.all(|s| s == Some(first)).then_some(first)
    }

    /// File and row that image `i` comes from.
    #[must_use]
    pub fn origin(&self, i: usize) -> String {
        let part = self.parts.partition_point(|(start, _)| *start <= i);
        let part = part.checked_sub(1).map(|p| &self.parts[p]);
        part.map_or_else(String::new, |(start, file)| file.origin(i - start))
    }

    /// Reads the images of `rows`.
    ///
    /// # Errors
    /// [`Error::Input`] if they do not exist or cannot be read.
    pub fn read(&self, rows: Range<usize>) -> Result<RawImages> {
        let mut pieces = Vec::new();
        for (start, file) in &self.parts {
            let first = rows.start.max(*start);
            let last = rows.end.min(start + file.len());
            if first < last {
                pieces.push(file.read(first - start..last - start)?);
            }
        }
        let read: usize = pieces.iter().map(|p| p.problems.len()).sum();
        if read != rows.len() || pieces.is_empty() {
            let path = self.parts.first().map_or(Path::new(""), |(_, f)| f.path());
            return Err(Error::input(
                path,
                format!("rows {}..{}", rows.start, rows.end),
                "no such rows",
                format!("rows of 0..{}", self.len()),
                "ask for fewer",
            ));
        }
        match pieces.len() {
            1 => Ok(pieces.remove(0)),
            _ => RawImages::concatenate(&pieces),
        }
    }
}
