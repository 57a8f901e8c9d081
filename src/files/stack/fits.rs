//! As FITS: image HDUs of 32-bit floats, the table CATALOG and, for spectra, the table WAVELENGTH.

use super::form::{Kind, Reader, Sink};
use super::plan::{Cells, Column, Image, Plan, Spectral};
use crate::Result;
use crate::data::provenance::Key;
use crate::files::fits::column::Column as Found;
use crate::files::fits::read::{Fits, Hdu};
use crate::files::fits::sheet::{Sheet, ascii};
use crate::files::fits::tables;
use fitsio::hdu::FitsHdu;
use fitsio::tables::ColumnDataType as T;
use ndarray::{Array2, Array3, ArrayView3};
use std::ops::Range;
use std::path::{Path, PathBuf};

pub(super) struct Writer {
    sheet: Sheet,
    images: Vec<FitsHdu>,
    draws: Option<FitsHdu>,
    rows: usize,
    loglam: Option<Vec<f64>>,
}

impl Writer {
    pub fn create(path: &Path, plan: &Plan<'_>) -> Result<Self> {
        let mut sheet = Sheet::create(path)?;
        sheet.keys(&plan.keys)?;
        sheet.history(plan.history)?;
        let mut lay_out = |image: &Image, shape: &[usize]| {
            let hdu = sheet.image(&image.name, shape)?;
            if let Some(unit) = &image.unit {
                sheet.text(&hdu, "BUNIT", unit, "unit of the pixels")?;
            }
            if let Some(Spectral { grid, specsys }) = &plan.spectral {
                sheet.wavelength_axis(&hdu, grid, specsys.as_deref())?;
            }
            Ok(hdu)
        };
        let images = plan.images.iter().map(|i| lay_out(i, &plan.shape));
        let images = images.collect::<Result<_>>()?;
        let draws = plan.draws.as_ref();
        let draws = draws.map(|(image, count)| lay_out(image, &plan.shape_of_draws(*count)));
        Ok(Self {
            draws: draws.transpose()?,
            sheet,
            images,
            rows: plan.shape[0],
            loglam: plan.spectral.as_ref().map(|s| s.grid.loglam()),
        })
    }
}

impl Sink for Writer {
    fn keys(&mut self, more: &[Key]) -> Result<()> {
        self.sheet.keys(more)
    }

    fn write(
        &mut self,
        start: usize,
        images: &[&Array2<f32>],
        draws: Option<ArrayView3<f32>>,
    ) -> Result<()> {
        for (hdu, rows) in self.images.iter().zip(images) {
            let data = rows.as_standard_layout();
            let pixels = data.as_slice().unwrap_or_default();
            self.sheet.pixels(hdu, start * rows.ncols(), pixels)?;
        }
        if let (Some(hdu), Some(draws)) = (&self.draws, draws) {
            for (k, rows) in draws.outer_iter().enumerate() {
                let data = rows.as_standard_layout();
                let from = (k * self.rows + start) * rows.ncols();
                let pixels = data.as_slice().unwrap_or_default();
                self.sheet.pixels(hdu, from, pixels)?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, table: &[Column<'_>]) -> Result<()> {
        let cells = table.iter().filter_map(|c| Some((c.name, laid(&c.cells)?)));
        let cells: Vec<(&str, Laid)> = cells.collect();
        let columns: Vec<_> = cells.iter().map(|(name, c)| c.column(name)).collect();
        let hdu = self.sheet.table("CATALOG", &columns)?;
        for (name, cells) in &cells {
            match cells {
                Laid::Texts(v) => self.sheet.column(&hdu, name, v)?,
                Laid::Real(v) => self.sheet.column(&hdu, name, v)?,
                Laid::Whole(v, _) => self.sheet.column(&hdu, name, v)?,
                Laid::Several(v, _) => self.sheet.column(&hdu, name, v)?,
            }
        }
        if let Some(loglam) = &self.loglam {
            self.sheet.wavelengths(loglam)?;
        }
        self.sheet.finish()
    }
}

/// Cells in the form of FITS.
enum Laid {
    Texts(Vec<String>),
    Real(Vec<f64>),
    /// And whether −1 is an unknown value.
    Whole(Vec<i64>, bool),
    /// And how many each row has.
    Several(Vec<f32>, usize),
}

/// `None` for a column that is not written.
fn laid(cells: &Cells<'_>) -> Option<Laid> {
    match cells {
        Cells::Texts(v) => Some(Laid::Texts(v.iter().map(|v| ascii(v)).collect())),
        Cells::Real(v) => Some(Laid::Real(v.clone())),
        Cells::Whole(v) => Some(Laid::Whole(v.clone(), false)),
        Cells::Nullable(v) => Some(Laid::Whole(v.clone(), true)),
        Cells::Several(v) if v.ncols() == 0 => None,
        Cells::Several(v) => Some(Laid::Several(v.iter().copied().collect(), v.ncols())),
    }
}

impl Laid {
    fn column(&self, name: &str) -> tables::Column {
        match self {
            Self::Texts(v) => tables::Column::texts(name, v),
            Self::Real(_) => tables::Column::new(name, T::Double),
            Self::Whole(_, nullable) => tables::Column {
                nullable: *nullable,
                ..tables::Column::new(name, T::LongLong)
            },
            Self::Several(_, width) => tables::Column {
                width: *width,
                ..tables::Column::new(name, T::Float)
            },
        }
    }
}

pub(super) struct Stack {
    fits: Fits,
    path: PathBuf,
    kind: Kind,
    /// The image that the file is at, and its axes: rows of it are read without looking for it again.
    at: Option<(String, Vec<usize>)>,
}

impl Stack {
    pub fn open(path: &Path, kind: Kind) -> Result<Self> {
        Ok(Self {
            fits: Fits::open(path)?,
            path: path.to_path_buf(),
            kind,
            at: None,
        })
    }

    /// Moves to the HDU `name` and gives its number.
    fn find(&mut self, name: &str) -> Result<usize> {
        self.at = None;
        let found = self.fits.find(name)?;
        found.ok_or_else(|| self.kind.foreign(&self.path, name, "no HDU of this name"))
    }

    /// A column of the table, and its rows.
    fn column(&mut self, name: &str) -> Result<(Found, usize)> {
        self.find("CATALOG")?;
        let rows = self.fits.rows()?;
        match self.fits.column(name) {
            Some(column) => Ok((column, rows)),
            None => Err(self.kind.foreign(&self.path, name, "the column is missing")),
        }
    }
}

impl Stack {
    /// Moves to the image `name`, which must be of axes `shape`.
    fn at_image(&mut self, name: &str, shape: &[usize]) -> Result<()> {
        let found = match self.at.take() {
            Some((at, found)) if at == name => found,
            _ => self.shape(name)?,
        };
        if found != shape {
            let problem = format!("an image of shape {found:?}, not {shape:?}");
            return Err(self.kind.foreign(&self.path, name, problem));
        }
        self.at = Some((name.to_owned(), found));
        Ok(())
    }
}

impl Reader for Stack {
    fn place_of_keys(&self) -> &'static str {
        "PRIMARY"
    }

    fn key(&mut self, name: &str) -> Option<String> {
        self.at = None;
        self.fits.seek(0).ok()?;
        self.fits.text_key(name)
    }

    fn history(&mut self) -> Result<Vec<String>> {
        self.at = None;
        self.fits.seek(0)?;
        self.fits.history()
    }

    fn check_whole(&mut self) -> Result<()> {
        self.at = None;
        self.fits.check_complete()?;
        self.fits.check_sums()
    }

    fn shape(&mut self, image: &str) -> Result<Vec<usize>> {
        let hdu = self.find(image)?;
        match self.fits.go(hdu)? {
            Hdu::Image(shape) => Ok(shape),
            Hdu::Table { .. } => {
                let problem = "a table, not an image";
                Err(self.kind.foreign(&self.path, image, problem))
            }
        }
    }

    fn texts(&mut self, column: &str) -> Result<Vec<String>> {
        let (column, rows) = self.column(column)?;
        self.fits.texts(&column, rows)
    }

    fn has(&mut self, column: &str) -> bool {
        self.find("CATALOG").is_ok() && self.fits.column(column).is_some()
    }

    fn real(&mut self, column: &str) -> Result<Vec<f64>> {
        let (column, rows) = self.column(column)?;
        self.fits.floats(&column, rows)
    }

    fn whole(&mut self, column: &str) -> Result<Vec<i64>> {
        let (column, rows) = self.column(column)?;
        self.fits.integers(&column, rows)
    }

    fn several(&mut self, column: &str, width: usize) -> Result<Array2<f32>> {
        let (found, rows) = self.column(column)?;
        let values = self.fits.singles(&found, rows)?;
        Array2::from_shape_vec((rows, width), values)
            .map_err(|e| self.kind.foreign(&self.path, column, e))
    }

    fn loglam(&mut self) -> Result<Vec<f64>> {
        self.at = None;
        if self.fits.find("WAVELENGTH")?.is_none() {
            return Ok(Vec::new());
        }
        let rows = self.fits.rows()?;
        let column = self.fits.column("LOGLAM");
        column.map_or(Ok(Vec::new()), |c| self.fits.floats(&c, rows))
    }

    fn rows(&mut self, image: &str, shape: &[usize], rows: Range<usize>) -> Result<Array2<f32>> {
        self.at_image(image, shape)?;
        let pixels = shape[1..].iter().product::<usize>();
        if rows.is_empty() {
            return Ok(Array2::zeros((0, pixels)));
        }
        let data = self
            .fits
            .section(rows.start * pixels, rows.len() * pixels)?;
        Array2::from_shape_vec((rows.len(), pixels), data)
            .map_err(|e| self.kind.foreign(&self.path, image, e))
    }

    fn draws(&mut self, image: &str, shape: &[usize], rows: Range<usize>) -> Result<Array3<f32>> {
        self.at_image(image, shape)?;
        let pixels = shape[2..].iter().product::<usize>();
        let mut all = Array3::zeros((shape[0], rows.len(), pixels));
        if rows.is_empty() {
            return Ok(all);
        }
        for (k, mut to) in all.outer_iter_mut().enumerate() {
            let from = (k * shape[1] + rows.start) * pixels;
            let values = self.fits.section(from, rows.len() * pixels)?;
            to.iter_mut().zip(values).for_each(|(to, v)| *to = v);
        }
        Ok(all)
    }
}
