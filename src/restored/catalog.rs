//! The restored catalog: one FITS file with images [N, D] in physical flux units and a table.

use super::image::Image;
use crate::data::LogGrid;
use crate::data::Object;
use crate::data::Provenance;
use crate::files::fits::read::{Fits, Hdu};
use crate::files::version;
use crate::{Error, Result};
use ndarray::Array2;
use std::path::{Path, PathBuf};

/// What a restored catalog says of how it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct RestoredHeader {
    /// The wavelengths of every spectrum.
    pub grid: LogGrid,
    /// FITS unit string of the flux.
    pub flux_unit: String,
    /// Reference frame of the wavelengths as FITS names it (`HELIOCEN`); `None` where the input
    /// does not say.
    pub specsys: Option<String>,
    /// How it was made.
    pub made: Provenance,
}

/// Consecutive rows of a restored catalog, physical units, [n, D] each; NaN where flagged.
#[derive(Debug, Clone)]
pub struct RestoredBlock {
    /// Φ(y) of the ODE, or the mean of the SDE draws.
    pub restored: Array2<f32>,
    /// Standard deviation of the draws, NaN for a single draw; `None` for the ODE, which states no
    /// uncertainty.
    pub sigma: Option<Array2<f32>>,
    /// The first single draw; `None` for the ODE.
    pub draw: Option<Array2<f32>>,
    /// One per quantile asked for.
    pub quantiles: Vec<Array2<f32>>,
    /// The observation; 0 where masked.
    pub observed: Array2<f32>,
    /// Inverse variance of `observed`; 0 = masked.
    pub ivar: Array2<f32>,
}

impl RestoredBlock {
    /// One of its images, if it has it.
    pub(crate) fn image(&self, image: Image) -> Option<&Array2<f32>> {
        match image {
            Image::Restored => Some(&self.restored),
            Image::Sigma => self.sigma.as_ref(),
            Image::Draw => self.draw.as_ref(),
            Image::Quantile(i) => self.quantiles.get(i),
            Image::Observed => Some(&self.observed),
            Image::Ivar => Some(&self.ivar),
        }
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
    /// Reads header and table, and the whole file once to compare it with its checksums.
    ///
    /// # Errors
    /// [`Error::Input`] if the file is not a restored catalog of selfsi, or damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let mut fits = Fits::open(&path)?;
        fits.seek(0)?;
        let creator = fits.text_key("CREATOR").unwrap_or_default();
        if !creator.starts_with("selfsi") {
            return Err(foreign(&path, "PRIMARY", "CREATOR is not selfsi"));
        }
        let version = version::RESTORED.check(&mut |key| fits.text_key(key));
        version.map_err(|e| foreign(&path, "PRIMARY", &e))?;
        fits.check_complete()?;
        fits.check_sums()?;
        seek(&mut fits, &path, "RESTORED")?;
        let specsys = fits.text_key("SPECSYS");
        let grid = grid(&mut fits, &path)?;
        fits.seek(0)?;
        let quantiles = (1..)
            .map_while(|i| fits.number_key(&format!("QUANT{i}")))
            .collect();
        let made = Provenance::read(quantiles, &mut |key| fits.text_key(key));
        let header = RestoredHeader {
            grid,
            flux_unit: fits.text_key("FLUXUNIT").unwrap_or_default(),
            specsys,
            made: made.map_err(|e| foreign(&path, "PRIMARY", &e))?,
        };
        let (objects, heldout) = objects(&mut fits, &path)?;
        Ok(Self {
            path,
            header,
            objects,
            heldout,
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the catalog says of itself.
    #[must_use]
    pub fn header(&self) -> &RestoredHeader {
        &self.header
    }

    /// The image that holds single draws: of the ODE the one restoration is a draw in that sense.
    #[must_use]
    pub fn single(&self) -> &'static str {
        self.header.made.method.single()
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
        let all: Vec<usize> = (0..self.objects.len()).collect();
        self.rows(name)?.read(&all)
    }
}

/// A way into one image of a restored catalog, of which rows are read when they are asked for.
pub struct RestoredRows {
    fits: Fits,
    pixels: usize,
}

impl Restored {
    /// The image HDU `name`, to be read by rows.
    ///
    /// # Errors
    /// [`Error::Input`] if the file has no such image.
    pub fn rows(&self, name: &str) -> Result<RestoredRows> {
        let mut fits = Fits::open(&self.path)?;
        let hdu = seek(&mut fits, &self.path, name)?;
        let pixels = self.header.grid.pixels;
        if fits.go(hdu)? != Hdu::Image(vec![self.objects.len(), pixels]) {
            return Err(foreign(
                &self.path,
                name,
                "the image has another shape than table and grid",
            ));
        }
        Ok(RestoredRows { fits, pixels })
    }
}

impl RestoredRows {
    /// Rows `rows` of the image, in that order, [n, D].
    ///
    /// # Errors
    /// [`Error::Input`] if they cannot be read.
    pub fn read(&mut self, rows: &[usize]) -> Result<Array2<f32>> {
        let mut all = Vec::with_capacity(rows.len() * self.pixels);
        // Rows that follow one another in the file are read at once.
        for run in rows.chunk_by(|a, b| a + 1 == *b) {
            let (from, n) = (run[0] * self.pixels, run.len() * self.pixels);
            all.extend(self.fits.section(from, n)?);
        }
        let fix = "give the file that selfsi restore wrote";
        Array2::from_shape_vec((rows.len(), self.pixels), all)
            .map_err(|e| self.fits.error("", &e.to_string(), "whole rows", fix))
    }
}

pub(crate) fn foreign(path: &Path, place: &str, problem: &str) -> Error {
    Error::input(
        path,
        place,
        problem,
        "a restored catalog of selfsi",
        "give the file that selfsi restore wrote",
    )
}

/// Moves to the HDU `name`, which must be there, and gives its number.
pub(crate) fn seek(fits: &mut Fits, path: &Path, name: &str) -> Result<usize> {
    fits.find(name)?
        .ok_or_else(|| foreign(path, name, "no HDU of this name"))
}

pub(crate) fn numbers(fits: &mut Fits, path: &Path, name: &str, rows: usize) -> Result<Vec<f64>> {
    let column = fits
        .column(name)
        .ok_or_else(|| foreign(path, name, "the column is missing"))?;
    fits.floats(&column, rows)
}

fn grid(fits: &mut Fits, path: &Path) -> Result<LogGrid> {
    seek(fits, path, "WAVELENGTH")?;
    let pixels = fits.rows()?;
    let loglam = numbers(fits, path, "LOGLAM", pixels)?;
    LogGrid::of(&loglam).ok_or_else(|| foreign(path, "LOGLAM", "not equally spaced"))
}

fn objects(fits: &mut Fits, path: &Path) -> Result<(Vec<Object>, Vec<bool>)> {
    seek(fits, path, "CATALOG")?;
    let rows = fits.rows()?;
    let mut text = Vec::new();
    for name in ["NAME", "REASON", "SOURCE"] {
        let column = fits
            .column(name)
            .ok_or_else(|| foreign(path, name, "the column is missing"))?;
        text.push(fits.texts(&column, rows)?);
    }
    let mut whole = Vec::new();
    for name in ["PLATE", "MJD", "FIBERID", "THING_ID", "FLAG", "HELDOUT"] {
        let column = fits
            .column(name)
            .ok_or_else(|| foreign(path, name, "the column is missing"))?;
        whole.push(fits.integers(&column, rows)?);
    }
    let real = ["RA", "DEC", "Z", "NORM"]
        .iter()
        .map(|n| numbers(fits, path, n, rows))
        .collect::<Result<Vec<_>>>()?;
    let object = |i: usize| Object {
        name: text[0][i].clone(),
        reason: text[1][i].clone(),
        source: text[2][i].clone(),
        plate: whole[0][i],
        mjd: whole[1][i],
        fiberid: whole[2][i],
        thing_id: whole[3][i],
        flag: whole[4][i] as i32,
        ra: real[0][i],
        dec: real[1][i],
        z: real[2][i],
        norm: real[3][i],
        label: -1,
    };
    Ok((
        (0..rows).map(object).collect(),
        whole[5].iter().map(|h| *h > 0).collect(),
    ))
}
