//! PSFs in a FITS file of their own.

use super::fits_cube::listing;
use super::psf::normalised;
use crate::files::fits::read::{Fits, Hdu};
use crate::{Error, Result};
use std::path::Path;

/// The PSFs of the first image HDU of `path`, [P, P] or [N, P, P], for images of `plane` [H, W]: P, and
/// the numbers of all of them, each of sum 1.
///
/// # Errors
/// [`Error::Input`] if the file cannot be read or holds no PSFs that are fit for use.
pub(crate) fn psfs_of_file(path: &Path, plane: [usize; 2]) -> Result<(usize, Vec<f32>)> {
    let mut fits = Fits::open(path)?;
    fits.check_complete()?;
    let hdus = listing(&mut fits)?;
    let is_image = |(_, hdu): &(String, Hdu)| matches!(hdu, Hdu::Image(axes) if axes.len() >= 2);
    let first = hdus.iter().position(is_image).unwrap_or(0);
    fits.seek(first)?;
    let place = fits.place();
    let wrong = |problem: String| {
        let expected = "PSFs [P, P] or [N, P, P] of an odd side, no larger than the images";
        let fix = "correct forward.stages.file, or the file";
        Err(Error::input(path, &place, problem, expected, fix))
    };
    let (n, side) = match hdus.get(first).map(|(_, hdu)| hdu) {
        Some(Hdu::Image(axes)) => match axes[..] {
            [a, b] if a == b => (1, a),
            [n, a, b] if a == b && n > 0 => (n, a),
            _ => return wrong(format!("shape {axes:?}")),
        },
        _ => return wrong("no image HDU".into()),
    };
    if side.is_multiple_of(2) || side > plane[0].min(plane[1]) {
        return wrong(format!(
            "PSFs of {side} × {side} pixels for images of {} × {}",
            plane[0], plane[1]
        ));
    }
    let values = fits.pixels(n * side * side)?;
    let mut all = Vec::with_capacity(values.len());
    for (i, kernel) in values.chunks_exact(side * side).enumerate() {
        match normalised(kernel, side) {
            Ok(kernel) => all.extend(kernel),
            Err(problem) if n > 1 => return wrong(format!("PSF {i}: {problem}")),
            Err(problem) => return wrong(problem),
        }
    }
    Ok((side, all))
}
