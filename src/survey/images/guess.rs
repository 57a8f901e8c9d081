//! The shape of the images that a path holds; an attempt without a config.

use super::kind;
use super::kind::Kind;
use super::{fits_cube, npy, pictures};
use crate::Result;
use crate::config::{ImageConfig, ImageDatasets};
use crate::files::fits::read::Fits;
use crate::files::hdf5::read;
use std::path::Path;

/// Files of a folder that are asked for their shape.
const LOOKED_AT: usize = 64;
/// Most channels of an array that does not say which axis they are.
const MOST: usize = 4;

/// The shape of the images at `path`: of the first one in a folder; `None` if the file does
/// not tell.
///
/// # Errors
/// [`Error::Input`](crate::Error::Input) if it cannot be read, or holds no images.
pub(crate) fn guess(path: &Path) -> Result<Option<ImageConfig>> {
    let shape = match kind::of(path)? {
        Kind::Cifar | Kind::CifarFolder(_) => vec![1, 3, 32, 32],
        Kind::Npy => npy::header(path)?.shape,
        Kind::Hdf5 => {
            let name = ImageDatasets::default().images;
            let file = read::open(path)?;
            let data = read::find(&file, path, &name)?;
            data.map(|d| d.shape()).unwrap_or_default()
        }
        Kind::Fits => cube(path)?,
        Kind::Pictures(files, _) => {
            // The first that tells; what is wrong with the others is told of each.
            let mut shapes = files.iter().take(LOOKED_AT).map(|f| single(f));
            let found = shapes.find(|s| matches!(s, Ok(s) if !s.is_empty()));
            match found {
                Some(found) => found?,
                None => files.first().map_or(Ok(Vec::new()), |f| single(f))?,
            }
        }
    };
    let (channels, height, width) = match shape[..] {
        // One picture in colour, rather than images three or four pixels wide.
        [h, w, c] if (3..=MOST).contains(&c) && h > MOST && w > MOST => (c, h, w),
        [h, w] | [_, h, w] => (1, h, w),
        [_, h, w, c] if c <= MOST && h > MOST => (c, h, w),
        [_, c, h, w] if c <= MOST && w > MOST => (c, h, w),
        _ => return Ok(None),
    };
    Ok(
        (channels > 0 && height > 1 && width > 1).then_some(ImageConfig {
            fit: false,
            channels,
            height,
            width,
        }),
    )
}

/// [1, C, H, W] of a file of one image; empty if it does not tell.
fn single(path: &Path) -> Result<Vec<usize>> {
    if kind::start(path)? != kind::Start::Fits {
        let [c, h, w] = pictures::shape(path)?;
        return Ok(vec![1, c, h, w]);
    }
    // Three axes are those of one image with several channels: each file has one.
    Ok(match cube(path)?[..] {
        [h, w] if h > 1 && w > 1 => vec![h, w],
        [c, h, w] if (1..=MOST).contains(&c) && h > MOST && w > MOST => vec![1, c, h, w],
        [h, w, c] if (1..=MOST).contains(&c) && h > MOST && w > MOST => vec![1, h, w, c],
        [1, c, h, w] => vec![1, c, h, w],
        _ => Vec::new(),
    })
}

/// The axes of the images in a FITS file; none where the first axis is one of wavelengths: those are
/// spectra, one below the other.
fn cube(path: &Path) -> Result<Vec<usize>> {
    let mut fits = Fits::open(path)?;
    let hdus = fits_cube::listing(&mut fits)?;
    let Some((hdu, axes)) = fits_cube::images(&hdus) else {
        return Ok(Vec::new());
    };
    fits.seek(hdu)?;
    let axis = fits.text_key("CTYPE1").unwrap_or_default().to_uppercase();
    let spectral = ["WAVE", "AWAV", "FREQ", "VELO", "LOGLAM"];
    if spectral.iter().any(|s| axis.contains(s)) {
        return Ok(Vec::new());
    }
    Ok(axes.to_vec())
}
