//! Pixels that no noise and no line explains: a decoder's or a disk's numbers, not light.

use crate::base::statistics::median;
use crate::data::Spectrum;
use crate::survey::RawImages;
use crate::survey::item::Item;
use ndarray::{ArrayViewMut1, Axis};
use rayon::prelude::*;

/// A pixel this many times as bright as half of the others, and as its own noise, is impossible: the
/// brightest emission lines stay below a thousand.
const IMPOSSIBLE: f64 = 1e4;

/// As [`IMPOSSIBLE`] for images, in which a star outshines the sky by far.
const IMPOSSIBLE_IN_IMAGES: f64 = 1e6;
/// The part of an image's pixels that are not its brightest.
const BRIGHT: f64 = 0.99;

/// Masks (ivar = 0, flux = 0) the good pixels of `spectrum` whose |flux| is beyond 10⁴ times both the
/// median |flux| and their own standard deviation; gives their number. Masked pixels stay masked.
pub(crate) fn mask_impossible(spectrum: &mut Spectrum) -> usize {
    let good = spectrum
        .flux
        .iter()
        .zip(&spectrum.ivar)
        .filter(|(_, v)| **v > 0.0);
    let level = median(good.map(|(f, _)| f64::from(f.abs())));
    let mut found = 0;
    for (f, v) in spectrum.flux.iter_mut().zip(&mut spectrum.ivar) {
        let sigma = f64::from(*v).sqrt().recip();
        if *v > 0.0 && f64::from(f.abs()) > IMPOSSIBLE * level.max(sigma) {
            (*f, *v) = (0.0, 0.0);
            found += 1;
        }
    }
    found
}

/// Masks the impossible pixels of `items`; gives the names of the spectra that had some, and how many.
pub(super) fn without_impossible(items: &mut [Item]) -> Vec<(String, usize)> {
    let mask = |item: &mut Item| item.spectrum.as_mut().map_or(0, mask_impossible);
    let counts: Vec<usize> = items.par_iter_mut().map(mask).collect();
    let odd = items.iter().zip(counts).filter(|(_, n)| *n > 0);
    odd.map(|(item, n)| (item.object.name.clone(), n)).collect()
}

/// Marks as missing (NaN) the pixels of each image whose size is beyond 10⁶ times the size of all but the
/// brightest hundredth of its pixels, and their own standard deviation; gives their number, [n].
pub(crate) fn mask_impossible_pixels(raw: &mut RawImages) -> Vec<usize> {
    let ivar = raw.ivar.as_ref();
    let rows = raw
        .pixels
        .axis_iter_mut(Axis(0))
        .into_par_iter()
        .enumerate();
    let one = |(i, mut pixels): (usize, ArrayViewMut1<f32>)| {
        let weight = |j: usize| ivar.map_or(f32::INFINITY, |v| v[[i, j]]);
        let good =
            |(j, p): (usize, &f32)| (p.is_finite() && weight(j) > 0.0).then(|| f64::from(p.abs()));
        let mut sizes: Vec<f64> = pixels.iter().enumerate().filter_map(good).collect();
        let Some(last) = sizes.len().checked_sub(1) else {
            return 0;
        };
        let usual = (BRIGHT * last as f64) as usize;
        let level = *sizes.select_nth_unstable_by(usual, f64::total_cmp).1;
        let mut found = 0;
        for (j, p) in pixels.iter_mut().enumerate() {
            let limit = IMPOSSIBLE_IN_IMAGES * level.max(f64::from(weight(j)).sqrt().recip());
            // An image of nothing but a few points has no level.
            if level > 0.0 && weight(j) > 0.0 && f64::from(p.abs()) > limit {
                *p = f32::NAN;
                found += 1;
            }
        }
        found
    };
    rows.map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::NativeGrid;
    use ndarray::Array2;

    #[test]
    fn an_image_keeps_its_stars_and_loses_what_is_no_light() {
        let sky = |j: usize| 0.01 * (j as f32).sin();
        let mut pixels = Array2::from_shape_fn((3, 1024), |(_, j)| sky(j));
        // A star, a bad pixel, a lone point on nothing.
        pixels[[0, 500]] = 5000.0;
        pixels[[1, 500]] = 1e30;
        pixels.row_mut(2).fill(0.0);
        pixels[[2, 500]] = 1e30;
        let mut raw = RawImages::of_pixels(pixels.clone());
        assert_eq!(mask_impossible_pixels(&mut raw), [0, 1, 0]);
        assert!(raw.pixels[[1, 500]].is_nan());
        raw.pixels[[1, 500]] = 1e30;
        assert_eq!(raw.pixels, pixels);
    }

    fn spectrum(flux: Vec<f32>) -> Spectrum {
        Spectrum {
            grid: NativeGrid::Sdss { first: 36000 },
            ivar: vec![4.0; flux.len()],
            flux,
            lsf: vec![],
            extras: Default::default(),
        }
    }

    #[test]
    fn a_pixel_beyond_what_noise_and_level_allow_is_masked_and_no_other() {
        for odd in [1e30, -1e30, 1e6, f32::MAX] {
            let mut s = spectrum(vec![10.0; 100]);
            (s.flux[40], s.flux[41]) = (odd, odd);
            assert_eq!(mask_impossible(&mut s), 2);
            assert_eq!((s.flux[40], s.ivar[40]), (0.0, 0.0));
            assert!(
                s.ivar
                    .iter()
                    .enumerate()
                    .all(|(i, v)| (*v == 0.0) == (i == 40 || i == 41))
            );
        }
    }

    #[test]
    fn lines_noise_and_what_is_masked_already_are_left_alone() {
        // A line of a thousand times the continuum; noise about nothing; a noisy pixel that is as odd as
        // its ivar says; a masked one.
        let mut line = spectrum(vec![1.0; 100]);
        line.flux[50] = 1000.0;
        let mut faint = spectrum((0..100).map(|i| 0.5 * (i as f32).sin()).collect());
        faint.flux[50] = 2000.0;
        let mut noisy = spectrum(vec![1.0; 100]);
        (noisy.flux[50], noisy.ivar[50]) = (-1e9, 1e-12);
        let mut masked = spectrum(vec![1.0; 100]);
        (masked.flux[50], masked.ivar[50]) = (1e30, 0.0);
        for mut s in [
            line,
            faint,
            noisy,
            masked,
            spectrum(vec![0.0; 100]),
            spectrum(vec![]),
        ] {
            let before = s.clone();
            assert_eq!(mask_impossible(&mut s), 0);
            assert_eq!(s, before);
        }
    }
}
