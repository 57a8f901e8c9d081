//! Point-spread functions (PSFs) beside images: which axis is which, and what none can be.

use crate::config::ImageConfig;
use crate::{Error, Result};
use ndarray::Array2;
use std::ops::Range;
use std::path::Path;

/// A PSF whose sum differs from 1 by more is not normalised; less is the wing that was cut off.
const SUM: f64 = 0.1;
/// How far the centre of light may lie from the middle pixel, pixels.
const OFF: f64 = 1.0;
/// The centre of light is that of the pixels above this part of the brightest.
const CORE: f64 = 0.05;

/// How an array holds the PSFs of `n` images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PsfAxes {
    /// P.
    pub side: usize,
    /// Whether each image has its own, and each channel.
    each: bool,
    channels: bool,
    of: usize,
}

impl PsfAxes {
    /// Of an array of `shape` (slowest axis first) at `place` of `path`: [P, P], [N, P, P], [C, P, P] or
    /// [N, C, P, P] for `n` images like `image`.
    ///
    /// # Errors
    /// [`Error::Input`] for another shape, an even side, or one longer than the images'.
    pub fn of(
        shape: &[usize],
        n: usize,
        image: &ImageConfig,
        path: &Path,
        place: &str,
    ) -> Result<Self> {
        let wrong = |problem: String, fix: &str| {
            let c = image.channels;
            let expected = format!("one PSF [P, P], or [{n}, P, P], [{c}, P, P], [{n}, {c}, P, P]");
            Err(Error::input(path, place, problem, expected, fix))
        };
        let name =
            "name another HDU or dataset in survey.source.datasets.psf, or give \"\" to read none";
        let (each, channels, side) = match *shape {
            [a, b] if a == b => (false, false, a),
            [k, a, b] if a == b && n == 1 && k == image.channels => (false, true, a),
            [1, a, b] if a == b && n == 1 => (false, false, a),
            [k, a, b] if a == b && n > 1 && k == n && k == image.channels => {
                return wrong(
                    format!("shape {shape:?}: one PSF for each image, or for each channel?"),
                    "give it one more axis",
                );
            }
            [k, a, b] if a == b && k == n => (true, false, a),
            [k, a, b] if a == b && k == image.channels => (false, true, a),
            [k, c, a, b] if a == b && k == n && c == image.channels => (true, true, a),
            _ => return wrong(format!("shape {shape:?}"), name),
        };
        let most = image.height.min(image.width);
        if side > most {
            return wrong(
                format!(
                    "a PSF of {side} × {side} pixels, larger than the image of {} × {}",
                    image.height, image.width
                ),
                "cut the PSF about its centre, or give larger images",
            );
        }
        if side.is_multiple_of(2) {
            return wrong(
                format!("a PSF of {side} × {side} pixels: an even side has no middle pixel"),
                "cut or pad it to an odd side with the centre of light in the middle pixel",
            );
        }
        Ok(Self {
            side,
            each,
            channels,
            of: image.channels,
        })
    }

    /// Numbers of one entry of the array.
    fn entry(&self) -> usize {
        self.side * self.side * if self.channels { self.of } else { 1 }
    }

    /// Which numbers of the array belong to `rows`: the first, and how many.
    pub fn span(&self, rows: &Range<usize>) -> (usize, usize) {
        match self.each {
            true => (rows.start * self.entry(), rows.len() * self.entry()),
            false => (0, self.entry()),
        }
    }

    /// The PSFs of `n` images out of the numbers of [`PsfAxes::span`], checked and of sum 1,
    /// [n, C · P · P]; and what is wrong with those that cannot be one, in words.
    pub fn checked(&self, flat: &[f64], n: usize) -> (Array2<f32>, Vec<Option<String>>) {
        let pixels = self.side * self.side;
        let mut all = Array2::zeros((n, self.of * pixels));
        let mut problems = vec![None; n];
        for (i, problem) in problems.iter_mut().enumerate() {
            let first = if self.each { i * self.entry() } else { 0 };
            for c in 0..self.of {
                let from = first + if self.channels { c * pixels } else { 0 };
                match normalised(&flat[from..from + pixels], self.side) {
                    Ok(kernel) => {
                        let row = all.row_mut(i);
                        let into = row.into_slice().unwrap_or_default();
                        into[c * pixels..(c + 1) * pixels].copy_from_slice(&kernel);
                    }
                    Err(e) => *problem = Some(e),
                }
            }
        }
        (all, problems)
    }
}

/// `kernel` [P, P] with sum 1.
///
/// # Errors
/// Why it can be no PSF, in words.
pub(super) fn normalised(kernel: &[f64], side: usize) -> std::result::Result<Vec<f32>, String> {
    if kernel.iter().any(|v| !v.is_finite()) {
        return Err("the PSF has pixels that are not finite".into());
    }
    if kernel.iter().all(|v| *v == 0.0) {
        return Err("the PSF is zero everywhere".into());
    }
    let sum: f64 = kernel.iter().sum();
    if (sum - 1.0).abs() > SUM {
        return Err(format!(
            "the PSF is not normalised: its sum is {sum:.4}, not 1"
        ));
    }
    let most = kernel.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let core = || kernel.iter().enumerate().filter(|(_, v)| **v > CORE * most);
    let light: f64 = core().map(|(_, v)| v).sum();
    let middle = (side / 2) as f64;
    let mean = |at: &dyn Fn(usize) -> usize| {
        core().map(|(i, v)| at(i) as f64 * v).sum::<f64>() / light - middle
    };
    let (y, x) = (mean(&|i| i / side), mean(&|i| i % side));
    if y.hypot(x) > OFF {
        return Err(format!(
            "the PSF is off-centre: its light lies {x:+.2}, {y:+.2} pixels (x, y) from the middle pixel"
        ));
    }
    Ok(kernel.iter().map(|v| (v / sum) as f32).collect())
}

/// `kernels` [C, P, P] with zeros about them, [C, `side`, `side`].
pub(super) fn padded(kernels: &[f32], from: usize, side: usize) -> Vec<f32> {
    let (before, channels) = ((side - from) / 2, kernels.len() / (from * from));
    let mut out = vec![0.0; channels * side * side];
    for (k, row) in kernels.chunks_exact(from).enumerate() {
        let start = (k / from * side + before + k % from) * side + before;
        out[start..start + from].copy_from_slice(row);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaussian(side: usize, at: [f64; 2], sum: f64) -> Vec<f64> {
        let value = |i: usize| {
            let (y, x) = ((i / side) as f64 - at[0], (i % side) as f64 - at[1]);
            (-0.5 * (x * x + y * y) / 4.0).exp()
        };
        let all: Vec<f64> = (0..side * side).map(value).collect();
        let total: f64 = all.iter().sum();
        all.iter().map(|v| v / total * sum).collect()
    }

    #[test]
    fn what_can_be_no_psf_says_why() {
        let refused = |k: &[f64]| normalised(k, 15).unwrap_err();
        assert!(refused(&[0.0; 225]).contains("zero everywhere"));
        assert!(refused(&gaussian(15, [7.0, 7.0], 3.0)).contains("not normalised: its sum is 3.0"));
        let off = refused(&gaussian(15, [7.0, 8.5], 1.0));
        assert!(off.contains("off-centre") && off.contains("+1.5"), "{off}");
        let mut hole = gaussian(15, [7.0, 7.0], 1.0);
        hole[3] = f64::NAN;
        assert!(refused(&hole).contains("not finite"));
        // A cut wing and half a pixel are no fault.
        let kept = normalised(&gaussian(15, [7.3, 6.6], 0.96), 15).unwrap();
        assert!((kept.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn shapes_are_told_apart_and_what_fits_two_ways_is_refused() {
        let image = |channels| ImageConfig {
            channels,
            height: 20,
            width: 32,
            fit: false,
        };
        let of = |shape: &[usize], n, c| {
            PsfAxes::of(shape, n, &image(c), Path::new("a.fits"), "HDU PSF")
        };
        assert_eq!(of(&[9, 9], 5, 3).unwrap().span(&(1..3)), (0, 81));
        assert_eq!(of(&[5, 9, 9], 5, 3).unwrap().span(&(1..3)), (81, 162));
        assert_eq!(of(&[3, 9, 9], 5, 3).unwrap().span(&(1..3)), (0, 243));
        assert_eq!(of(&[5, 3, 9, 9], 5, 3).unwrap().span(&(1..3)), (243, 486));
        for (shape, says) in [
            (vec![3, 9, 9], "for each channel?"),
            (vec![21, 21], "larger than the image"),
            (vec![8, 8], "even side"),
            (vec![9, 7], "shape [9, 7]"),
        ] {
            let e = of(&shape, 3, 3).unwrap_err().to_string();
            assert!(
                e.contains(says) && e.contains("a.fits") && e.contains("HDU PSF"),
                "{e}"
            );
        }
    }

    #[test]
    fn smaller_ones_are_padded_about_their_middle() {
        let small: Vec<f32> = (1..=18).map(|v| v as f32).collect();
        let large = padded(&small, 3, 5);
        assert_eq!((large.len(), large[6], large[12]), (50, 1.0, 5.0));
        assert_eq!((large[25 + 6], large[25 + 12]), (10.0, 14.0));
        assert_eq!(large.iter().sum::<f32>(), small.iter().sum::<f32>());
    }
}
