//! Spectra on a grid of the rest frame, moved there by the redshift of each object.
//!
//! Where the pixels of the survey are even in log λ (SDSS, BOSS), a spectrum is moved by so many whole
//! pixels of its own that it lies within half of one of where its redshift asks for. Nothing is
//! interpolated, all spectra have the same weights, and where a pixel of the grid is a whole number of
//! theirs their noise stays white. What is not moved is known: [`RestLattice::regrid`] gives the redshift of
//! the whole-pixel move. Spectra on other pixels (DESI) are moved by their redshift itself and rebinned with
//! weights of their own.
//!
//! Fluxes per Å stay those of the observed frame: there is no factor 1 + z.

use super::noise_law::NoiseLaw;
use super::rebin::Rebin;
use crate::data::spectrum::SDSS_STEP;
use crate::data::{Block, LogGrid, NativeGrid, Spectrum};
use crate::survey::spectra::Pixels;

/// Pixels lie even to this part of one.
const EVEN: f64 = 1e-3;
/// Steps that differ by less, relatively, are the same.
const SAME: f64 = 1e-6;
/// Moves over which the noise's correlation is averaged where each spectrum has one of its own, and how far
/// they reach in log10(1 + z).
const MOVES: usize = 16;
const FURTHEST: f64 = 0.7;

/// Brings spectra of one survey to a grid of the rest frame.
#[derive(Debug, Clone)]
pub(super) struct RestLattice {
    grid: LogGrid,
    /// Step of the survey's pixels in log10 λ and their weights, pixel 0 from the grid's blue edge on;
    /// `None` where they are not even.
    even: Option<(f64, Rebin)>,
    noise_rho: Vec<f32>,
    /// Of the noise of the survey's pixels, where it is not as their inverse variances say.
    law: Option<NoiseLaw>,
}

impl RestLattice {
    pub fn new(grid: &LogGrid, pixels: &Pixels) -> Self {
        let (step, native) = match pixels {
            Pixels::Sdss => (Some(SDSS_STEP), None),
            Pixels::Shared(p) | Pixels::Own(p) => (even(p), Some(p)),
        };
        let lattice = |step: f64| {
            let n = (grid.pixels as f64 * grid.dloglam / step).ceil() as i64;
            let edge = |i: i64| edge(grid) + i as f64 * step;
            // One more on either side.
            let pixels: Vec<[f64; 2]> = (-1..=n).map(|i| [edge(i), edge(i + 1)]).collect();
            (step, Rebin::new(grid, &pixels, -1))
        };
        let even = step.map(lattice);
        let noise_rho = match (&even, native) {
            (Some((_, rebin)), _) => rebin.noise_rho(),
            (None, Some(pixels)) => mean_rho(grid, pixels),
            (None, None) => vec![0.0; grid.pixels],
        };
        Self {
            grid: *grid,
            even,
            noise_rho,
            law: None,
        }
    }

    /// The same, for spectra whose noise is correlated by `law`, which is one of observed wavelengths.
    pub fn with_noise(mut self, law: &NoiseLaw) -> Self {
        if let Some((_, rebin)) = &self.even {
            self.noise_rho = mean_over_moves(&self.grid, |grid| {
                rebin.clone().with_noise(grid, law).noise_rho()
            });
        }
        self.law = Some(law.clone());
        self
    }

    /// Correlation of the noise of each pixel with the next, `[D]`; of spectra that each have weights of
    /// their own, the mean over many redshifts.
    pub fn noise_rho(&self) -> Vec<f32> {
        self.noise_rho.clone()
    }

    /// Rebins `spectrum` of an object at redshift `z` > −1 into row `row` of `block`; gives the redshift
    /// by which it was moved, within half a pixel of its own of `z`.
    pub fn regrid(&self, spectrum: &Spectrum, z: f64, block: &mut Block, row: usize) -> f64 {
        let moved = (1.0 + z).log10();
        let on_lattice = self.even.as_ref().and_then(|(step, rebin)| {
            let start = start(&spectrum.grid, *step)?;
            let (first, z_grid) = whole(&self.grid, start, *step, z);
            Some((rebin, first as i64, z_grid))
        });
        let own;
        let (rebin, first, z_grid) = match on_lattice {
            Some(found) => found,
            None => {
                let pixels = spectrum.grid.pixels(spectrum.flux.len());
                let pixels: Vec<[f64; 2]> = (pixels.iter())
                    .map(|p| p.map(|edge| edge - moved))
                    .collect();
                own = Rebin::new(&self.grid, &pixels, 0);
                (&own, 0, z)
            }
        };
        let correlated;
        let rebin = match &self.law {
            Some(law) => {
                correlated = rebin.clone().with_noise(&moved_by(&self.grid, z_grid), law);
                &correlated
            }
            None => rebin,
        };
        rebin.apply(
            spectrum,
            first,
            block.flux.row_mut(row),
            block.ivar.row_mut(row),
            block.lsf.row_mut(row),
        );
        rebin.carry(&self.grid, spectrum, first, block, row);
        z_grid
    }
}

/// log10 of the blue edge of the grid.
fn edge(grid: &LogGrid) -> f64 {
    grid.loglam0 - 0.5 * grid.dloglam
}

/// log10 of the blue edge of the first pixel of `native`, if its pixels are even with this `step`.
fn start(native: &NativeGrid, step: f64) -> Option<f64> {
    let same = |its: f64| (its / step - 1.0).abs() < SAME;
    match native {
        NativeGrid::Sdss { first } => same(SDSS_STEP).then_some(SDSS_STEP * (*first as f64 - 0.5)),
        NativeGrid::Pixels(pixels) => even(pixels).filter(|s| same(*s)).map(|_| pixels[0][0]),
    }
}

/// Step of pixels that are even in log λ, from blue to red and without gaps.
pub(crate) fn even(pixels: &[[f64; 2]]) -> Option<f64> {
    let (first, last) = (pixels.first()?[0], pixels.last()?[1]);
    let step = (last - first) / pixels.len() as f64;
    let at = |i: usize| first + i as f64 * step;
    let near = |a: f64, b: f64| (a - b).abs() < EVEN * step;
    let all = |(i, p): (usize, &[f64; 2])| near(p[0], at(i)) && near(p[1], at(i + 1));
    (step > 0.0 && pixels.iter().enumerate().all(all)).then_some(step)
}

/// The mean of the correlations that spectra on `pixels` have after moves of many lengths, where they have any.
fn mean_rho(grid: &LogGrid, pixels: &[[f64; 2]]) -> Vec<f32> {
    mean_over_moves(grid, |moved| {
        let by = moved.loglam0 - grid.loglam0;
        let there: Vec<[f64; 2]> = (pixels.iter()).map(|p| p.map(|e| e - by)).collect();
        Rebin::new(grid, &there, 0).noise_rho()
    })
}

/// The mean of what `rho` gives for the grid as objects of many redshifts show it, where it is not 0.
fn mean_over_moves(grid: &LogGrid, rho: impl Fn(&LogGrid) -> Vec<f32>) -> Vec<f32> {
    let mut sums = vec![(0.0f32, 0.0f32); grid.pixels];
    for k in 0..MOVES {
        let z = 10f64.powf(FURTHEST * k as f64 / MOVES as f64) - 1.0;
        let rho = rho(&moved_by(grid, z));
        for (sum, rho) in sums.iter_mut().zip(rho).filter(|(_, rho)| *rho != 0.0) {
            *sum = (sum.0 + rho, sum.1 + 1.0);
        }
    }
    sums.iter().map(|(sum, n)| sum / n.max(1.0)).collect()
}

/// Where objects that were moved by `z_grid` show the grid.
fn moved_by(grid: &LogGrid, z_grid: f64) -> LogGrid {
    LogGrid {
        loglam0: grid.loglam0 + (1.0 + z_grid).log10(),
        ..*grid
    }
}

/// The redshift by which SDSS spectra of an object at redshift `z` are moved to `grid`
/// ([`Object::z_grid`](crate::data::Object)).
#[must_use]
pub fn z_grid(grid: &LogGrid, z: f64) -> f64 {
    if !grid.is_rest() {
        return 0.0;
    }
    let start = -0.5 * SDSS_STEP;
    let (_, z_grid) = whole(grid, start, SDSS_STEP, z);
    z_grid
}

/// The pixel, of `step` each and counted from the grid's blue edge, that the first pixel of a spectrum
/// becomes whose blue edge is `start`, log10; and the redshift of this move.
fn whole(grid: &LogGrid, start: f64, step: f64, z: f64) -> (f64, f64) {
    let first = ((start - (1.0 + z).log10() - edge(grid)) / step).round();
    let moved = start - edge(grid) - first * step;
    (first, 10f64.powf(moved) - 1.0)
}
