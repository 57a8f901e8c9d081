//! The shape of the images that a path holds; an attempt without a config.

use super::kind;
use super::kind::Kind;
use super::{fits_cube, npy, pictures};
use crate::Result;
use crate::config::{ImageConfig, ImageDatasets};
use crate::files::fits::read::Fits;
use crate::files::hdf5::read;
use std::path::Path;

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
        Kind::Pictures(files) => {
            let first = files.first().map_or(path, |f| f);
            if kind::start(first)? == kind::Start::Fits {
                cube(first)?
            } else {
                let [c, h, w] = pictures::shape(first)?;
                vec![1, c, h, w]
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
