//! FITS cubes: NAXISn = W, H, N or W, H, C, N; BSCALE, BZERO and BLANK applied, NaN kept.

use super::axes::{Axes, Order};
use super::bands;
use super::companions::{Companions, is_companion};
use super::image_file::ImageFile;
use super::onto::Onto;
use super::psf::PsfAxes;
use super::raw::RawImages;
use super::sky::{self, Sky};
use crate::config::{ImageConfig, ImageDatasets};
use crate::data::Bands;
use crate::files::fits::read::{Fits, Hdu};
use crate::{Error, Result};
use ndarray::Array2;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What `selfsi restore` calls its images: their IVAR belongs to what was observed.
const RESTORED: &str = "RESTORED";

/// The images of one FITS file; it is opened anew for each block of rows.
#[derive(Debug)]
pub(crate) struct Cube {
    path: PathBuf,
    onto: Onto,
    axes: Axes,
    hdu: usize,
    /// `None` of restored images.
    companions: Option<Companions>,
    /// The HDU of the point-spread functions, with its axes and name.
    psf: Option<(usize, PsfAxes, String)>,
    /// Units and filters, and the HDU that says them.
    bands: Option<(Bands, String)>,
    sky: Vec<Sky>,
    /// What is done with the images, in words.
    notes: Vec<String>,
    names: Option<Vec<String>>,
    labels: Option<Vec<i64>>,
    /// A number that describes the corruption of each image, with its name.
    number: Option<(String, Vec<f64>)>,
}

impl Cube {
    /// Opens the HDU RESTORED, else the first image of two axes or more, with the HDUs of the same shape
    /// that say its noise and its bad pixels, and NAME and LABEL from the table that has as many rows.
    ///
    /// # Errors
    /// [`Error::Input`] if there is no image, or it is of another shape than `image`.
    pub fn open(
        path: &Path,
        names: &ImageDatasets,
        image: &ImageConfig,
        coarse: usize,
    ) -> Result<Self> {
        let mut fits = Fits::open(path)?;
        fits.check_complete()?;
        let hdus = listing(&mut fits)?;
        let Some((hdu, shape)) = images(&hdus) else {
            return Err(Error::input(
                path,
                "",
                "no image HDU",
                "an image cube of NAXIS 2 to 4",
                "give another file (selfsi inspect shows what this one holds)",
            ));
        };
        fits.seek(hdu)?;
        let (axes, onto) = Onto::of(shape, image, coarse, path, &fits.place())?;
        let bands = bands::of_fits(&mut fits, hdu, image.channels)?;
        // FITS counts its axes from the fastest on.
        let of_plane = match axes.order {
            Order::First => [1, 2],
            Order::Last => [2, 3],
        };
        let (sky, note) = sky::of_fits(&mut fits, &hdus, (hdu, axes.n), of_plane)?;
        fits.seek(hdu)?;
        let restored = hdus[hdu].0.eq_ignore_ascii_case(RESTORED);
        let companions = match restored {
            true => None,
            false => Some(Companions::of(&mut fits, &hdus, hdu, names)?),
        };
        let psf = companions.as_ref().and_then(|c| c.psf);
        let psf = match psf.map(|k| (k, &hdus[k])) {
            Some((k, (name, Hdu::Image(shape)))) => {
                let place = format!("HDU {name}");
                let axes = PsfAxes::of(shape, axes.n, image, path, &place)?;
                Some((k, axes, place))
            }
            _ => None,
        };
        let mut cube = Self {
            psf,
            path: path.to_path_buf(),
            sky: sky.into_iter().map(|s| onto.sky(s)).collect(),
            notes: onto.note().into_iter().chain(note).collect(),
            onto,
            axes,
            hdu,
            companions,
            bands,
            names: None,
            labels: None,
            number: None,
        };
        if let Some(name) = names.number().filter(|_| !restored) {
            let all = numbers(&mut fits, &hdus, (hdu, axes.n), name)?;
            cube.number = Some((name.to_owned(), all));
        }
        for (k, (_, table)) in hdus.iter().enumerate() {
            if matches!(table, Hdu::Table { rows, .. } if *rows == axes.n) && cube.names.is_none() {
                fits.seek(k)?;
                if let Some(column) = fits.column("NAME") {
                    cube.names = Some(fits.texts(&column, axes.n)?);
                    if let Some(column) = fits.column("LABEL") {
                        cube.labels = Some(fits.integers(&column, axes.n)?);
                    }
                }
            }
        }
        Ok(cube)
    }
}

impl ImageFile for Cube {
    fn path(&self) -> &Path {
        &self.path
    }

    fn len(&self) -> usize {
        self.axes.n
    }

    fn names(&self) -> Option<Vec<String>> {
        self.names.clone()
    }

    fn labels(&self) -> Option<Vec<i64>> {
        self.labels.clone()
    }

    fn widths(&self) -> (usize, usize) {
        (usize::from(self.number.is_some()), 0)
    }

    fn psf(&self) -> usize {
        self.psf.as_ref().map_or(0, |(_, axes, _)| axes.side)
    }

    fn bands(&self) -> Option<Bands> {
        self.bands.as_ref().map(|(bands, _)| bands.clone())
    }

    fn read(&self, rows: Range<usize>) -> Result<RawImages> {
        let mut fits = Fits::open(&self.path)?;
        let file = &self.onto.file;
        let d = file.channels * file.height * file.width;
        let mut get = |hdu: usize| {
            fits.seek(hdu)?;
            fits.pixels_from(rows.start * d, rows.len() * d)
        };
        let ordered = |values: Vec<f64>| -> Result<Array2<f32>> {
            let values = values.into_iter().map(|v| v as f32).collect();
            let rows = self.axes.rows(values, file, &self.path)?;
            Ok(self.onto.rows(rows))
        };
        let mut raw = RawImages::of_pixels(ordered(get(self.hdu)?)?);
        if let Some(companions) = &self.companions {
            raw.ivar = companions.ivar(&mut get)?.map(ordered).transpose()?;
        }
        let beside = self.companions.iter().flat_map(|c| &c.notes);
        let notes = beside.chain(&self.notes).cloned();
        raw.notes = notes.map(|note| (note, rows.len())).collect();
        raw.sky = self.sky[rows.clone()].to_vec();
        if let Some((hdu, axes, place)) = &self.psf {
            let (skipped, n) = axes.span(&rows);
            fits.seek(*hdu)?;
            let values = fits.pixels_from(skipped, n)?;
            let (psf, problems) = axes.checked(&values, rows.len());
            let said = |p: String| format!("{}: {place}: {p}", self.path.display());
            raw.psf = psf;
            raw.problems = problems.into_iter().map(|p| p.map(said)).collect();
        }
        if let Some((name, all)) = &self.number {
            let own = &all[rows.clone()];
            raw.vector = Array2::from_shape_fn((own.len(), 1), |(i, _)| own[i] as f32);
            for (value, problem) in own.iter().zip(&mut raw.problems) {
                if !(*value > 0.0 && value.is_finite()) && problem.is_none() {
                    let said = format!("{}: {name} = {value}, not positive", self.path.display());
                    *problem = Some(said);
                }
            }
        }
        if let Some((bands, place)) = &self.bands {
            let place = format!("{} {place}", self.path.display());
            raw.bands.insert(bands.clone(), place);
        }
        Ok(raw)
    }
}

/// The number called `name` of each of the `n` images in HDU `hdu`: a column of a table of as many rows, else
/// a key of the images' header or of the first.
fn numbers(
    fits: &mut Fits,
    hdus: &[(String, Hdu)],
    (hdu, n): (usize, usize),
    name: &str,
) -> Result<Vec<f64>> {
    for (k, (_, table)) in hdus.iter().enumerate() {
        if matches!(table, Hdu::Table { rows, .. } if *rows == n) {
            fits.seek(k)?;
            if let Some(column) = fits.column(name) {
                return fits.floats(&column, n);
            }
        }
    }
    for k in [hdu, 0] {
        fits.seek(k)?;
        if let Some(value) = fits.number_key(name) {
            return Ok(vec![value; n]);
        }
    }
    Err(fits.error(
        name,
        "no header key of this name that is a number, and no such column of a table of images",
        "a number for each image",
        "name another in survey.source.datasets.vector, or leave it out",
    ))
}

/// Name and content of every HDU.
pub(crate) fn listing(fits: &mut Fits) -> Result<Vec<(String, Hdu)>> {
    (0..fits.hdus()?)
        .map(|i| {
            let hdu = fits.go(i)?;
            Ok((fits.extname(), hdu))
        })
        .collect()
}

/// The HDU with the images, and its axes: the first whose name is not one of noise or masks.
pub(crate) fn images(hdus: &[(String, Hdu)]) -> Option<(usize, &[usize])> {
    let image = |(k, (_, hdu)): (usize, &'_ (String, Hdu))| match hdu {
        Hdu::Image(axes) if axes.len() >= 2 => Some(k),
        _ => None,
    };
    let all: Vec<usize> = hdus.iter().enumerate().filter_map(image).collect();
    let restored = |k: &&usize| hdus[**k].0.eq_ignore_ascii_case(RESTORED);
    let first = all.iter().find(|k| !is_companion(&hdus[**k].0));
    let k = *all
        .iter()
        .find(restored)
        .or(first)
        .or_else(|| all.first())?;
    match &hdus[k].1 {
        Hdu::Image(axes) => Some((k, axes)),
        Hdu::Table { .. } => None,
    }
}
