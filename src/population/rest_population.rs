//! The Gaussian population of clean spectra in the rest frame, learned from observations alone.

use super::channel::Channel;
use super::moments::Accumulator;
use super::rest_drift::Drift;
use super::rest_grid::RestGrid;
use super::rest_parts::{Parts, in_parts};
use super::rest_structure::{Structure, factor, structured};
use super::rest_sums::{MeanSums, Products, Trend, TrendSums};
use crate::Result;
use crate::data::{Block, LogGrid, RowBlock};
use ndarray::{Array1, Array2, s};

/// How often the mean is taken anew over better amplitudes.
const ROUNDS: usize = 3;
/// The same of spectra that each show a part of the grid: amplitudes at one end come to agree with those at
/// the other through the ones between.
const ROUNDS_OF_PARTS: usize = 20;
/// A line-spread function of this σ, pixels, hides the local structure.
const BLUR_MAX: f64 = 3.0;
/// Pixels of the rest-frame grid, at most: a covariance of more takes too much memory and time.
const PIXELS_MAX: usize = 6000;

/// How often the trend is taken anew over amplitudes against its own mean.
const TREND_ROUNDS: usize = 2;

/// What spectra have in common, whatever their scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amplitudes {
    /// Their mean: x = m + F z.
    None,
    /// The shape of their mean: x = a (m + F z), a the amplitude of each.
    Scale,
    /// A mean that goes with the amplitude linearly, pixel by pixel: x = m + (a − 1) s + a F z. Where spectra
    /// are normalised, they differ by less than their amplitudes.
    Trend,
}

/// Spectra x = m + (a − 1) s + a F z on a grid of ln λ_rest: z standard normal, a the amplitude of each,
/// the one of its least squares against m; s = m where spectra are scaled as a whole.
#[derive(Debug, Clone)]
pub struct RestPopulation {
    /// The pixels, L of them.
    pub grid: RestGrid,
    /// m, `[L]`: the mean of spectra of amplitude 1.
    pub mean: Array1<f64>,
    /// s, `[L]`; `None`: m.
    pub slope: Option<Array1<f64>>,
    /// What the mean changes by with redshift, where spectra show parts of the grid.
    pub drift: Option<Drift>,
    /// F, `[L, M]`: F Fᵀ is the covariance of spectra of amplitude 1.
    pub factor: Array2<f64>,
    /// The same covariance as modes and a band, but that it is not quite positive semidefinite; `None`
    /// where it has no such structure.
    pub structure: Option<Structure>,
    /// Whether spectra have amplitudes of their own; without, a = 1.
    pub scaled: bool,
    /// Part of the spectra at each shift of the grid, `[shifts]`.
    pub shifts: Vec<f64>,
    /// Spectra that it was learned from.
    pub spectra: usize,
}

impl RestPopulation {
    /// Whether `channel` leaves the local structure to be seen that the population is learned from.
    #[must_use]
    pub fn is_seen_through(channel: &Channel) -> bool {
        channel.sigma_pixels < BLUR_MAX
    }

    /// Learned from the observations `rows` on `grid` behind `channel`. `rows` gives them as often as it is
    /// called: memory does not grow with their number.
    /// Spectra without a known redshift take no part; `None` if there is no other, or their redshifts
    /// range too widely.
    ///
    /// 1. the mean over the spectra, each divided by its amplitude, which is found anew from the mean; or
    ///    the regression of the spectra on their amplitudes;
    /// 2. covariance over the pixels that both are unmasked, less the known noise, its correlation
    ///    between neighbours and the sky's residues included; noisy spectra count less;
    /// 3. regularisation: broad modes and local power (rest_structure.rs);
    /// 4. of scaled spectra that each show a part of the grid (rest_parts.rs, `in_parts`): mean and broad modes by expectation maximisation
    ///    from there (rest_parts.rs).
    ///
    /// The channel's tilt is left in the covariance of the broad modes.
    ///
    /// # Errors
    /// The first error of `rows`.
    pub fn learn<I: Iterator<Item = Result<Block>>>(
        rows: impl Fn() -> I,
        grid: &LogGrid,
        channel: &Channel,
        amplitudes: Amplitudes,
    ) -> Result<Option<Self>> {
        // Parts of spectra have amplitudes of their own: what they go with differs from part to part.
        let amplitudes = match amplitudes {
            Amplitudes::Trend if grid.is_rest() => Amplitudes::Scale,
            other => other,
        };
        let scaled = amplitudes != Amplitudes::None;
        let rounds = match (scaled, grid.is_rest()) {
            (false, _) => 0,
            (true, false) => ROUNDS,
            (true, true) => ROUNDS_OF_PARTS,
        };
        let Some(grid) = rest_grid(&rows, grid)? else {
            return Ok(None);
        };
        let mut mean = None;
        for _ in 0..=rounds {
            let mut sums = MeanSums::new(&grid);
            for block in rows() {
                sums.add(&block?, &grid, mean.as_ref());
            }
            mean = Some(sums.mean());
        }
        let mut trend = Trend::of_scale(mean.unwrap_or_default());
        if amplitudes == Amplitudes::Trend {
            for _ in 0..TREND_ROUNDS {
                let mut sums = TrendSums::new(&grid);
                for block in rows() {
                    sums.add(&block?, &grid, &trend.mean);
                }
                trend = sums.trend(&trend);
            }
        }
        let mut products = Products::new(&grid, &trend, scaled, channel);
        for block in rows() {
            products.add(&block?);
        }
        let found = products.covariances();
        let mut structure = structured(&found, channel.sigma_pixels);
        let (shifts, spectra) = counted(&products.seen);
        let mut drift = None;
        if scaled && grid.is_rest() && in_parts(rows(), &grid)? {
            let band = structured(&found, 0.0).band;
            let parts = Parts {
                mean: trend.mean,
                drift: Drift::none(rows(), &grid)?,
                modes: structure.modes,
            };
            let parts = parts.learn(&rows, (&grid, channel, &band), spectra)?;
            structure.modes = parts.modes;
            trend = Trend::of_scale(parts.mean);
            drift = Some(parts.drift);
        }
        Ok(Some(Self {
            grid,
            factor: factor(&structure.dense()),
            structure: Some(structure),
            scaled,
            shifts,
            spectra,
            drift,
            slope: (amplitudes == Amplitudes::Trend).then_some(trend.slope),
            mean: trend.mean,
        }))
    }

    /// The moments of clean spectra, given as `rows` with whatever `ivar` > 0; what nobody has.
    ///
    /// # Errors
    /// The first error of `rows`.
    pub fn of_clean<I: Iterator<Item = Result<Block>>>(
        rows: impl Fn() -> I,
        grid: &LogGrid,
    ) -> Result<Option<Self>> {
        let Some(grid) = rest_grid(&rows, grid)? else {
            return Ok(None);
        };
        let (l, d) = (grid.len(), grid.pixels);
        let mut sums = Accumulator::new(l);
        let mut seen = vec![0.0; grid.shifts];
        let rho = Array1::zeros(l);
        for pass in 0..2 {
            for block in rows() {
                let block = block?;
                let known: Vec<usize> = (0..block.len())
                    .filter(|i| grid.shift(block.z[*i]).is_some())
                    .collect();
                let block = block.select(&known);
                let shifts: Vec<usize> = block.z.iter().filter_map(|z| grid.shift(*z)).collect();
                let flux = grid.placed(block.flux.view(), &shifts, 0.0);
                let whole = Array2::from_elem((block.len(), d), f32::INFINITY);
                let ivar = grid.placed(whole.view(), &shifts, 0.0);
                if pass == 0 {
                    shifts.iter().for_each(|k| seen[*k] += 1.0);
                    sums.add_mean(flux.view(), ivar.view());
                } else {
                    sums.add_products(flux.view(), ivar.view(), &rho);
                }
            }
        }
        let moments = sums.clean();
        let (shifts, spectra) = counted(&seen);
        Ok(Some(Self {
            grid,
            mean: moments.mean,
            slope: None,
            drift: None,
            factor: factor(&moments.covariance),
            structure: None,
            scaled: false,
            shifts,
            spectra,
        }))
    }

    /// s, `[L]`.
    #[must_use]
    pub fn slope(&self) -> &Array1<f64> {
        self.slope.as_ref().unwrap_or(&self.mean)
    }

    /// Covariance of spectra of amplitude 1, `[L, L]`.
    #[must_use]
    pub fn covariance(&self) -> Array2<f64> {
        self.factor.dot(&self.factor.t())
    }

    /// The same population as it looks to whom no redshift is told: on the observed grid, that is
    /// one of a single shift.
    #[must_use]
    pub fn observed(&self) -> Self {
        let d = self.grid.pixels;
        let mut mean = Array1::zeros(d);
        let mut slope = Array1::zeros(d);
        let mut second = Array2::zeros((d, d));
        let covariance = self.covariance();
        for (k, part) in self.shifts.iter().enumerate().filter(|(_, p)| **p > 0.0) {
            let window = s![k..k + d, k..k + d];
            let m = self.mean.slice(s![k..k + d]);
            let column = m.insert_axis(ndarray::Axis(1));
            mean.scaled_add(*part, &m);
            slope.scaled_add(*part, &self.slope().slice(s![k..k + d]));
            second.scaled_add(
                *part,
                &(&covariance.slice(window) + &column.dot(&column.t())),
            );
        }
        let column = mean.view().insert_axis(ndarray::Axis(1));
        let factor = factor(&(second - column.dot(&column.t())));
        Self {
            grid: self.grid.unshifted(),
            factor,
            drift: None,
            structure: None,
            scaled: self.scaled,
            shifts: vec![1.0],
            spectra: self.spectra,
            slope: self.slope.as_ref().map(|_| slope),
            mean,
        }
    }
}

/// The grid that the redshifts of `rows` reach over; `None` where none is known, or they range too widely.
pub(super) fn rest_grid<I: Iterator<Item = Result<Block>>>(
    rows: impl Fn() -> I,
    grid: &LogGrid,
) -> Result<Option<RestGrid>> {
    let mut z = Vec::new();
    for block in rows() {
        z.extend(block?.z);
    }
    Ok(RestGrid::new(grid, z.into_iter()).filter(|g| g.len() <= PIXELS_MAX))
}

/// Parts of the spectra at each shift, and how many there are.
fn counted(seen: &[f64]) -> (Vec<f64>, usize) {
    let all: f64 = seen.iter().sum();
    (
        seen.iter().map(|n| n / all.max(1.0)).collect(),
        all as usize,
    )
}
