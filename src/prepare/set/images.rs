//! The prepared set of images: normalised pixels with their latents.

use super::columns::{Column, OF_IMAGES};
use super::header::SetHeader;
use super::opened::Opened;
use super::reader::PreparedSet;
use crate::Result;
use crate::data::{Bands, ImageBlock, ImageLayout, Layout, PixelScale};
use crate::files::hdf5::read;
use crate::files::version;
use hdf5::File;

/// A prepared set of images open for reading.
pub type ImageSet = PreparedSet<ImageSetHeader>;

/// What a set of images says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageSetHeader {
    /// Shape and scale of the images.
    pub layout: ImageLayout,
    /// Units and filters of the channels.
    pub bands: Bands,
    /// The TOML text of the job that made the set.
    pub config: String,
}

impl SetHeader for ImageSetHeader {
    type Block = ImageBlock;
    const FORMAT: &'static str = version::PREPARED_IMAGES.name();
    const WHAT: &'static str = "a prepared set of images";
    const CHUNK_ROWS: usize = 64;
    const VERSION: i64 = 2;
    const COLUMNS: &'static [Column] = OF_IMAGES;

    fn read(file: &Opened) -> Result<Self> {
        let shape = file.column::<i64>("shape", Some(5))?;
        let size = |v: &i64| {
            let wrong = |_| file.wrong("dataset shape", v, "five numbers, none below 0");
            usize::try_from(*v).map_err(wrong)
        };
        let shape = shape.iter().map(size).collect::<Result<Vec<_>>>()?;
        // Before anything is allocated for a row.
        let row = shape
            .iter()
            .try_fold(1usize, |row, n| row.checked_mul((*n).max(1)));
        if row.is_none_or(|n| n > isize::MAX as usize) {
            let problem = format!("{shape:?}, more numbers than any image has");
            return Err(file.wrong("dataset shape", problem, "the shape of an image"));
        }
        let psf = match file.has("psf_side") {
            true => file.column::<i64>("psf_side", Some(1))?[0],
            false => 0,
        };
        // Odd and no larger than the images, or none.
        let most = shape[1].min(shape[2]) as i64;
        if !(psf == 0 || (psf % 2 == 1 && (1..=most).contains(&psf))) {
            return Err(file.wrong(
                "dataset psf_side",
                psf,
                "0, or the odd side of a PSF within the images",
            ));
        }
        let channels = Some(shape[0]);
        let softening = file.column::<f64>("softening", None)?;
        if file.version == 1 && !softening.is_empty() {
            return Err(file.wrong(
                "attribute version",
                "1: noise levels of stretched values are in another unit",
                "version 2",
            ));
        }
        let text = |name| read::text_attribute(&file.file, name).unwrap_or_default();
        Ok(Self {
            layout: ImageLayout {
                channels: shape[0],
                height: shape[1],
                width: shape[2],
                scale: PixelScale {
                    softening: softening.first().copied(),
                    mean: file.column("mean", channels)?,
                    std: file.column("std", channels)?,
                },
                vector: shape[3],
                planes: shape[4],
                psf: psf as usize,
            },
            bands: match file.has("units") {
                true => Bands {
                    units: file.texts("units", shape[0])?,
                    filters: file.texts("filters", shape[0])?,
                },
                false => Bands::of(shape[0], &[text("unit")], &[]),
            },
            config: text("config"),
        })
    }

    fn write(&self, file: &File) -> hdf5::Result<()> {
        read::attribute(file, "unit", &read::text(self.bands.unit()))?;
        for (name, all) in [
            ("units", &self.bands.units),
            ("filters", &self.bands.filters),
        ] {
            read::texts(file, name, all.iter().map(String::as_str))?;
        }
        let l = &self.layout;
        let shape = [l.channels, l.height, l.width, l.vector, l.planes];
        read::column(file, "shape", &shape.map(|v| v as i64))?;
        read::column(file, "psf_side", &[l.psf as i64])?;
        read::column(file, "softening", l.scale.softening.as_slice())?;
        read::column(file, "mean", &l.scale.mean)?;
        read::column(file, "std", &l.scale.std)?;
        Ok(())
    }

    fn layout(&self) -> Layout {
        Layout::Images(self.layout.clone())
    }

    fn masked(&self, n: usize) -> ImageBlock {
        ImageBlock::masked(n, &self.layout)
    }

    fn config(&self) -> &str {
        &self.config
    }
}
