//! A population in the rest frame behind spectra that each show a part of it, by expectation maximisation.
//!
//! Moments of spectra that are each divided by the amplitude of what they show do not fit together: of two
//! wavelengths they say one thing where the amplitude is that of the ultraviolet, and another where it is that of the
//! optical. Here one model stands for all parts. A spectrum of amplitude a, about which the one found is right but
//! for δ, is y = a ((1 + δ) (m + t d) + M z + b) + n with z standard normal, b local structure of the covariance B
//! (a band), and t its ln(1 + z_object) about the survey's: what changes with redshift at one rest wavelength, the
//! forest first of all, is no scatter. A round takes the posterior of (δ, z) of every spectrum and makes m, d and M
//! anew, pixel by pixel, by least squares of y on (1 + δ, t (1 + δ), z) (Rubin & Thayer 1982); M is then scaled so
//! that z has the scatter that was found (Liu, Rubin & Wu 1998).

use super::banded::{BandMatrix, BandedSolver};
use super::channel::Channel;
use super::linalg::{Cholesky, eigen};
use super::rest_drift::Drift;
use super::rest_grid::RestGrid;
use super::rest_sums::{AMPLITUDE, amplitude};
use crate::Result;
use crate::data::{Block, RowBlock, own_range};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, Axis, concatenate, s};
use rayon::prelude::*;

/// Spectra that a round takes, at most: evenly spread over more.
const SPECTRA: usize = 16_384;
/// Rounds: more of them, and modes follow the noise of the wavelengths that few spectra show.
const ROUNDS: usize = 7;
/// Variance of what a pixel shows besides, in units of its amplitude: without noise it does not count alone.
const LEAST: f64 = 0.02;
/// Pixels that so small a part of the weight shows stay as they were.
const SHOWN_MIN: f64 = 1e-3;
/// Weight of a spectrum that says d = 0, of all at a pixel.
const NO_DRIFT: f64 = 1e-2;
/// Panels of the sums that threads share out: of one width, so that the bits do not depend on their number.
const PANEL: usize = 64;

/// Spectra that show so much of the grid on average have one amplitude each, and moments that fit together: rounds would
/// only follow the noise of a small survey.
const WHOLE: f64 = 0.75;

/// Whether the spectra of `rows` show parts of the grid, on average less than [`WHOLE`] between their first and their
/// last good pixel.
///
/// # Errors
/// The first of `rows`.
pub(super) fn in_parts(rows: impl Iterator<Item = Result<Block>>, grid: &RestGrid) -> Result<bool> {
    let (mut shown, mut spectra) = (0, 0);
    for block in rows {
        let block = block?;
        for i in (0..block.len()).filter(|i| grid.shift(block.z[*i]).is_some()) {
            shown += own_range(block.ivar.row(i)).len();
            spectra += 1;
        }
    }
    Ok((shown as f64) < WHOLE * (spectra * grid.pixels) as f64)
}

/// Mean, drift and broad modes.
pub(super) struct Parts {
    /// m, `[L]`.
    pub mean: Array1<f64>,
    /// d and the range of t at each pixel.
    pub drift: Drift,
    /// M, `[L, K]`.
    pub modes: Array2<f64>,
}

impl Parts {
    /// Made better over the `count` spectra of `rows` on `grid` behind `channel`, whose local structure is `band` as
    /// they show it.
    ///
    /// # Errors
    /// The first of `rows`.
    pub fn learn<I: Iterator<Item = Result<Block>>>(
        mut self,
        rows: impl Fn() -> I,
        (grid, channel, band): (&RestGrid, &Channel, &BandMatrix),
        count: usize,
    ) -> Result<Self> {
        let every = count.div_ceil(SPECTRA).max(1);
        for _ in 0..ROUNDS {
            let mut sums = Sums::new(grid.len(), self.modes.ncols());
            let mut number = 0;
            for block in rows() {
                let block = block?;
                let mut taken = Vec::new();
                for i in (0..block.len()).filter(|i| grid.shift(block.z[*i]).is_some()) {
                    if number % every == 0 {
                        taken.push(i);
                    }
                    number += 1;
                }
                let answers: Vec<Answer> = (taken.par_iter())
                    .filter_map(|i| self.answer(&block, *i, (grid, channel, band)))
                    .collect();
                sums.add(&answers);
            }
            self = sums.parts(self);
        }
        Ok(self)
    }

    /// What the spectrum `i` of `block` says.
    fn answer(
        &self,
        block: &Block,
        i: usize,
        (grid, channel, band): (&RestGrid, &Channel, &BandMatrix),
    ) -> Option<Answer> {
        let (flux, ivar, z) = (block.flux.row(i), block.ivar.row(i), block.z[i]);
        let k = grid.shift(z)?;
        let from = ivar.iter().position(|v| *v > 0.0)?;
        let to = 1 + ivar.iter().rposition(|v| *v > 0.0)?;
        let whole = s![k..k + grid.pixels];
        let t = self.drift.of(z);
        let mean = &self.mean.slice(whole) + &self.drift.at(z, k, grid.pixels);
        let a = amplitude(flux, ivar, mean.view());
        let n = to - from;
        let variance: Array1<f64> = (from..to)
            .map(|j| match ivar[j] > 0.0 {
                true => 1.0 / (f64::from(ivar[j]) * a * a),
                false => 0.0,
            })
            .collect();
        let good = |j: usize| variance[j] > 0.0;
        let (first, root) = (k + from, AMPLITUDE.sqrt());
        let modes = Array2::from_shape_fn((n, 1 + self.modes.ncols()), |(j, m)| match m {
            _ if !good(j) => 0.0,
            0 => root * mean[from + j],
            _ => self.modes[[first + j, m - 1]],
        });
        // What the sky leaves is told apart from z, and forgotten.
        let seen = ivar.mapv(f64::from);
        let residues = channel.residues(&seen, [z, block.norm[i]]) / a;
        let modes = concatenate![Axis(1), modes, residues.slice(s![from..to, ..])];
        let local = |scale: f64| {
            let element = |i: usize, j: usize| {
                if !good(i) || !good(j) {
                    return f64::from(i == j);
                }
                let noise = match i.abs_diff(j) {
                    0 => variance[i],
                    1 => channel.noise_rho[from + i.min(j)] * (variance[i] * variance[j]).sqrt(),
                    _ => 0.0,
                };
                let scale = if i == j { 1.0 } else { scale };
                scale * band.at(first + i, first + j) + noise
            };
            BandedSolver::new(band.reach().min(n - 1), element, modes.clone())
        };
        // A band that is not quite positive semidefinite shows where there is little noise.
        let solver = local(1.0).or_else(|| local(0.0))?;
        let y: Array1<f64> = (from..to).map(|j| f64::from(flux[j]) / a).collect();
        let residual = (0..n).map(|j| if good(j) { y[j] - mean[from + j] } else { 0.0 });
        let (found, left) = solver.modes_given(residual.collect());
        // Of (1 + δ, t (1 + δ), z).
        let terms = self.modes.ncols() + 2;
        let of = |k: usize| match k {
            0 => (0, root),
            1 => (0, root * t),
            _ => (k - 1, 1.0),
        };
        let expected = Array1::from_shape_fn(terms, |k| {
            let (m, scale) = of(k);
            found[m] * scale + [1.0, t].get(k).copied().unwrap_or(0.0)
        });
        let second = Array2::from_shape_fn((terms, terms), |(k, l)| {
            let ((m, a), (n, b)) = (of(k), of(l));
            left[[m, n]] * a * b + expected[k] * expected[l]
        });
        let weight = (0..n).map(|j| match good(j) {
            true => 1.0 / (band.at(first + j, first + j).max(0.0) + variance[j] + LEAST),
            false => 0.0,
        });
        Some(Answer {
            first,
            weight: weight.collect(),
            y,
            expected,
            second,
        })
    }
}

/// What one spectrum says.
struct Answer {
    /// Its first good pixel on the grid.
    first: usize,
    /// From there to the last one: weights, 0 where masked, and y/a.
    weight: Array1<f64>,
    y: Array1<f64>,
    /// E g and E g gᵀ of g = (1 + δ, t (1 + δ), z), `[K + 2]`.
    expected: Array1<f64>,
    second: Array2<f64>,
}

/// Sums over spectra.
struct Sums {
    /// Σ w E g gᵀ, its upper triangle row by row, `[L, (K + 2)(K + 3)/2]`.
    products: Array2<f64>,
    /// Σ w y E g, `[L, K + 2]`.
    answers: Array2<f64>,
    /// Σ E z zᵀ, and how many.
    scatter: Array2<f64>,
    spectra: f64,
}

impl Sums {
    fn new(pixels: usize, modes: usize) -> Self {
        let terms = modes + 2;
        Self {
            products: Array2::zeros((pixels, terms * (terms + 1) / 2)),
            answers: Array2::zeros((pixels, terms)),
            scatter: Array2::zeros((modes, modes)),
            spectra: 0.0,
        }
    }

    fn add(&mut self, answers: &[Answer]) {
        let (l, n) = (self.products.nrows(), answers.len());
        let terms = self.answers.ncols();
        let rows = |value: fn(&Answer) -> Array1<f64>| {
            let mut out = Array2::zeros((n, l));
            for (mut row, answer) in out.rows_mut().into_iter().zip(answers) {
                let to = answer.first + answer.weight.len();
                row.slice_mut(s![answer.first..to]).assign(&value(answer));
            }
            out
        };
        let weights = rows(|a| a.weight.clone());
        let weighted = rows(|a| &a.weight * &a.y);
        let upper = |second: &Array2<f64>| -> Vec<f64> {
            let pairs = (0..terms).flat_map(|i| (i..terms).map(move |j| [i, j]));
            pairs.map(|at| second[at]).collect()
        };
        let flat: Vec<f64> = answers.iter().flat_map(|a| upper(&a.second)).collect();
        let seconds = Array2::from_shape_vec((n, self.products.ncols()), flat).unwrap_or_default();
        let expected = Array2::from_shape_fn((n, terms), |(i, k)| answers[i].expected[k]);
        if n > 0 {
            add_product(&mut self.products, &weights, &seconds);
            add_product(&mut self.answers, &weighted, &expected);
        }
        for answer in answers {
            self.scatter += &answer.second.slice(s![2.., 2..]);
            self.spectra += 1.0;
        }
    }

    /// The parts that answer these sums, `before` where too few spectra show a pixel.
    fn parts(&self, before: Parts) -> Parts {
        let terms = self.answers.ncols();
        let most = self
            .products
            .column(0)
            .iter()
            .fold(0.0, |a: f64, b| a.max(*b));
        let solved: Vec<Option<Array1<f64>>> = (0..self.answers.nrows())
            .into_par_iter()
            .map(|e| {
                let weight = self.products[[e, 0]];
                if weight <= SHOWN_MIN * most {
                    return None;
                }
                let mut known = self.products.row(e).into_iter();
                let mut a = Array2::zeros((terms, terms));
                for i in 0..terms {
                    for (j, v) in (i..terms).zip(&mut known) {
                        a[[i, j]] = *v;
                        a[[j, i]] = *v;
                    }
                }
                a.diag_mut().mapv_inplace(|v| v + 1e-9 * weight);
                a[[1, 1]] += NO_DRIFT * weight * before.drift.spread;
                let b = self.answers.row(e).insert_axis(Axis(1)).to_owned();
                Some(Cholesky::new(&a)?.solve(&b).remove_axis(Axis(1)))
            })
            .collect();
        let mut parts = before;
        for (e, new) in solved.into_iter().enumerate() {
            let Some(new) = new else { continue };
            parts.mean[e] = new[0];
            parts.drift.slope[e] = new[1];
            parts.modes.row_mut(e).assign(&new.slice(s![2..]));
        }
        if self.scatter.is_empty() || self.spectra == 0.0 {
            return parts;
        }
        let (variances, axes) = eigen(&(&self.scatter / self.spectra));
        let scale = variances.mapv(|v| v.max(0.0).sqrt());
        parts.modes = parts.modes.dot(&(&axes * &scale)).dot(&axes.t());
        parts
    }
}

/// `target` `[m, n]` + Aᵀ B of `a` `[k, m]` and `b` `[k, n]`.
fn add_product(target: &mut Array2<f64>, a: &Array2<f64>, b: &Array2<f64>) {
    let panels = target.axis_chunks_iter_mut(Axis(0), PANEL).into_par_iter();
    panels.enumerate().for_each(|(k, mut panel)| {
        let columns = a.slice(s![.., k * PANEL..k * PANEL + panel.nrows()]);
        general_mat_mul(1.0, &columns.t(), b, 1.0, &mut panel);
    });
}
