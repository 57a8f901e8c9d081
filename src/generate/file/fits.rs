//! Generated samples as FITS: the image GENERATED, the table CATALOG and, for spectra, WAVELENGTH.

use super::header::{GeneratedAxes, GeneratedHeader};
use super::table::Table;
use crate::Result;
use crate::files::fits::read::{Fits, Hdu};
use crate::files::fits::sheet::Sheet;
use crate::files::fits::tables::Column;
use crate::restored::writer::{keys, wavelength_axis, wavelengths};
use fitsio::hdu::FitsHdu;
use fitsio::tables::ColumnDataType as T;
use std::path::Path;

pub(crate) struct Writer {
    sheet: Sheet,
    image: FitsHdu,
    axes: GeneratedAxes,
}

impl Writer {
    pub fn create(path: &Path, header: &GeneratedHeader, rows: usize) -> Result<Self> {
        let mut sheet = Sheet::create(path)?;
        keys(&mut sheet, &header.keys())?;
        sheet.history(&header.made.history)?;
        let image = sheet.image("GENERATED", &header.shape(rows))?;
        if let Some(unit) = header.bunit() {
            sheet.text(&image, "BUNIT", unit, "unit of the pixels")?;
        }
        if let GeneratedAxes::Spectra { grid, specsys, .. } = &header.axes {
            wavelength_axis(&mut sheet, &image, grid, specsys.as_deref())?;
        }
        Ok(Self {
            sheet,
            image,
            axes: header.axes.clone(),
        })
    }

    /// `values` from pixel number `from` on.
    pub fn write(&mut self, from: usize, values: &[f32]) -> Result<()> {
        self.sheet.pixels(&self.image, from, values)
    }

    pub fn finish(mut self, table: &Table) -> Result<()> {
        let (texts, integers) = (table.texts(), table.integers());
        let text = |(name, values): &(&str, Vec<String>)| Column::texts(name, values);
        let mut columns: Vec<Column> = texts.iter().map(text).collect();
        columns.extend(
            integers
                .iter()
                .map(|(name, _)| Column::new(name, T::LongLong)),
        );
        let hdu = self.sheet.table("CATALOG", &columns)?;
        for (name, values) in &texts {
            self.sheet.column(&hdu, name, values)?;
        }
        for (name, values) in &integers {
            self.sheet.column(&hdu, name, values)?;
        }
        if let GeneratedAxes::Spectra { grid, .. } = &self.axes {
            wavelengths(&mut self.sheet, &grid.loglam())?;
        }
        self.sheet.finish()
    }
}

/// Value of a key of the primary header, shape of the image.
pub(crate) type Found = (Box<dyn FnMut(&str) -> Option<String>>, Vec<usize>);

/// The keys and the shape of the image of `path`; `None` for the shape that there is not.
pub(crate) fn open(path: &Path) -> Result<Option<Found>> {
    let mut fits = Fits::open(path)?;
    let Some(shape) = image(&mut fits)? else {
        return Ok(None);
    };
    fits.check_complete()?;
    fits.check_sums()?;
    fits.seek(0)?;
    Ok(Some((Box::new(move |k| fits.text_key(k)), shape)))
}

/// Moves to the image GENERATED and gives its shape.
fn image(fits: &mut Fits) -> Result<Option<Vec<usize>>> {
    let Some(hdu) = fits.find("GENERATED")? else {
        return Ok(None);
    };
    match fits.go(hdu)? {
        Hdu::Image(shape) => Ok(Some(shape)),
        Hdu::Table { .. } => Ok(None),
    }
}

/// log10 of the wavelengths [D].
pub(crate) fn loglam(path: &Path) -> Result<Vec<f64>> {
    let mut fits = Fits::open(path)?;
    if fits.find("WAVELENGTH")?.is_none() {
        return Ok(Vec::new());
    }
    let rows = fits.rows()?;
    let column = fits.column("LOGLAM");
    column.map_or(Ok(Vec::new()), |c| fits.floats(&c, rows))
}

/// `n` values of the image from number `from` on.
pub(crate) fn read(path: &Path, from: usize, n: usize) -> Result<Vec<f32>> {
    let mut fits = Fits::open(path)?;
    image(&mut fits)?;
    fits.section(from, n)
}
