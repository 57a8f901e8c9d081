//! Writing the restored catalog: images as a stream, then the tables and checksums.

use super::object::{Object, flag};
use super::restored::{RestoredBlock, RestoredHeader};
use super::{FLUX_UNIT, LogGrid};
use crate::atomic::Pending;
use crate::{Error, Result};
use fitsio::FitsFile;
use fitsio::hdu::FitsHdu;
use fitsio::images::{ImageDescription, ImageType};
use fitsio::tables::{ColumnDataType, ColumnDescription};
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// Writes a restored catalog as a stream; the file appears only when it is complete.
pub struct RestoredWriter {
    target: PathBuf,
    pending: Pending,
    file: FitsFile,
    grid: LogGrid,
    images: Vec<(String, FitsHdu)>,
}

impl RestoredWriter {
    /// Lays out the images for `n_rows` objects.
    ///
    /// # Errors
    /// [`Error::Output`] if the file cannot be written.
    pub fn create(path: impl AsRef<Path>, header: &RestoredHeader, n_rows: usize) -> Result<Self> {
        let target = path.as_ref().to_path_buf();
        let failed =
            |e: &dyn Display| Error::output(&target, e, "check free space and permissions");
        let pending = Pending::new(&target)?;
        let file = FitsFile::create(pending.path())
            .open()
            .map_err(|e| failed(&e))?;
        let mut writer = Self {
            target: target.clone(),
            pending,
            file,
            grid: header.grid,
            images: Vec::new(),
        };
        writer.primary(header)?;
        for name in image_names(header) {
            let description = ImageDescription {
                data_type: ImageType::Float,
                dimensions: &[n_rows, header.grid.pixels],
            };
            let hdu = writer
                .file
                .create_image(name.clone(), &description)
                .map_err(|e| failed(&e))?;
            writer.image_keys(&hdu, &name, header)?;
            writer.images.push((name, hdu));
        }
        Ok(writer)
    }

    fn primary(&mut self, h: &RestoredHeader) -> Result<()> {
        let hdu = self.file.primary_hdu().map_err(|e| self.failed(&e))?;
        let uncertainty = if h.interpolant == "sde" {
            "SDE draws"
        } else {
            "none"
        };
        let text: [(&str, &str, &str); 7] = [
            (
                "CREATOR",
                concat!("selfsi ", env!("CARGO_PKG_VERSION")),
                "program and version",
            ),
            ("METHOD", &h.interpolant, "transport: ode or sde"),
            (
                "UNCERT",
                uncertainty,
                "source of SIGMA; none: not estimated",
            ),
            ("FLUXUNIT", &h.flux_unit, "unit of the flux images"),
            ("CFGSHA", &h.config_sha256, "SHA-256 of the resolved config"),
            ("RUNSHA", &h.run_sha256, "SHA-256 of the checkpoint"),
            ("WAVEREF", "vacuum, observed frame", "wavelengths"),
        ];
        for (key, value, comment) in text {
            self.key(&hdu, key, (value.to_owned(), comment))?;
        }
        self.key(&hdu, "NDRAWS", (h.draws as i64, "draws per object"))?;
        self.key(&hdu, "SEED", (h.seed as i64, "seed of the run"))?;
        for (i, q) in h.quantiles.iter().enumerate() {
            self.key(
                &hdu,
                &format!("QUANT{}", i + 1),
                (*q, "quantile of the draws"),
            )?;
        }
        for (bit, name, meaning) in flag::MEANINGS {
            self.key(&hdu, &format!("FLAG{bit}"), (name.to_owned(), meaning))?;
        }
        for line in &h.history {
            let text = std::ffi::CString::new(line.as_str()).unwrap_or_default();
            let mut status = 0;
            // SAFETY: the handle is open, the text NUL-terminated.
            unsafe { fitsio_sys::ffphis(self.file.as_raw(), text.as_ptr(), &mut status) };
            self.checked(status)?;
        }
        Ok(())
    }

    /// Unit and log-linear WCS (Greisen et al. 2006): λ = CRVAL1·exp(CDELT1 (p − 1)/CRVAL1).
    fn image_keys(&mut self, hdu: &FitsHdu, name: &str, h: &RestoredHeader) -> Result<()> {
        let first = 10f64.powf(h.grid.loglam0);
        let unit = if name == "IVAR" {
            inverse_square(&h.flux_unit)
        } else {
            h.flux_unit.clone()
        };
        self.key(hdu, "BUNIT", (unit, "unit of the pixels"))?;
        self.key(
            hdu,
            "CTYPE1",
            ("WAVE-LOG".to_owned(), "vacuum wavelength, log spacing"),
        )?;
        self.key(hdu, "CUNIT1", ("Angstrom".to_owned(), ""))?;
        self.key(hdu, "CRPIX1", (1.0, ""))?;
        self.key(hdu, "CRVAL1", (first, "first pixel"))?;
        self.key(
            hdu,
            "CDELT1",
            (
                first * h.grid.dln(),
                "CRVAL1 times the step in ln(wavelength)",
            ),
        )?;
        self.key(
            hdu,
            "CTYPE2",
            ("OBJECT".to_owned(), "row of CATALOG, from 1"),
        )?;
        for (key, value) in [("CRPIX2", 1.0), ("CRVAL2", 1.0), ("CDELT2", 1.0)] {
            self.key(hdu, key, (value, ""))?;
        }
        self.key(
            hdu,
            "SPECSYS",
            (
                "HELIOCEN".to_owned(),
                "as SDSS; other surveys: as their input",
            ),
        )
    }

    /// Writes rows `start..` of every image.
    ///
    /// # Errors
    /// [`Error::Output`] if the disk is full or the block lacks an image of the header.
    pub fn write(&mut self, start: usize, block: &RestoredBlock) -> Result<()> {
        let images = std::mem::take(&mut self.images);
        let mut quantiles = block.quantiles.iter();
        for (name, hdu) in &images {
            let rows = match name.as_str() {
                "RESTORED" => Some(&block.restored),
                "SIGMA" => block.sigma.as_ref(),
                "DRAW" => block.draw.as_ref(),
                "OBSERVED" => Some(&block.observed),
                "IVAR" => Some(&block.ivar),
                _ => quantiles.next(),
            };
            let rows = rows.ok_or_else(|| self.failed(&format!("a block without {name}")))?;
            let data: Vec<f32> = rows.iter().copied().collect();
            let from = start * self.grid.pixels;
            hdu.write_section(&mut self.file, from, from + data.len(), &data)
                .map_err(|e| self.failed(&e))?;
        }
        self.images = images;
        Ok(())
    }

    /// Writes the tables and checksums and moves the file to its place.
    ///
    /// # Errors
    /// [`Error::Output`] if the disk is full.
    pub fn finish(mut self, objects: &[Object], heldout: &[bool]) -> Result<()> {
        self.catalog(objects, heldout)?;
        self.wavelengths()?;
        let mut status = 0;
        let mut hdus = 0;
        // SAFETY: the handle is open; cfitsio checks the HDU numbers itself.
        unsafe {
            let f = self.file.as_raw();
            fitsio_sys::ffthdu(f, &mut hdus, &mut status);
            for i in 1..=hdus {
                fitsio_sys::ffmahd(f, i, std::ptr::null_mut(), &mut status);
                fitsio_sys::ffpcks(f, &mut status);
            }
        }
        self.checked(status)?;
        let Self { file, pending, .. } = self;
        drop(file);
        pending.commit()
    }

    fn catalog(&mut self, objects: &[Object], heldout: &[bool]) -> Result<()> {
        type Get<T> = fn(&Object) -> T;
        let texts: [(&str, Get<String>); 3] = [
            ("NAME", |o| o.name.clone()),
            ("REASON", |o| o.reason.clone()),
            ("SOURCE", |o| o.source.clone()),
        ];
        let whole: [(&str, Get<i64>); 5] = [
            ("PLATE", |o| o.plate),
            ("MJD", |o| o.mjd),
            ("FIBERID", |o| o.fiberid),
            ("THING_ID", |o| o.thing_id),
            ("FLAG", |o| i64::from(o.flag)),
        ];
        let real: [(&str, Get<f64>); 4] = [
            ("RA", |o| o.ra),
            ("DEC", |o| o.dec),
            ("Z", |o| o.z),
            ("NORM", |o| o.norm),
        ];
        let mut columns = Vec::new();
        for (name, get) in &texts {
            let width = objects
                .iter()
                .map(|o| get(o).len())
                .max()
                .unwrap_or(0)
                .max(1);
            columns.push((*name, ColumnDataType::String, width));
        }
        columns.extend(whole.iter().map(|(n, _)| (*n, ColumnDataType::Long, 1)));
        columns.extend(real.iter().map(|(n, _)| (*n, ColumnDataType::Double, 1)));
        columns.push(("HELDOUT", ColumnDataType::Short, 1));
        let hdu = self.table("CATALOG", &columns)?;
        for (name, get) in texts {
            self.column(&hdu, name, objects.iter().map(get).collect::<Vec<String>>())?;
        }
        for (name, get) in whole {
            self.column(&hdu, name, objects.iter().map(get).collect::<Vec<i64>>())?;
        }
        for (name, get) in real {
            self.column(&hdu, name, objects.iter().map(get).collect::<Vec<f64>>())?;
        }
        self.column(
            &hdu,
            "HELDOUT",
            heldout.iter().map(|h| i16::from(*h)).collect::<Vec<i16>>(),
        )
    }

    fn wavelengths(&mut self) -> Result<()> {
        let columns = [
            ("WAVELENGTH", ColumnDataType::Double, 1),
            ("LOGLAM", ColumnDataType::Double, 1),
        ];
        let hdu = self.table("WAVELENGTH", &columns)?;
        self.key(&hdu, "TUNIT1", ("Angstrom".to_owned(), "vacuum"))?;
        self.column(&hdu, "WAVELENGTH", self.grid.wavelength())?;
        self.column(&hdu, "LOGLAM", self.grid.loglam())
    }

    fn table(&mut self, name: &str, columns: &[(&str, ColumnDataType, usize)]) -> Result<FitsHdu> {
        let described: std::result::Result<Vec<_>, _> = columns
            .iter()
            .map(|(n, kind, width)| {
                let mut d = ColumnDescription::new(*n);
                d.with_type(*kind);
                if *width > 1 || matches!(kind, ColumnDataType::String) {
                    d.that_repeats(*width);
                }
                d.create()
            })
            .collect();
        let described = described.map_err(|e| self.failed(&e))?;
        self.file
            .create_table(name, &described)
            .map_err(|e| self.failed(&e))
    }

    fn column<T: fitsio::tables::WritesCol>(
        &mut self,
        hdu: &FitsHdu,
        name: &str,
        values: Vec<T>,
    ) -> Result<()> {
        hdu.write_col(&mut self.file, name, &values)
            .map_err(|e| self.failed(&e))
            .map(|_| ())
    }

    fn key<T: fitsio::headers::WritesKey>(
        &mut self,
        hdu: &FitsHdu,
        name: &str,
        value: T,
    ) -> Result<()> {
        hdu.write_key(&mut self.file, name, value)
            .map_err(|e| self.failed(&e))
    }

    fn failed(&self, e: &dyn Display) -> Error {
        Error::output(&self.target, e, "check free space and permissions")
    }

    fn checked(&self, status: i32) -> Result<()> {
        if status == 0 {
            Ok(())
        } else {
            Err(self.failed(&format!("cfitsio status {status}")))
        }
    }
}

fn image_names(h: &RestoredHeader) -> Vec<String> {
    let mut names = vec!["RESTORED".to_owned()];
    if h.interpolant == "sde" {
        names.extend(["SIGMA".to_owned(), "DRAW".to_owned()]);
        names.extend(h.quantiles.iter().map(|q| format!("Q{:02.0}", q * 100.0)));
    }
    names.extend(["OBSERVED".to_owned(), "IVAR".to_owned()]);
    names
}

/// The unit of an inverse variance; SDSS's own flux unit is the common case.
fn inverse_square(unit: &str) -> String {
    if unit == FLUX_UNIT {
        "10**34 s2 cm4 Angstrom2 erg-2".to_owned()
    } else {
        format!("({unit})**-2")
    }
}
