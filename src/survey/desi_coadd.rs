//! One spectrum of a DESI file, its arms joined on the lattice that they share.

use super::desi_file::{Arm, DesiFile, absent};
use super::pixel_mask::PixelMask;
use crate::Result;
use crate::config::MaskKind;
use crate::data::{Extras, Masked, NativeGrid, Spectrum};
use crate::files::fits::read::{Fits, Hdu};
use std::path::Path;
use std::sync::Arc;

/// A target's spectrum.
#[derive(Debug)]
pub(crate) struct Coadd {
    pub spectrum: Spectrum,
    pub masked: Masked,
    pub has_lsf: bool,
    pub has_mask: bool,
}

/// Spectrum number `row` of the file `fits`, which is laid out as `file` says; `pixels` are the edges of
/// its lattice. Its resolution matrix is kept where `matrix` says so.
///
/// # Errors
/// [`crate::Error::Input`] if it cannot be read.
pub(crate) fn read_coadd(
    fits: &mut Fits,
    file: &DesiFile,
    (row, matrix): (usize, bool),
    pixels: &Arc<[[f64; 2]]>,
    mask: &PixelMask,
) -> Result<Coadd> {
    let mut joined = Joined::new(file.lattice.pixels);
    joined.matrix = matrix.then(Vec::new);
    for arm in &file.arms {
        joined.add(fits, file, arm, row, mask)?;
    }
    Ok(joined.finish(pixels, mask))
}

/// Sums over the arms, on the lattice.
struct Joined {
    /// Σ ivar·flux, Σ ivar, Σ ivar·σ² of the line-spread function.
    flux: Vec<f64>,
    ivar: Vec<f64>,
    lsf: Vec<f64>,
    /// Σ ivar·R by rows, of the diagonals of the first arm; `None`: it is not asked for.
    matrix: Option<Vec<f64>>,
    masked: Masked,
    has_lsf: bool,
    has_mask: bool,
}

impl Joined {
    fn new(pixels: usize) -> Self {
        Self {
            flux: vec![0.0; pixels],
            ivar: vec![0.0; pixels],
            lsf: vec![0.0; pixels],
            matrix: None,
            masked: Masked::default(),
            has_lsf: true,
            has_mask: true,
        }
    }

    /// Adds an arm: where two overlap, the mean weighted by inverse variance. A pixel with any bit of
    /// its MASK set is left out, unless [survey.mask] says `none`.
    fn add(
        &mut self,
        fits: &mut Fits,
        file: &DesiFile,
        arm: &Arm,
        row: usize,
        mask: &PixelMask,
    ) -> Result<()> {
        let (start, n) = (arm.start, arm.pixels);
        let mut rows = |what: &str| section(fits, file, arm, what, row, 1);
        let missing = |what: &str| file.hdu(arm, what).is_none();
        let flux = rows("FLUX")?;
        let ivar = rows("IVAR")?;
        let bad = match mask.kind {
            MaskKind::None => Vec::new(),
            _ if missing("MASK") => {
                self.has_mask = false;
                Vec::new()
            }
            _ => rows("MASK")?,
        };
        let mut matrix = (Vec::new(), 0);
        let lsf = if let Some(hdu) = file.hdu(arm, "RESOLUTION") {
            let diagonals = match fits.go(hdu)? {
                Hdu::Image(axes) if axes.len() == 3 => axes[1],
                _ => 0,
            };
            let resolution = section(fits, file, arm, "RESOLUTION", row, diagonals)?;
            if self.matrix.is_some() {
                matrix = (Extras::rows_of_diagonals(&resolution, diagonals), diagonals);
            }
            variance(&resolution, n)
        } else {
            self.has_lsf = false;
            vec![0.0; n]
        };
        for i in 0..n {
            let (f, v) = (f64::from(flux[i]), f64::from(ivar[i]));
            let marked = bad.get(i).is_some_and(|b| *b != 0.0);
            if !self.masked.count(flux[i], ivar[i], 0.0, marked) {
                self.flux[start + i] += v * f;
                self.ivar[start + i] += v;
                self.lsf[start + i] += v * lsf[i];
                self.add_row(start + i, v, &matrix.0[i * matrix.1..(i + 1) * matrix.1]);
            }
        }
        Ok(())
    }

    /// Adds a row of the resolution matrix with the weight `v`. Arms share the lattice, and with it the
    /// columns.
    fn add_row(&mut self, pixel: usize, v: f64, row: &[f32]) {
        let pixels = self.ivar.len();
        let Some(sums) = self.matrix.as_mut().filter(|_| !row.is_empty()) else {
            return;
        };
        if sums.is_empty() {
            *sums = vec![0.0; pixels * row.len()];
        }
        let diagonals = sums.len() / pixels;
        // An arm of more or fewer diagonals than the first is centred on it.
        let middle = (diagonals / 2) as i64 - (row.len() / 2) as i64;
        for (m, r) in (middle..).zip(row) {
            if let Ok(m) = usize::try_from(m)
                && m < diagonals
            {
                sums[pixel * diagonals + m] += v * f64::from(*r);
            }
        }
    }

    /// The mean of the arms' matrices, weighted by inverse variance as the flux, by rows.
    fn resolution(&self) -> Vec<f32> {
        let sums = self.matrix.as_deref().unwrap_or_default();
        let diagonals = (sums.len() / self.ivar.len().max(1)).max(1);
        let rows = sums.chunks(diagonals).zip(&self.ivar);
        let mean = |(row, v): (&[f64], &f64)| -> Vec<f32> {
            let weight = if *v > 0.0 { 1.0 / v } else { 0.0 };
            row.iter().map(|r| (r * weight) as f32).collect()
        };
        rows.flat_map(mean).collect()
    }

    fn finish(self, pixels: &Arc<[[f64; 2]]>, mask: &PixelMask) -> Coadd {
        let over = |sums: &[f64], root: bool| -> Vec<f32> {
            let mean = |(s, v): (&f64, &f64)| if *v > 0.0 { s / v } else { 0.0 };
            let means = sums.iter().zip(&self.ivar).map(mean);
            means
                .map(|m| if root { m.max(0.0).sqrt() } else { m } as f32)
                .collect()
        };
        let mut spectrum = Spectrum {
            grid: NativeGrid::Pixels(pixels.clone()),
            flux: over(&self.flux, false),
            lsf: if self.has_lsf {
                over(&self.lsf, true)
            } else {
                Vec::new()
            },
            ivar: self.ivar.iter().map(|v| *v as f32).collect(),
            extras: Extras {
                sky: Vec::new(),
                resolution: self.resolution(),
            },
        };
        let faint = mask.apply(&mut spectrum, &[]).faint;
        Coadd {
            spectrum,
            masked: Masked {
                faint,
                ..self.masked
            },
            has_lsf: self.has_lsf,
            has_mask: self.has_mask,
        }
    }
}

/// Diagonals of the resolution matrices of the file `path`: the most of its arms.
///
/// # Errors
/// [`crate::Error::Input`] if it cannot be read.
pub(crate) fn diagonals(path: &Path, file: &DesiFile) -> Result<usize> {
    let mut fits = Fits::open(path)?;
    let mut hdus = file
        .arms
        .iter()
        .filter_map(|arm| file.hdu(arm, "RESOLUTION"));
    hdus.try_fold(1, |most, hdu| {
        Ok(match fits.go(hdu)? {
            Hdu::Image(axes) if axes.len() == 3 => axes[1].max(most),
            _ => most,
        })
    })
}

/// Variance in pixels² of the line-spread function at each pixel, from the diagonals of the
/// resolution matrix [diagonals, n]: column j holds how the light of pixel j spreads. Negative
/// wings, which deconvolved resolution has, count; a width that is not real is 0, unknown.
fn variance(resolution: &[f32], n: usize) -> Vec<f64> {
    let diagonals = resolution.len() / n.max(1);
    let middle = (diagonals / 2) as f64;
    (0..n)
        .map(|j| {
            let (mut sum, mut first, mut second) = (0.0, 0.0, 0.0);
            for d in 0..diagonals {
                let (r, at) = (f64::from(resolution[d * n + j]), middle - d as f64);
                sum += r;
                first += r * at;
                second += r * at * at;
            }
            let v = second / sum - (first / sum).powi(2);
            if v.is_finite() { v.max(0.0) } else { 0.0 }
        })
        .collect()
}

/// Row `row` of an image of an arm, [per, n].
fn section(
    fits: &mut Fits,
    file: &DesiFile,
    arm: &Arm,
    what: &str,
    row: usize,
    per: usize,
) -> Result<Vec<f32>> {
    let Some(hdu) = file.hdu(arm, what) else {
        return Err(absent(fits, &format!("{}_{what}", arm.name)));
    };
    let shape = fits.go(hdu)?;
    let size = per * arm.pixels;
    match &shape {
        Hdu::Image(axes) if axes.len() >= 2 && axes[1..].iter().product::<usize>() == size => {}
        _ => {
            let place = fits.place();
            return Err(fits.error(
                &place,
                &format!("{shape:?}"),
                &format!("an image of rows of {size} pixels"),
                "check the file with selfsi inspect",
            ));
        }
    }
    fits.section(row * size, size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_width_of_a_sampled_gaussian_is_found_wherever_it_is_centred() {
        let (n, sigma) = (5, 1.3);
        let mut resolution = vec![0.0f32; 11 * n];
        for j in 0..n {
            let shift = 0.2 * j as f64 - 0.4;
            for d in 0..11 {
                let at = 5.0 - d as f64 - shift;
                resolution[d * n + j] = (-0.5 * (at / sigma).powi(2)).exp() as f32;
            }
        }
        for v in variance(&resolution, n) {
            assert!((v.sqrt() - sigma).abs() < 0.01, "{v}");
        }
        assert_eq!(variance(&vec![0.0; 11 * n], n), vec![0.0; n]);
    }
}
