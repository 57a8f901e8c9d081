//! Writing the restored catalog: images and table as a stream, then the wavelengths and checksums.

use super::block::RestoredBlock;
use super::catalog::{LINE_SMOOTHING, RestoredHeader};
use super::image::Image;
use super::shard::Shard;
use super::table;
use super::table::TableRows;
use crate::Result;
use crate::data::Object;
use crate::data::Provenance;
use crate::data::provenance::flag_keys;
use crate::files::fits::sheet::Sheet;
use crate::files::units::inverse_square;
use crate::files::version;
use crate::lines::MeasuredLines;
use crate::survey::select::median_snr;
use fitsio::hdu::FitsHdu;
use ndarray::ArrayView3;
use std::path::Path;

/// Consecutive rows to be written, one object each.
#[derive(Debug, Clone, Copy)]
pub struct RestoredPart<'a> {
    /// Of the table.
    pub objects: &'a [Object],
    /// Whether each was kept out of training.
    pub heldout: &'a [bool],
    /// Of the images.
    pub block: &'a RestoredBlock,
    /// [`NO_LINES`](crate::lines::NO_LINES) where none was measured.
    pub lines: &'a [MeasuredLines],
    /// All draws [draws, n, D], physical units; of use where the catalog holds them.
    pub draws: Option<ArrayView3<'a, f32>>,
}

/// Writes a restored catalog as a stream; the file appears only when it is complete.
pub struct RestoredWriter {
    pub(crate) sheet: Sheet,
    /// log10 of the wavelength of each pixel.
    pub(crate) loglam: Vec<f64>,
    rows: usize,
    written: usize,
    images: Vec<(Image, FitsHdu)>,
    /// The image of all draws, where it is asked for.
    draws: Option<FitsHdu>,
    table: FitsHdu,
}

impl RestoredWriter {
    /// Lays out images and table for `objects`; with an image DRAWS of all draws if `draws`. Of the objects
    /// only the length of their texts is taken: their rows are written with [`RestoredWriter::write`].
    ///
    /// # Errors
    /// [`crate::Error::Output`] if the file cannot be written.
    pub fn create<'a>(
        path: impl AsRef<Path>,
        header: &RestoredHeader,
        objects: impl ExactSizeIterator<Item = &'a Object>,
        draws: bool,
    ) -> Result<Self> {
        let mut sheet = Sheet::create(path.as_ref())?;
        primary(&mut sheet, header)?;
        let rows = objects.len();
        let mut images = Vec::new();
        for image in header.kinds() {
            let name = image.name(&header.made);
            let hdu = sheet.image(&name, &[rows, header.grid.pixels])?;
            image_keys(&mut sheet, &hdu, &name, header)?;
            images.push((image, hdu));
        }
        let draws = draws.then(|| all_draws(&mut sheet, header, rows));
        Ok(Self {
            draws: draws.transpose()?,
            table: table::create(&mut sheet, objects, &header.flux_unit)?,
            sheet,
            loglam: header.grid.loglam(),
            rows,
            written: 0,
            images,
        })
    }

    /// Notes in the header that this is a part.
    ///
    /// # Errors
    /// [`crate::Error::Output`] if the file cannot be written.
    pub fn as_shard(mut self, shard: &Shard) -> Result<Self> {
        self.sheet.keys(&shard.keys())?;
        Ok(self)
    }

    /// Writes rows `start..` of images and table.
    ///
    /// # Errors
    /// [`crate::Error::Output`] if the disk is full, the block lacks an image of the header, or the rows
    /// are not those that were announced.
    pub fn write(&mut self, start: usize, part: RestoredPart<'_>) -> Result<()> {
        let RestoredPart { block, objects, .. } = part;
        let n = objects.len();
        let lengths = [block.restored.nrows(), part.heldout.len(), part.lines.len()];
        if lengths != [n; 3] || start + n > self.rows {
            let problem = format!(
                "rows {start}..{} of {}, of {lengths:?} images, heldout and lines",
                start + n,
                self.rows
            );
            return Err(self.sheet.failed(&problem));
        }
        if n == 0 {
            return Ok(());
        }
        for (image, hdu) in &self.images {
            let rows = block
                .image(*image)
                .ok_or_else(|| self.sheet.failed(&format!("a block without {image}")))?;
            let data: Vec<f32> = rows.iter().copied().collect();
            self.sheet.pixels(hdu, start * self.loglam.len(), &data)?;
        }
        if let Some(hdu) = &self.draws {
            let draws = part.draws.ok_or_else(|| self.sheet.failed(&"no draws"))?;
            for (k, draw) in draws.outer_iter().enumerate() {
                let from = (k * self.rows + start) * self.loglam.len();
                let data: Vec<f32> = draw.iter().copied().collect();
                self.sheet.pixels(hdu, from, &data)?;
            }
        }
        let rows = TableRows {
            objects,
            snr: &median_snr(&block.observed, &block.ivar),
            heldout: part.heldout,
            lines: part.lines,
        };
        table::write(&mut self.sheet, &self.table, start, rows)?;
        self.written += n;
        Ok(())
    }

    /// Writes the wavelengths and checksums and moves the file to its place.
    ///
    /// # Errors
    /// [`crate::Error::Output`] if rows are missing or the disk is full.
    pub fn finish(mut self) -> Result<()> {
        if self.written != self.rows {
            let problem = format!("{} of {} rows were written", self.written, self.rows);
            return Err(self.sheet.failed(&problem));
        }
        self.sheet.wavelengths(&self.loglam)?;
        self.sheet.finish()
    }
}

/// Lays out the image DRAWS [draws, rows, D].
fn all_draws(sheet: &mut Sheet, header: &RestoredHeader, rows: usize) -> Result<FitsHdu> {
    let hdu = sheet.image("DRAWS", &[header.made.draws, rows, header.grid.pixels])?;
    image_keys(sheet, &hdu, "DRAWS", header)?;
    sheet.text(&hdu, "CTYPE3", "DRAW", "draw of the SDE, from 1")?;
    for key in ["CRPIX3", "CRVAL3", "CDELT3"] {
        sheet.key(&hdu, key, (1.0, ""))?;
    }
    Ok(hdu)
}

/// How it was made: in the catalog and in every file of a single object.
pub(crate) fn provenance(sheet: &mut Sheet, made: &Provenance) -> Result<()> {
    sheet.keys(&made.keys())?;
    sheet.history(&made.history)
}

fn primary(sheet: &mut Sheet, h: &RestoredHeader) -> Result<()> {
    let hdu = sheet.primary()?;
    sheet.text(&hdu, "FLUXUNIT", &h.flux_unit, "unit of the flux images")?;
    sheet.frame(&hdu, &h.grid)?;
    sheet.keys(&version::RESTORED.keys_in(h.grid.frame))?;
    let smoothing = (
        h.line_smoothing,
        "smoothing of broad lines' peaks, km/s (sigma)",
    );
    sheet.key(&hdu, LINE_SMOOTHING, smoothing)?;
    sheet.keys(&h.made.quantile_keys())?;
    sheet.keys(&flag_keys())?;
    provenance(sheet, &h.made)
}

/// Unit and axes of an image.
fn image_keys(sheet: &mut Sheet, hdu: &FitsHdu, name: &str, h: &RestoredHeader) -> Result<()> {
    let unit = if name == "IVAR" {
        inverse_square(&h.flux_unit)
    } else {
        Some(h.flux_unit.clone()).filter(|u| !u.is_empty())
    };
    if let Some(unit) = unit {
        sheet.text(hdu, "BUNIT", &unit, "unit of the pixels")?;
    }
    sheet.wavelength_axis(hdu, &h.grid, h.specsys.as_deref())
}
