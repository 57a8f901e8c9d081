//! One spectrum of a DESI coadd file, its arms joined on one lattice of 0.8 Å.

use super::flux_unit::{check_flux, check_ivar};
use super::pixel_mask::PixelMask;
use crate::config::MaskKind;
use crate::data::{NativeGrid, Spectrum};
use crate::files::fits::column::Column;
use crate::files::fits::read::{Fits, Hdu};
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Centre of the first pixel, step (Å) and pixels of the lattice that all arms lie on.
const FIRST: f64 = 3600.0;
const STEP: f64 = 0.8;
const PIXELS: usize = 7781;
/// How far, in pixels, a centre may lie from the lattice.
const OFF: f64 = 0.01;

/// A target's spectrum.
#[derive(Debug)]
pub(crate) struct Coadd {
    pub spectrum: Spectrum,
    pub has_lsf: bool,
    pub has_mask: bool,
}

/// Edges of each pixel of the lattice in log10(λ/Å), vacuum.
pub(crate) fn lattice_pixels() -> Arc<[[f64; 2]]> {
    let edge = |i: usize| (FIRST + STEP * (i as f64 - 0.5)).log10();
    (0..PIXELS).map(|i| [edge(i), edge(i + 1)]).collect()
}

/// Spectrum number `row` of the coadd file `path`; `pixels` are [`lattice_pixels`].
///
/// # Errors
/// [`Error::Input`] if the file cannot be read or its arms are not on the lattice.
pub(crate) fn read_coadd(
    path: &Path,
    row: usize,
    pixels: &Arc<[[f64; 2]]>,
    mask: &PixelMask,
) -> Result<Coadd> {
    let mut fits = Fits::open(path)?;
    let hdus = by_name(&mut fits)?;
    let arms = hdus.keys().filter_map(|n| n.strip_suffix("_WAVELENGTH"));
    let mut joined = Joined::new();
    for arm in arms {
        joined.add(&mut fits, &hdus, arm, row, mask)?;
    }
    Ok(joined.finish(pixels, mask))
}

/// Sums over the arms, on the lattice.
struct Joined {
    /// Σ ivar·flux, Σ ivar, Σ ivar·σ² of the line-spread function.
    flux: Vec<f64>,
    ivar: Vec<f64>,
    lsf: Vec<f64>,
    has_lsf: bool,
    has_mask: bool,
}

impl Joined {
    fn new() -> Self {
        Self {
            flux: vec![0.0; PIXELS],
            ivar: vec![0.0; PIXELS],
            lsf: vec![0.0; PIXELS],
            has_lsf: true,
            has_mask: true,
        }
    }

    /// Adds an arm: where two overlap, the mean weighted by inverse variance. A pixel with any bit of
    /// its MASK set is left out, unless [survey.mask] says `none`.
    fn add(
        &mut self,
        fits: &mut Fits,
        hdus: &BTreeMap<String, usize>,
        arm: &str,
        row: usize,
        mask: &PixelMask,
    ) -> Result<()> {
        let name = |what: &str| format!("{arm}_{what}");
        let (start, n) = lattice(fits, hdus, &name("WAVELENGTH"))?;
        let mut rows = |what: &str, per: usize| section(fits, hdus, &name(what), row, per, n);
        let missing = |what: &str| !hdus.contains_key(&name(what));
        let flux = rows("FLUX", 1)?;
        let ivar = rows("IVAR", 1)?;
        let bad = match mask.kind {
            MaskKind::None => Vec::new(),
            _ if missing("MASK") => {
                self.has_mask = false;
                Vec::new()
            }
            _ => rows("MASK", 1)?,
        };
        let lsf = if missing("RESOLUTION") {
            self.has_lsf = false;
            vec![0.0; n]
        } else {
            let hdu = hdus[&name("RESOLUTION")];
            let diagonals = match fits.go(hdu)? {
                Hdu::Image(axes) if axes.len() == 3 => axes[1],
                _ => 0,
            };
            variance(
                &section(fits, hdus, &name("RESOLUTION"), row, diagonals, n)?,
                n,
            )
        };
        for i in 0..n {
            let (f, v) = (f64::from(flux[i]), f64::from(ivar[i]));
            let good = f.is_finite() && v.is_finite() && v > 0.0;
            if good && bad.get(i).is_none_or(|b| *b == 0.0) {
                self.flux[start + i] += v * f;
                self.ivar[start + i] += v;
                self.lsf[start + i] += v * lsf[i];
            }
        }
        Ok(())
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
        };
        mask.apply(&mut spectrum, &[]);
        Coadd {
            spectrum,
            has_lsf: self.has_lsf,
            has_mask: self.has_mask,
        }
    }
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

/// HDU numbers by name.
pub(crate) fn by_name(fits: &mut Fits) -> Result<BTreeMap<String, usize>> {
    let mut hdus = BTreeMap::new();
    for hdu in 1..fits.hdus()? {
        fits.seek(hdu)?;
        hdus.insert(fits.extname().to_uppercase(), hdu);
    }
    Ok(hdus)
}

/// Where an arm begins on the lattice, and its pixels.
fn lattice(fits: &mut Fits, hdus: &BTreeMap<String, usize>, name: &str) -> Result<(usize, usize)> {
    let n = match fits.go(hdus[name])? {
        Hdu::Image(axes) if axes.len() == 1 => axes[0],
        _ => 0,
    };
    let centres = fits.pixels(n)?;
    let start = ((centres.first().unwrap_or(&0.0) - FIRST) / STEP).round();
    let on = |(i, c): (usize, &f64)| ((c - FIRST) / STEP - start - i as f64).abs() < OFF;
    if n > 0 && start >= 0.0 && start as usize + n <= PIXELS && centres.iter().enumerate().all(on) {
        return Ok((start as usize, n));
    }
    let place = fits.place();
    Err(fits.error(
        &place,
        "not on DESI's lattice",
        "wavelengths 3600 + 0.8 i Å",
        "give coadd files of DESI's pipeline; other spectra as HDF5 (kind = \"hdf5\")",
    ))
}

/// Row `row` of image `name`, [per, n].
fn section(
    fits: &mut Fits,
    hdus: &BTreeMap<String, usize>,
    name: &str,
    row: usize,
    per: usize,
    n: usize,
) -> Result<Vec<f32>> {
    let Some(hdu) = hdus.get(name) else {
        return Err(absent(fits, name));
    };
    let shape = fits.go(*hdu)?;
    let size = per * n;
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

/// Whether a FIBERMAP belongs to a file of single exposures (spectra-*.fits), several to a target,
/// with the cosmic rays of each: co-adding them is DESI's pipeline's work.
pub(crate) fn is_of_exposures(fibermap: &Hdu) -> bool {
    let has = |columns: &[Column], name: &str| {
        let is = |c: &Column| c.name.eq_ignore_ascii_case(name);
        columns.iter().any(is)
    };
    matches!(fibermap, Hdu::Table { columns, .. } if has(columns, "EXPID") && !has(columns, "COADD_FIBERSTATUS"))
}

/// An HDU that a coadd file must have.
pub(crate) fn absent(fits: &Fits, name: &str) -> Error {
    fits.error(
        &format!("HDU {name}"),
        "no HDU of this name",
        "a DESI coadd file",
        "check the file with selfsi inspect",
    )
}

/// Whether every image says DESI's one flux unit.
pub(crate) fn check_units(fits: &mut Fits, hdus: &BTreeMap<String, usize>) -> Result<()> {
    for (name, hdu) in hdus {
        fits.seek(*hdu)?;
        if name.ends_with("_FLUX") {
            check_flux(fits, "BUNIT")?;
        } else if name.ends_with("_IVAR") {
            check_ivar(fits, "BUNIT")?;
        }
    }
    Ok(())
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
