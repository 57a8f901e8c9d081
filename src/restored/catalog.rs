//! The restored catalog: one FITS file with images [N, D] in physical flux units and a table.

use super::image::Image;
use super::restorations::{Restorations, RestoredRows};
use super::shard::Shard;
use crate::config::Frame;
use crate::data::LogGrid;
use crate::data::Object;
use crate::data::Provenance;
use crate::files::fits::read::Fits;
use crate::files::stack::{self, Kind};
use crate::files::version;
use crate::{Error, Result};
use ndarray::Array2;
use std::path::{Path, PathBuf};

const KIND: Kind = Kind {
    expected: "a restored catalog of selfsi",
    fix: "give the file that selfsi restore wrote",
};

/// The key of [`RestoredHeader::line_smoothing`].
pub(crate) const LINE_SMOOTHING: &str = "LINESMTH";
/// What it was in versions before the key.
const SMOOTHING_BEFORE: f64 = 300.0;

/// What a restored catalog says of how it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct RestoredHeader {
    /// The wavelengths of every spectrum.
    pub grid: LogGrid,
    /// FITS unit string of the flux.
    pub flux_unit: String,
    /// Reference frame of the observed wavelengths as FITS names it (`HELIOCEN`); `None` where the
    /// input does not say.
    pub specsys: Option<String>,
    /// σ of the smoothing before peaks and centroids of broad lines were measured, km/s.
    pub line_smoothing: f64,
    /// How it was made.
    pub made: Provenance,
}

impl RestoredHeader {
    /// The images of the catalog, in its order.
    pub(crate) fn kinds(&self) -> Vec<Image> {
        let mut images = vec![Image::Restored];
        if self.made.method.is_random() {
            images.push(Image::Sigma);
            images.extend(self.made.prior.then_some(Image::SigmaPrior));
            images.push(Image::Draw);
            images.extend((0..self.made.quantiles.len()).map(Image::Quantile));
        }
        images.extend([Image::Observed, Image::Ivar]);
        images
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
        let observed = ["SPECOBS", "SPECSYS"].map(|key| fits.text_key(key));
        let grid = grid(&mut fits, &path)?;
        fits.seek(0)?;
        let frame = fits.text_key("FRAME");
        let frame = match frame.as_deref() {
            None => Frame::Observed,
            Some(name) => Frame::named(name)
                .ok_or_else(|| foreign(&path, "FRAME", "neither `observed` nor `rest`"))?,
        };
        let [of_rest, of_observed] = observed;
        let specsys = match frame {
            Frame::Observed => of_observed,
            Frame::Rest => of_rest,
        };
        let quantiles = (1..)
            .map_while(|i| fits.number_key(&format!("QUANT{i}")))
            .collect();
        let made = Provenance::read(quantiles, &mut |key| fits.text_key(key));
        let header = RestoredHeader {
            grid: grid.in_frame(frame),
            flux_unit: fits.text_key("FLUXUNIT").unwrap_or_default(),
            specsys,
            line_smoothing: fits.number_key(LINE_SMOOTHING).unwrap_or(SMOOTHING_BEFORE),
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

impl Restored {
    /// The image HDU `name`, to be read by rows.
    ///
    /// # Errors
    /// [`Error::Input`] if the file has no such image.
    pub fn rows(&self, name: &str) -> Result<RestoredRows> {
        self.open_image(name)
    }

    /// Which part of a restoration it is; `None` for a whole one.
    ///
    /// # Errors
    /// [`Error::Input`] if the file cannot be read.
    pub fn shard(&self) -> Result<Option<Shard>> {
        self.part()
    }

    /// log10 of the wavelength of each pixel, to the last bit.
    pub(crate) fn loglam(&self) -> Result<Vec<f64>> {
        stack::open(&self.path, KIND)?.loglam()
    }
}

impl Restorations for Restored {
    fn kind(&self) -> Kind {
        KIND
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn made(&self) -> &Provenance {
        &self.header.made
    }

    fn objects(&self) -> &[Object] {
        &self.objects
    }

    fn heldout(&self) -> &[bool] {
        &self.heldout
    }

    fn kinds(&self) -> Vec<Image> {
        self.header.kinds()
    }

    fn shape(&self) -> Vec<usize> {
        vec![self.objects.len(), self.header.grid.pixels]
    }
}

pub(crate) fn foreign(path: &Path, place: &str, problem: &str) -> Error {
    KIND.foreign(path, place, problem)
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
    // Catalogs of before have none of them.
    let mut later = |name: &str| {
        let column = fits.column(name);
        column.map(|c| fits.floats(&c, rows)).transpose()
    };
    let z_grid = later("Z_GRID")?.unwrap_or_else(|| vec![0.0; rows]);
    let (z_err, loglike, loglike_p) = (later("Z_ERR")?, later("LOGLIKE")?, later("LOGLIKE_P")?);
    let known = |of: &Option<Vec<f64>>, i: usize| of.as_ref().map_or(f64::NAN, |v| v[i]);
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
        z_grid: z_grid[i],
        z_err: known(&z_err, i),
        loglike: known(&loglike, i),
        loglike_p: known(&loglike_p, i),
        norm: real[3][i],
        label: -1,
        wcs: String::new(),
    };
    Ok((
        (0..rows).map(object).collect(),
        whole[5].iter().map(|h| *h > 0).collect(),
    ))
}
