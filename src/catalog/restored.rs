//! The restored catalog: one FITS file with images [N, D] in physical flux units and a table.

use super::fits_read::{Fits, Hdu};
use super::object::{Object, flag};
use super::{FLUX_UNIT, LogGrid};
use crate::atomic::Pending;
use crate::{Error, Result};
use fitsio::FitsFile;
use fitsio::hdu::FitsHdu;
use fitsio::images::{ImageDescription, ImageType};
use fitsio::tables::{ColumnDataType, ColumnDescription};
use ndarray::Array2;
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// What a restored catalog says of how it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct RestoredHeader {
    pub grid: LogGrid,
    /// FITS unit string of the flux.
    pub flux_unit: String,
    /// `ode` or `sde`.
    pub interpolant: String,
    /// SDE draws per object; 1 for the ODE.
    pub draws: usize,
    pub quantiles: Vec<f64>,
    pub seed: u64,
    pub config_sha256: String,
    /// SHA-256 of the checkpoint.
    pub run_sha256: String,
    pub history: Vec<String>,
}

/// Consecutive rows of a restored catalog, physical units, [n, D] each; NaN where flagged.
#[derive(Debug, Clone)]
pub struct RestoredBlock {
    /// Φ(y) of the ODE, or the mean of the SDE draws.
    pub restored: Array2<f32>,
    /// Standard deviation of the draws; `None` for the ODE, which states no uncertainty.
    pub sigma: Option<Array2<f32>>,
    /// The first single draw; `None` for the ODE.
    pub draw: Option<Array2<f32>>,
    /// One per quantile asked for.
    pub quantiles: Vec<Array2<f32>>,
    pub observed: Array2<f32>,
    /// Inverse variance of `observed`; 0 = masked.
    pub ivar: Array2<f32>,
}

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

/// A restored catalog, read back.
#[derive(Debug)]
pub struct Restored {
    path: PathBuf,
    header: RestoredHeader,
    objects: Vec<Object>,
    heldout: Vec<bool>,
}

impl Restored {
    /// Reads header and table.
    ///
    /// # Errors
    /// [`Error::Input`] if the file is not a restored catalog of selfsi.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let mut fits = Fits::open(&path)?;
        fits.seek(0)?;
        let creator = fits.text_key("CREATOR").unwrap_or_default();
        if !creator.starts_with("selfsi") {
            return Err(foreign(&path, "PRIMARY", "CREATOR is not selfsi"));
        }
        let text = |f: &mut Fits, k: &str| f.text_key(k).unwrap_or_default();
        let quantiles = (1..)
            .map_while(|i| fits.number_key(&format!("QUANT{i}")))
            .collect();
        let mut header = RestoredHeader {
            grid: LogGrid {
                loglam0: 0.0,
                dloglam: 0.0,
                pixels: 0,
            },
            flux_unit: text(&mut fits, "FLUXUNIT"),
            interpolant: text(&mut fits, "METHOD"),
            draws: fits.number_key("NDRAWS").unwrap_or(1.0) as usize,
            quantiles,
            seed: fits.number_key("SEED").unwrap_or(0.0) as u64,
            config_sha256: text(&mut fits, "CFGSHA"),
            run_sha256: text(&mut fits, "RUNSHA"),
            history: Vec::new(),
        };
        find(&mut fits, &path, "WAVELENGTH")?;
        let pixels = fits.rows()?;
        let loglam = numbers(&mut fits, &path, "LOGLAM", pixels)?;
        let (Some(first), Some(last)) = (loglam.first(), loglam.last()) else {
            return Err(foreign(&path, "WAVELENGTH", "no pixels"));
        };
        let dloglam = (last - first) / (pixels.max(2) - 1) as f64;
        header.grid = LogGrid {
            loglam0: *first,
            dloglam,
            pixels,
        };
        let (objects, heldout) = objects(&mut fits, &path)?;
        Ok(Self {
            path,
            header,
            objects,
            heldout,
        })
    }

    #[must_use]
    pub fn header(&self) -> &RestoredHeader {
        &self.header
    }

    /// The rows, in the order of the images.
    #[must_use]
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// Whether each row was kept out of training.
    #[must_use]
    pub fn heldout(&self) -> &[bool] {
        &self.heldout
    }

    /// The image HDU `name` as [N, D].
    ///
    /// # Errors
    /// [`Error::Input`] if the file has no such image.
    pub fn image(&self, name: &str) -> Result<Array2<f32>> {
        let mut fits = Fits::open(&self.path)?;
        let hdu = find(&mut fits, &self.path, name)?;
        let shape = (self.objects.len(), self.header.grid.pixels);
        if fits.go(hdu)? != Hdu::Image(vec![shape.0, shape.1]) {
            return Err(foreign(
                &self.path,
                name,
                "the image has another shape than table and grid",
            ));
        }
        let data = fits
            .pixels(shape.0 * shape.1)?
            .into_iter()
            .map(|v| v as f32)
            .collect();
        Array2::from_shape_vec(shape, data).map_err(|e| foreign(&self.path, name, &e.to_string()))
    }
}

fn foreign(path: &Path, place: &str, problem: &str) -> Error {
    Error::input(
        path,
        place,
        problem,
        "a restored catalog of selfsi",
        "give the file that selfsi restore wrote",
    )
}

fn find(fits: &mut Fits, path: &Path, name: &str) -> Result<usize> {
    for hdu in 1..fits.hdus()? {
        fits.seek(hdu)?;
        if fits.extname() == name {
            return Ok(hdu);
        }
    }
    Err(foreign(path, name, "no HDU of this name"))
}

fn numbers(fits: &mut Fits, path: &Path, name: &str, rows: usize) -> Result<Vec<f64>> {
    let column = fits
        .column(name)
        .ok_or_else(|| foreign(path, name, "the column is missing"))?;
    fits.floats(&column, rows)
}

fn objects(fits: &mut Fits, path: &Path) -> Result<(Vec<Object>, Vec<bool>)> {
    find(fits, path, "CATALOG")?;
    let rows = fits.rows()?;
    let mut text = Vec::new();
    for name in ["NAME", "REASON", "SOURCE"] {
        let column = fits
            .column(name)
            .ok_or_else(|| foreign(path, name, "the column is missing"))?;
        text.push(fits.texts(&column, rows)?);
    }
    let names = [
        "PLATE", "MJD", "FIBERID", "THING_ID", "FLAG", "RA", "DEC", "Z", "NORM", "HELDOUT",
    ];
    let columns = names
        .iter()
        .map(|n| numbers(fits, path, n, rows))
        .collect::<Result<Vec<_>>>()?;
    let object = |i: usize| Object {
        name: text[0][i].clone(),
        reason: text[1][i].clone(),
        source: text[2][i].clone(),
        plate: columns[0][i] as i64,
        mjd: columns[1][i] as i64,
        fiberid: columns[2][i] as i64,
        thing_id: columns[3][i] as i64,
        flag: columns[4][i] as i32,
        ra: columns[5][i],
        dec: columns[6][i],
        z: columns[7][i],
        norm: columns[8][i],
    };
    Ok((
        (0..rows).map(object).collect(),
        columns[9].iter().map(|h| *h > 0.0).collect(),
    ))
}
