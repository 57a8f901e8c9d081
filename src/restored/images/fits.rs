//! Restored images as FITS: image HDUs of 32-bit floats and the table CATALOG.

use super::foreign::foreign;
use super::header::RestoredImagesHeader;
use super::header::check;
use super::table::ImageTable;
use crate::Result;
use crate::data::provenance::Key;
use crate::files::fits::column::Column as Found;
use crate::files::fits::read::{Fits, Hdu};
use crate::files::fits::sheet::{Sheet, ascii};
use crate::files::fits::tables::Column;
use crate::files::units::inverse_square;
use crate::restored::catalog::RestoredBlock;
use crate::restored::image::Image;
use crate::restored::writer::keys;
use fitsio::hdu::FitsHdu;
use fitsio::tables::ColumnDataType as T;
use ndarray::Array2;
use std::ops::Range;
use std::path::Path;

pub(crate) struct Writer {
    sheet: Sheet,
    images: Vec<(Image, FitsHdu)>,
}

impl Writer {
    pub fn create(path: &Path, header: &RestoredImagesHeader, rows: usize) -> Result<Self> {
        let mut sheet = Sheet::create(path)?;
        keys(&mut sheet, &header.keys())?;
        sheet.history(&header.made.history)?;
        let mut images = Vec::new();
        for image in header.kinds() {
            let name = image.name(&header.made);
            let hdu = sheet.image(&name, &header.shape(rows))?;
            let unit = if image == Image::Ivar {
                inverse_square(&header.unit)
            } else {
                Some(header.unit.clone()).filter(|u| !u.is_empty())
            };
            if let Some(unit) = unit {
                sheet.text(&hdu, "BUNIT", &unit, "unit of the pixels")?;
            }
            images.push((image, hdu));
        }
        Ok(Self { sheet, images })
    }

    /// More keys of the file.
    pub fn keys(&mut self, more: &[Key]) -> Result<()> {
        keys(&mut self.sheet, more)
    }

    pub fn write(&mut self, start: usize, block: &RestoredBlock) -> Result<()> {
        for (image, hdu) in &self.images {
            let rows = block
                .image(*image)
                .ok_or_else(|| self.sheet.failed(&format!("a block without {image}")))?;
            let data = rows.as_standard_layout();
            let pixels = data.as_slice().unwrap_or_default();
            self.sheet.pixels(hdu, start * rows.ncols(), pixels)?;
        }
        Ok(())
    }

    pub fn finish(mut self, table: &ImageTable) -> Result<()> {
        let texts = table.texts().map(|(name, values)| {
            let values: Vec<String> = values.into_iter().map(ascii).collect();
            (name, values)
        });
        let integers = table.integers();
        let text = |(name, values): &(&str, Vec<String>)| Column::texts(name, values);
        let mut columns: Vec<Column> = texts.iter().map(text).collect();
        columns.extend(integers.iter().map(|(name, _)| Column {
            nullable: *name == "LABEL",
            ..Column::new(name, T::LongLong)
        }));
        let vector = table.vector.as_standard_layout();
        if table.vector.ncols() > 0 {
            columns.push(Column {
                width: table.vector.ncols(),
                ..Column::new("VECTOR", T::Float)
            });
        }
        let hdu = self.sheet.table("CATALOG", &columns)?;
        for (name, values) in &texts {
            self.sheet.column(&hdu, name, values)?;
        }
        for (name, values) in &integers {
            self.sheet.column(&hdu, name, values)?;
        }
        if table.vector.ncols() > 0 {
            let values = vector.as_slice().unwrap_or_default();
            self.sheet.column(&hdu, "VECTOR", values)?;
        }
        self.sheet.finish()
    }
}

/// Header and table of `path`.
pub(crate) fn open(path: &Path) -> Result<(RestoredImagesHeader, ImageTable)> {
    let mut fits = Fits::open(path)?;
    fits.seek(0)?;
    check(&mut |k| fits.text_key(k)).map_err(|e| foreign(path, "PRIMARY", e))?;
    fits.check_complete()?;
    fits.check_sums()?;
    let shape = images(&mut fits, path, "RESTORED")?;
    fits.seek(0)?;
    let header = RestoredImagesHeader::read(&shape, &mut |k| fits.text_key(k))
        .map_err(|e| foreign(path, "PRIMARY", e))?;
    find(&mut fits, path, "CATALOG")?;
    let rows = fits.rows()?;
    let mut text = |name: &str| {
        let column = column(&mut fits, path, name)?;
        fits.texts(&column, rows)
    };
    let texts = [text("NAME")?, text("REASON")?, text("SOURCE")?];
    let mut whole = |name: &str| {
        let column = column(&mut fits, path, name)?;
        fits.integers(&column, rows)
    };
    let integers = [whole("LABEL")?, whole("FLAG")?, whole("HELDOUT")?];
    let width = header.layout.vector;
    let vector = match width {
        0 => Vec::new(),
        _ => {
            let column = column(&mut fits, path, "VECTOR")?;
            fits.singles(&column, rows)?
        }
    };
    let vector = Array2::from_shape_vec((rows, width), vector);
    let table = vector
        .ok()
        .and_then(|v| ImageTable::assemble(texts, integers, v));
    match table {
        Some(table) if rows == shape[0] => Ok((header, table)),
        _ => Err(foreign(path, "CATALOG", "not one row per image".to_owned())),
    }
}

fn column(fits: &mut Fits, path: &Path, name: &str) -> Result<Found> {
    fits.column(name)
        .ok_or_else(|| foreign(path, name, "the column is missing".to_owned()))
}

/// The images `name`, which have the axes `shape`.
pub(crate) fn read(
    path: &Path,
    name: &str,
    shape: &[usize],
    rows: Range<usize>,
) -> Result<Array2<f32>> {
    let mut fits = Fits::open(path)?;
    let found = images(&mut fits, path, name)?;
    if found != shape {
        let problem = format!("images of shape {found:?}, not {shape:?}");
        return Err(foreign(path, name, problem));
    }
    let pixels = shape[1..].iter().product::<usize>();
    let data = fits.section(rows.start * pixels, rows.len() * pixels)?;
    Array2::from_shape_vec((rows.len(), pixels), data)
        .map_err(|e| foreign(path, name, e.to_string()))
}

/// Moves to the images `name` and gives their axes.
fn images(fits: &mut Fits, path: &Path, name: &str) -> Result<Vec<usize>> {
    let hdu = find(fits, path, name)?;
    match fits.go(hdu)? {
        Hdu::Image(shape) => Ok(shape),
        Hdu::Table { .. } => Err(foreign(path, name, "a table, not images".to_owned())),
    }
}

fn find(fits: &mut Fits, path: &Path, name: &str) -> Result<usize> {
    fits.find(name)?
        .ok_or_else(|| foreign(path, name, "no HDU of this name".to_owned()))
}
