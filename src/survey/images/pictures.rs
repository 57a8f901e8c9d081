//! Single images, one a file: PNG, JPEG, FITS. A file that cannot be used is a rejected row.

use super::fit::fit;
use super::fits_cube;
use super::image_file::ImageFile;
use super::kind;
use super::kind::Start;
use super::picture::Picture;
use super::psf::padded;
use super::raw::RawImages;
use crate::base::regular;
use crate::config::{ImageConfig, ImageDatasets};
use crate::data::Bands;
use crate::{Error, Result};
use ndarray::Array2;
use rayon::prelude::*;
use std::fs::File;
use std::io::BufReader;
use std::ops::Range;
use std::path::{Path, PathBuf};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Values of a picture, at most: a camera's, not a bomb's.
const MOST: usize = 1 << 27;

/// Files that are looked into, at most, to see whether the images come with point-spread functions.
const PEEKED: usize = 64;

/// A folder of pictures, or one picture.
#[derive(Debug)]
pub(crate) struct Pictures {
    path: PathBuf,
    files: Vec<PathBuf>,
    names: Vec<String>,
    /// Files of the folder that are none of these.
    passed_over: Vec<PathBuf>,
    datasets: ImageDatasets,
    image: ImageConfig,
    /// As of [`ImageSource::of_detector`](super::ImageSource::of_detector).
    coarse: usize,
    /// The first file's that says any.
    bands: Option<Bands>,
    /// Pixels along a side of each image's point-spread function: the first file's that has one.
    psf: usize,
}

impl Pictures {
    /// `files` under the folder `path` (or the file `path` itself); none is read yet. The folder holds
    /// `passed_over`, too.
    pub fn new(
        path: &Path,
        (files, passed_over): (Vec<PathBuf>, Vec<PathBuf>),
        datasets: &ImageDatasets,
        (image, coarse): (&ImageConfig, usize),
    ) -> Self {
        let name = |f: &PathBuf| {
            let inner = f
                .strip_prefix(path)
                .ok()
                .filter(|n| !n.as_os_str().is_empty());
            let file = || {
                f.file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned()
            };
            inner.map_or_else(file, |n| n.to_string_lossy().into_owned())
        };
        let cube = |f: &PathBuf| {
            let fits = kind::start(f).is_ok_and(|s| s == Start::Fits);
            fits.then(|| fits_cube::Cube::open(f, datasets, image, coarse).ok())?
        };
        let mut cubes = files.iter().take(PEEKED).filter_map(cube);
        let first = cubes.next();
        Self {
            psf: first.as_ref().map_or(0, ImageFile::psf),
            bands: first.and_then(|c| c.bands().or_else(|| cubes.find_map(|c| c.bands()))),
            coarse,
            path: path.to_path_buf(),
            names: files.iter().map(name).collect(),
            files,
            passed_over,
            datasets: datasets.clone(),
            image: *image,
        }
    }
}

impl ImageFile for Pictures {
    fn path(&self) -> &Path {
        &self.path
    }

    fn len(&self) -> usize {
        self.files.len()
    }

    fn passed_over(&self) -> &[PathBuf] {
        &self.passed_over
    }

    /// Paths inside the folder.
    fn names(&self) -> Option<Vec<String>> {
        Some(self.names.clone())
    }

    fn widths(&self) -> (usize, usize) {
        (usize::from(self.datasets.number().is_some()), 0)
    }

    fn psf(&self) -> usize {
        self.psf
    }

    fn bands(&self) -> Option<Bands> {
        self.bands.clone()
    }

    fn origin(&self, row: usize) -> String {
        self.files[row].display().to_string()
    }

    /// Pixel values as the files hold them (0..255 or 0..65535 in PNG and JPEG), in parallel.
    fn read(&self, rows: Range<usize>) -> Result<RawImages> {
        let read = |file: &PathBuf| self.one(file).unwrap_or_else(|e| self.unusable(&e));
        let each: Vec<RawImages> = self.files[rows].par_iter().map(read).collect();
        RawImages::concatenate(&each)
    }
}

impl Pictures {
    /// What one file holds.
    fn one(&self, path: &Path) -> Result<RawImages> {
        if kind::start(path)? == Start::Fits {
            let raw = self.fits(path)?;
            return self.with_psf(path, raw);
        }
        if let Some(name) = self.datasets.number() {
            return Err(Error::input(
                path,
                name,
                "no header, and with it no such key",
                "a FITS image",
                "leave survey.source.datasets.vector out",
            ));
        }
        self.with_psf(path, self.picture(path)?)
    }

    /// The image of one FITS file.
    fn fits(&self, path: &Path) -> Result<RawImages> {
        let cube = fits_cube::Cube::open(path, &self.datasets, &self.image, self.coarse)?;
        if cube.len() != 1 {
            return Err(Error::input(
                path,
                "",
                format!("a cube of {} images", cube.len()),
                "one image per file in a folder",
                "give cubes by their own paths in survey.source.path",
            ));
        }
        cube.read(0..1)
    }

    /// With a point-spread function of the side that all have.
    fn with_psf(&self, path: &Path, mut raw: RawImages) -> Result<RawImages> {
        let numbers = raw.psf.ncols() / self.image.channels;
        let own = numbers.isqrt();
        if own == self.psf {
            return Ok(raw);
        }
        let lacks = |problem: String, fix: &str| {
            let expected = format!(
                "a PSF of {0} × {0} pixels or fewer, as in the first file",
                self.psf
            );
            Err(Error::input(path, "HDU PSF", problem, expected, fix))
        };
        match own {
            0 => lacks("there is none".into(), "give this image its PSF too"),
            own if own > self.psf => lacks(
                format!("a PSF of {own} × {own} pixels"),
                "cut it, or sort a file with the largest PSF first",
            ),
            own => {
                let all = padded(raw.psf.as_slice().unwrap_or_default(), own, self.psf);
                let row = Array2::from_shape_vec((1, all.len()), all);
                raw.psf = row.map_err(|e| unreadable(path, e))?;
                Ok(raw)
            }
        }
    }

    /// What a PNG or JPEG file holds.
    fn picture(&self, path: &Path) -> Result<RawImages> {
        let values = read(path, &self.image)?;
        let row = Array2::from_shape_vec((1, values.len()), values);
        row.map(RawImages::of_pixels)
            .map_err(|e| unreadable(path, e))
    }

    fn unusable(&self, e: &Error) -> RawImages {
        let d = self.image.channels * self.image.height * self.image.width;
        RawImages {
            psf: Array2::zeros((1, self.image.channels * self.psf * self.psf)),
            vector: Array2::zeros((1, self.widths().0)),
            problems: vec![Some(e.to_string())],
            ..RawImages::of_pixels(Array2::from_elem((1, d), f32::NAN))
        }
    }
}

/// The D values of one PNG or JPEG picture of the shape of `image`.
fn read(path: &Path, image: &ImageConfig) -> Result<Vec<f32>> {
    // Before it is decoded, which takes as much memory as its header says.
    let fits = |shape: [usize; 3]| may_be(path, image, shape);
    let picture = match kind::start(path)? {
        Start::Png => png(path, &fits)?,
        Start::Jpeg => jpeg(path, &fits)?,
        _ => return Err(unreadable(path, "neither PNG, JPEG nor FITS")),
    };
    let picture = if image.fit {
        fit(&picture, image.height, image.width).unwrap_or(picture)
    } else {
        picture
    };
    let (c, h, w) = (picture.channels, picture.height, picture.width);
    if [c, h, w] != [image.channels, image.height, image.width] {
        return Err(another(path, image, [c, h, w]));
    }
    let plane = h * w;
    let sample = |i: usize| picture.samples[(i % plane) * c + i / plane];
    Ok((0..c * plane).map(sample).collect())
}

/// Refuses a picture of `shape` [C, H, W] that cannot become one of `image`.
fn may_be(path: &Path, image: &ImageConfig, shape: [usize; 3]) -> Result<()> {
    let wanted = [image.channels, image.height, image.width];
    let larger =
        image.fit && shape[0] == wanted[0] && shape[1] >= wanted[1] && shape[2] >= wanted[2];
    if shape != wanted && !larger {
        return Err(another(path, image, shape));
    }
    not_huge(path, shape)
}

fn not_huge(path: &Path, [c, h, w]: [usize; 3]) -> Result<()> {
    if c.saturating_mul(h).saturating_mul(w) <= MOST {
        return Ok(());
    }
    Err(Error::input(
        path,
        "",
        format!("{c} channels, height {h}, width {w}"),
        format!("at most {MOST} values in a picture"),
        "cut it into smaller ones, or give it as FITS or npy",
    ))
}

fn another(path: &Path, image: &ImageConfig, [c, h, w]: [usize; 3]) -> Error {
    Error::input(
        path,
        "",
        format!("{c} channels, height {h}, width {w}"),
        format!(
            "{} channels, height {}, width {} as in [image]",
            image.channels, image.height, image.width
        ),
        "resize or convert it, set image.fit = true for larger ones, or change [image]",
    )
}

/// The shape [C, H, W] of a PNG or JPEG file, from its header.
pub(crate) fn shape(path: &Path) -> Result<[usize; 3]> {
    let shape = if kind::start(path)? == Start::Png {
        png_header(path)?.1
    } else {
        jpeg_header(path, &regular::read(path).map_err(|e| unreadable(path, e))?)?.1
    };
    not_huge(path, shape)?;
    Ok(shape)
}

/// What decides by the shape [C, H, W] whether a picture is decoded.
type Allow<'a> = &'a dyn Fn([usize; 3]) -> Result<()>;

fn png_header(path: &Path) -> Result<(png::Reader<BufReader<File>>, [usize; 3])> {
    let file = regular::open(path).map_err(|e| unreadable(path, e))?;
    let mut decoder = png::Decoder::new(BufReader::new(file));
    // Palettes become colours, and 1, 2 and 4 bits a byte.
    decoder.set_transformations(png::Transformations::EXPAND);
    let reader = decoder.read_info().map_err(|e| not_png(path, &e))?;
    let channels = match reader.output_color_type().0 {
        png::ColorType::Grayscale => 1,
        png::ColorType::Rgb => 3,
        _ => {
            return Err(Error::input(
                path,
                "",
                "an alpha channel (transparency)",
                "grey or RGB",
                "flatten it, e.g. Pillow's convert(\"RGB\")",
            ));
        }
    };
    let info = reader.info();
    let shape = [channels, info.height as usize, info.width as usize];
    Ok((reader, shape))
}

fn png(path: &Path, allow: Allow<'_>) -> Result<Picture> {
    let (mut reader, shape) = png_header(path)?;
    allow(shape)?;
    let size = reader
        .output_buffer_size()
        .ok_or_else(|| not_png(path, &"more pixels than memory can hold"))?;
    let mut bytes = vec![0; size];
    let frame = reader
        .next_frame(&mut bytes)
        .map_err(|e| not_png(path, &e))?;
    bytes.truncate(frame.buffer_size());
    let samples = match frame.bit_depth {
        // Most significant byte first, by the standard.
        png::BitDepth::Sixteen => bytes
            .chunks_exact(2)
            .map(|b| f32::from(u16::from_be_bytes([b[0], b[1]])))
            .collect(),
        _ => bytes.iter().map(|b| f32::from(*b)).collect(),
    };
    Ok(Picture {
        channels: shape[0],
        height: frame.height as usize,
        width: frame.width as usize,
        samples,
    })
}

fn not_png(path: &Path, e: &dyn std::fmt::Display) -> Error {
    unreadable(path, format!("not a whole PNG file ({e})"))
}

type Jpeg<'a> = JpegDecoder<ZCursor<&'a Vec<u8>>>;

fn jpeg_header<'a>(path: &Path, bytes: &'a Vec<u8>) -> Result<(Jpeg<'a>, [usize; 3])> {
    let strict = DecoderOptions::default().set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), strict);
    decoder.decode_headers().map_err(|e| not_jpeg(path, &e))?;
    let (channels, colours) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (1, ColorSpace::Luma),
        Some(ColorSpace::YCbCr | ColorSpace::RGB) => (3, ColorSpace::RGB),
        other => {
            return Err(unreadable(
                path,
                format!("colours {other:?}, not grey or RGB"),
            ));
        }
    };
    decoder.set_options(strict.jpeg_set_out_colorspace(colours));
    let (width, height) = decoder.dimensions().unwrap_or_default();
    Ok((decoder, [channels, height, width]))
}

fn jpeg(path: &Path, allow: Allow<'_>) -> Result<Picture> {
    let bytes = regular::read(path).map_err(|e| unreadable(path, e))?;
    let (mut decoder, shape) = jpeg_header(path, &bytes)?;
    allow(shape)?;
    let samples = decoder.decode().map_err(|e| not_jpeg(path, &e))?;
    let [channels, height, width] = shape;
    Ok(Picture {
        channels,
        height,
        width,
        samples: samples.into_iter().map(f32::from).collect(),
    })
}

fn not_jpeg(path: &Path, e: &dyn std::fmt::Display) -> Error {
    unreadable(path, format!("not a whole JPEG file ({e})"))
}

fn unreadable(path: &Path, problem: impl std::fmt::Display) -> Error {
    Error::input(
        path,
        "",
        problem,
        "a readable PNG, JPEG or FITS image",
        "copy the file again, or remove it",
    )
}
