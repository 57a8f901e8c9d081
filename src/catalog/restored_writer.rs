//! Writing the restored catalog: images as a stream, then the tables and checksums.

use super::LogGrid;
use super::normalise::median;
use super::object::Object;
use super::provenance::{Key, Provenance, Value, flag_keys, is_random, quantile_name};
use super::restored::{RestoredBlock, RestoredHeader};
use super::restored_fits::{Column, Sheet, ascii};
use super::restored_lines::{line_columns, write_lines};
use super::restored_unit::inverse_square;
use crate::Result;
use crate::lines::{MeasuredLines, NO_LINES};
use fitsio::hdu::FitsHdu;
use fitsio::tables::ColumnDataType as T;
use ndarray::ArrayView3;
use std::borrow::Borrow;
use std::path::Path;

/// Rows of the table that are written together: a table lies row by row on disk, and one column of
/// all of them would go through the whole of it.
const ROWS: usize = 4096;

/// Writes a restored catalog as a stream; the file appears only when it is complete.
pub struct RestoredWriter {
    pub(super) sheet: Sheet,
    /// log10 of the wavelength of each pixel.
    pub(super) loglam: Vec<f64>,
    flux_unit: String,
    images: Vec<(String, FitsHdu)>,
    /// Median S/N per good pixel of each observation; NaN where it has none.
    snr: Vec<f32>,
    lines: Vec<MeasuredLines>,
    /// The image of all draws, where it is asked for.
    draws: Option<FitsHdu>,
}

impl RestoredWriter {
    /// Lays out the images for `n_rows` objects.
    ///
    /// # Errors
    /// [`crate::Error::Output`] if the file cannot be written.
    pub fn create(path: impl AsRef<Path>, header: &RestoredHeader, n_rows: usize) -> Result<Self> {
        let mut sheet = Sheet::create(path.as_ref())?;
        primary(&mut sheet, header)?;
        let mut images = Vec::new();
        for name in image_names(header) {
            let hdu = sheet.image(&name, &[n_rows, header.grid.pixels])?;
            image_keys(&mut sheet, &hdu, &name, header)?;
            images.push((name, hdu));
        }
        Ok(Self {
            sheet,
            loglam: header.grid.loglam(),
            flux_unit: header.flux_unit.clone(),
            images,
            snr: vec![f32::NAN; n_rows],
            lines: vec![NO_LINES; n_rows],
            draws: None,
        })
    }

    /// Lays out the image DRAWS, to be filled by [`RestoredWriter::write_draws`].
    ///
    /// # Errors
    /// [`crate::Error::Output`] if the file cannot be written.
    pub fn with_draws(mut self, header: &RestoredHeader) -> Result<Self> {
        let shape = [header.draws, self.snr.len(), header.grid.pixels];
        let hdu = self.sheet.image("DRAWS", &shape)?;
        image_keys(&mut self.sheet, &hdu, "DRAWS", header)?;
        self.sheet
            .text(&hdu, "CTYPE3", "DRAW", "draw of the SDE, from 1")?;
        for key in ["CRPIX3", "CRVAL3", "CDELT3"] {
            self.sheet.key(&hdu, key, (1.0, ""))?;
        }
        self.draws = Some(hdu);
        Ok(self)
    }

    /// Writes the draws [draws, n, D] of rows `start..`, physical units, where they are asked for.
    ///
    /// # Errors
    /// [`crate::Error::Output`] if the disk is full.
    pub fn write_draws(&mut self, start: usize, draws: ArrayView3<f32>) -> Result<()> {
        let Some(hdu) = &self.draws else {
            return Ok(());
        };
        for (k, draw) in draws.outer_iter().enumerate() {
            let from = (k * self.snr.len() + start) * self.loglam.len();
            let data: Vec<f32> = draw.iter().copied().collect();
            self.sheet.pixels(hdu, from, &data)?;
        }
        Ok(())
    }

    /// Notes the lines of rows `start..`; those of rows that are never given are NaN.
    pub fn note_lines(&mut self, start: usize, lines: &[MeasuredLines]) {
        self.lines[start..start + lines.len()].copy_from_slice(lines);
    }

    /// Writes rows `start..` of every image.
    ///
    /// # Errors
    /// [`crate::Error::Output`] if the disk is full or the block lacks an image of the header.
    pub fn write(&mut self, start: usize, block: &RestoredBlock) -> Result<()> {
        let mut quantiles = block.quantiles.iter();
        for (name, hdu) in &self.images {
            let rows = match name.as_str() {
                "RESTORED" => Some(&block.restored),
                "SIGMA" => block.sigma.as_ref(),
                "DRAW" => block.draw.as_ref(),
                "OBSERVED" => Some(&block.observed),
                "IVAR" => Some(&block.ivar),
                _ => quantiles.next(),
            };
            let rows = rows.ok_or_else(|| self.sheet.failed(&format!("a block without {name}")))?;
            let data: Vec<f32> = rows.iter().copied().collect();
            self.sheet.pixels(hdu, start * self.loglam.len(), &data)?;
        }
        for (i, (flux, ivar)) in block
            .observed
            .rows()
            .into_iter()
            .zip(block.ivar.rows())
            .enumerate()
        {
            let good = flux.iter().zip(ivar).filter(|(_, v)| **v > 0.0);
            let snr = good.map(|(f, v)| f64::from(*f) * f64::from(*v).sqrt());
            self.snr[start + i] = median(snr.collect()).map_or(f32::NAN, |s| s as f32);
        }
        Ok(())
    }

    /// Writes the tables and checksums and moves the file to its place.
    ///
    /// # Errors
    /// [`crate::Error::Output`] if the disk is full.
    pub fn finish<O: Borrow<Object>>(mut self, objects: &[O], heldout: &[bool]) -> Result<()> {
        self.catalog(objects, heldout)?;
        wavelengths(&mut self.sheet, &self.loglam)?;
        self.sheet.finish()
    }

    fn catalog<O: Borrow<Object>>(&mut self, objects: &[O], heldout: &[bool]) -> Result<()> {
        type Get<V> = fn(&Object) -> V;
        let texts: [(&str, &str, Get<String>); 4] = [
            ("NAME", "meta.id;meta.main", |o| ascii(&o.name)),
            ("SDSS_NAME", "meta.id", sdss_name),
            ("REASON", "", |o| ascii(&o.reason)),
            ("SOURCE", "meta.ref", |o| ascii(&o.source)),
        ];
        let whole: [(&str, bool, Get<i64>); 5] = [
            ("PLATE", true, |o| o.plate),
            ("MJD", true, |o| o.mjd),
            ("FIBERID", true, |o| o.fiberid),
            ("THING_ID", true, |o| o.thing_id),
            ("FLAG", false, |o| i64::from(o.flag)),
        ];
        let real: [(&str, &str, &str, Get<f64>); 4] = [
            ("RA", "deg", "pos.eq.ra;meta.main", |o| o.ra),
            ("DEC", "deg", "pos.eq.dec;meta.main", |o| o.dec),
            ("Z", "", "src.redshift", |o| o.z),
            ("NORM", &self.flux_unit, "", |o| o.norm),
        ];
        let mut columns = Vec::new();
        for (name, ucd, get) in &texts {
            let width = objects.iter().map(|o| get(o.borrow()).len()).max();
            columns.push(Column {
                width: width.unwrap_or(0).max(1),
                ..Column::new(name, T::String).ucd(ucd)
            });
        }
        columns.extend(whole.iter().map(|(name, nullable, _)| Column {
            nullable: *nullable,
            // SDSS-V's catalog ids need 64 bits.
            ..Column::new(name, T::LongLong)
        }));
        columns.extend(
            real.iter()
                .map(|(name, unit, ucd, _)| Column::new(name, T::Double).unit(unit).ucd(ucd)),
        );
        columns.push(Column::new("SNR", T::Float).ucd("stat.snr"));
        columns.push(Column::new("HELDOUT", T::Short));
        columns.extend(line_columns(&self.flux_unit));
        let hdu = self.sheet.table("CATALOG", &columns)?;
        for start in (0..objects.len()).step_by(ROWS) {
            let rows = start..(start + ROWS).min(objects.len());
            let part = &objects[rows.clone()];
            for (name, _, get) in &texts {
                let values: Vec<String> = part.iter().map(|o| get(o.borrow())).collect();
                self.sheet.texts(name, start, &values)?;
            }
            for (name, _, get) in &whole {
                let values: Vec<i64> = part.iter().map(|o| get(o.borrow())).collect();
                self.sheet.rows(&hdu, name, start, &values)?;
            }
            for (name, _, _, get) in &real {
                let values: Vec<f64> = part.iter().map(|o| get(o.borrow())).collect();
                self.sheet.rows(&hdu, name, start, &values)?;
            }
            self.sheet
                .rows(&hdu, "SNR", start, &self.snr[rows.clone()])?;
            let held: Vec<i16> = heldout[rows.clone()]
                .iter()
                .map(|h| i16::from(*h))
                .collect();
            self.sheet.rows(&hdu, "HELDOUT", start, &held)?;
            write_lines(&mut self.sheet, &hdu, start, &self.lines[rows])?;
        }
        Ok(())
    }
}

/// The table WAVELENGTH of pixels at `loglam`.
pub(super) fn wavelengths(sheet: &mut Sheet, loglam: &[f64]) -> Result<()> {
    let columns = [
        Column::new("WAVELENGTH", T::Double)
            .unit("Angstrom")
            .ucd("em.wl"),
        Column::new("LOGLAM", T::Double),
    ];
    let hdu = sheet.table("WAVELENGTH", &columns)?;
    let wavelength: Vec<f64> = loglam.iter().map(|l| 10f64.powf(*l)).collect();
    sheet.column(&hdu, "WAVELENGTH", &wavelength)?;
    sheet.column(&hdu, "LOGLAM", loglam)
}

/// The catalog's own name of an SDSS object; blank where the name was made from plate, MJD and
/// fibre, or belongs to another survey.
fn sdss_name(o: &Object) -> String {
    if o.plate < 0 || o.name == super::sdss::name(o.plate, o.mjd, o.fiberid) {
        String::new()
    } else {
        ascii(&o.name)
    }
}

/// Writes header keys into the primary HDU.
pub(super) fn keys(sheet: &mut Sheet, keys: &[Key]) -> Result<()> {
    let hdu = sheet.primary()?;
    for Key {
        name,
        value,
        comment,
    } in keys
    {
        match value {
            Value::Text(v) => sheet.text(&hdu, name, v, comment)?,
            Value::Whole(v) => sheet.key(&hdu, name, (*v, *comment))?,
            Value::Real(v) => sheet.key(&hdu, name, (*v, *comment))?,
        }
    }
    Ok(())
}

/// How it was made: in the catalog and in every file of a single object.
pub(super) fn provenance(sheet: &mut Sheet, made: &Provenance) -> Result<()> {
    keys(sheet, &made.keys())?;
    sheet.history(&made.history)
}

fn primary(sheet: &mut Sheet, h: &RestoredHeader) -> Result<()> {
    let hdu = sheet.primary()?;
    sheet.text(&hdu, "FLUXUNIT", &h.flux_unit, "unit of the flux images")?;
    sheet.text(&hdu, "WAVEREF", "vacuum, observed frame", "wavelengths")?;
    let made = h.made();
    keys(sheet, &made.quantile_keys())?;
    keys(sheet, &flag_keys())?;
    provenance(sheet, &made)
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
    wavelength_axis(sheet, hdu, &h.grid, h.specsys.as_deref())
}

/// Log-linear WCS (Greisen et al. 2006) of an image of spectra: λ = CRVAL1·exp(CDELT1 (p − 1)/CRVAL1).
pub(super) fn wavelength_axis(
    sheet: &mut Sheet,
    hdu: &FitsHdu,
    grid: &LogGrid,
    specsys: Option<&str>,
) -> Result<()> {
    let first = 10f64.powf(grid.loglam0);
    sheet.text(hdu, "CTYPE1", "WAVE-LOG", "vacuum wavelength, log spacing")?;
    sheet.text(hdu, "CUNIT1", "Angstrom", "")?;
    sheet.key(hdu, "CRPIX1", (1.0, ""))?;
    sheet.key(hdu, "CRVAL1", (first, "first pixel"))?;
    let step = "CRVAL1 times the step in ln(wavelength)";
    sheet.key(hdu, "CDELT1", (first * grid.dln(), step))?;
    sheet.text(hdu, "CTYPE2", "OBJECT", "row of CATALOG, from 1")?;
    for (key, value) in [("CRPIX2", 1.0), ("CRVAL2", 1.0), ("CDELT2", 1.0)] {
        sheet.key(hdu, key, (value, ""))?;
    }
    match specsys {
        Some(frame) => sheet.text(hdu, "SPECSYS", frame, "frame of the wavelengths"),
        None => Ok(()),
    }
}

fn image_names(h: &RestoredHeader) -> Vec<String> {
    let mut names = vec!["RESTORED".to_owned()];
    if is_random(&h.interpolant) {
        names.extend(["SIGMA".to_owned(), "DRAW".to_owned()]);
        names.extend(h.quantiles.iter().map(|q| quantile_name(*q)));
    }
    names.extend(["OBSERVED".to_owned(), "IVAR".to_owned()]);
    names
}
