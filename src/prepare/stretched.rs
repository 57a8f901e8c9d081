//! Images in normalised units: masked, scaled, with their inverse variances.

use crate::data::{ImageBlock, ImageLayout, flag};
use crate::survey::RawImages;
use ndarray::Zip;

/// Smallest fraction of good pixels of a usable image. Half or three quarters may well be masked
/// on purpose; below this there is nothing to restore from.
pub(crate) const GOOD_MIN: f64 = 0.05;

/// Whether a pixel carries a measurement.
pub(crate) fn is_good(pixel: f32, ivar: Option<f32>) -> bool {
    pixel.is_finite() && ivar.is_none_or(|v| v > 0.0)
}

/// Why image `i` is left out: one of [`flag`] with the reason in words.
pub(crate) fn problem(raw: &RawImages, i: usize) -> Option<(i32, String)> {
    if let Some(problem) = &raw.problems[i] {
        return Some((flag::UNREADABLE, problem.clone()));
    }
    for (name, values) in [
        ("vector", &raw.vector),
        ("planes", &raw.planes),
        ("psf", &raw.psf),
    ] {
        if values.row(i).iter().any(|v| !v.is_finite()) {
            return Some((flag::UNREADABLE, format!("{name} is not finite")));
        }
    }
    let d = raw.pixels.ncols();
    let good = (0..d)
        .filter(|j| is_good(raw.pixels[[i, *j]], raw.ivar.as_ref().map(|v| v[[i, *j]])))
        .count();
    let fraction = good as f64 / d as f64;
    (fraction < GOOD_MIN || good == 0).then(|| {
        (
            flag::COVERAGE,
            format!("{good} of {d} pixels are good, fewer than {GOOD_MIN} of them"),
        )
    })
}

/// The images of `raw` in normalised units; those that are left out, marked in `used`, are masked
/// throughout. Inverse variances are in the unit in which the stretch is linear, whatever
/// the value: the slope of the scale at 0.
pub(crate) fn block(raw: RawImages, layout: &ImageLayout, used: &[bool]) -> ImageBlock {
    let mut block = ImageBlock::masked(raw.problems.len(), layout);
    let plane = layout.height * layout.width;
    let scale = &layout.scale;
    Zip::indexed(block.pixels.rows_mut())
        .and(block.ivar.rows_mut())
        .par_for_each(|i, mut pixels, mut ivar| {
            if !used[i] {
                return;
            }
            for j in 0..pixels.len() {
                let v = raw.pixels[[i, j]];
                let weight = raw.ivar.as_ref().map(|ivar| ivar[[i, j]]);
                if !is_good(v, weight) {
                    continue;
                }
                let (v, channel) = (f64::from(v), j / plane);
                pixels[j] = scale.normalise(v, channel) as f32;
                let slope = scale.slope(0.0, channel);
                let weight = f64::from(weight.unwrap_or(f32::INFINITY));
                ivar[j] = (weight / (slope * slope)) as f32;
            }
        });
    block.vector = raw.vector;
    block.planes = raw.planes;
    block.psf = raw.psf;
    for (i, _) in used.iter().enumerate().filter(|(_, used)| !**used) {
        block.vector.row_mut(i).fill(0.0);
        block.planes.row_mut(i).fill(0.0);
        block.psf.row_mut(i).fill(0.0);
    }
    block
}
