//! A Gaussian population in the rest frame behind a wide blur, by expectation maximisation.
//!
//! Each spectrum shows its own window of the rest frame. With H = Uᵀ S̄ the channel on the modes that
//! it passes, M = Uᵀ N⁻¹ U what the pixels of a spectrum tell of these and d = Uᵀ N⁻¹ (y − E f), its
//! posterior mean is m + X v with X = C Hᵀ and v = (1 + M S)⁻¹ d, S the signal's covariance, and its
//! covariance C − X (1 + M S)⁻¹ M Xᵀ: a round costs little more than a matrix product a bin of redshift.
//!
//! Rounds find a mean slowly where one spectrum tells little of a mode, though all of them tell it well: each
//! goes the part of the way that one spectrum knows. So the mean is solved for.

use super::linalg::{Cholesky, eigen};
use super::rest_bins::Bins;
use super::rest_grid::RestGrid;
use super::rest_passed::{Passed, Signal};
use crate::Result;
use crate::data::{Block, RowBlock};
use ndarray::{Array1, Array2, ArrayView1, Axis, s};
use rayon::prelude::*;
use std::ops::Range;

/// Spectra that it is learned from, at most: evenly spread over more.
const SPECTRA: usize = 8192;
/// Bins of redshift: this part of the blur's σ, and at most so many.
const PART: f64 = 0.25;
const BINS: usize = 128;
/// A wave whose signal-to-noise ratio in one spectrum, of variances, is at least this has been found by the rounds.
pub(super) const RATIO: f64 = 0.3;
/// The mean's variance about a first one over the population's: between this and 1, at so many steps.
const SCALE_MIN: f64 = 1e-4;
const SCALES: usize = 40;

/// What the spectra of a bin tell of the modes: d, but that E f is not subtracted, and M.
#[derive(Default)]
struct Told {
    /// Those of one noise level and no masked pixel, for which M is a multiple of the identity.
    even: Vec<(Array1<f64>, f64)>,
    uneven: Vec<(Array1<f64>, Array2<f64>)>,
}

impl Told {
    fn add(&mut self, passed: &Passed<'_>, flux: ArrayView1<f32>, ivar: ArrayView1<f32>) {
        let ivar = ivar.mapv(f64::from);
        let answer = passed.basis.t().dot(&(flux.mapv(f64::from) * &ivar));
        let ends = |(a, b): (f64, f64), v: &f64| (a.min(*v), b.max(*v));
        let (low, high) = ivar.iter().fold((f64::INFINITY, 0.0), ends);
        if high <= low * 1.000_02 {
            self.even.push((answer, high));
        } else {
            let scaled = &passed.basis * &ivar.insert_axis(Axis(1));
            self.uneven.push((answer, passed.basis.t().dot(&scaled)));
        }
    }

    fn len(&self) -> usize {
        self.even.len() + self.uneven.len()
    }
}

/// Spectra by bins of redshift.
pub(super) struct Spectra<'a> {
    passed: &'a Passed<'a>,
    bins: Bins,
    told: Vec<Told>,
    count: usize,
}

/// What the spectra of a bin ask of the population.
struct Asked {
    /// Σ v, Σ v vᵀ and Σ (1 + M S)⁻¹ M.
    mean: Array1<f64>,
    scatter: Array2<f64>,
    known: Array2<f64>,
}

impl<'a> Spectra<'a> {
    /// Those of `rows` whose redshifts are on `grid`; `of` is about how many there are.
    ///
    /// # Errors
    /// The first of `rows`.
    pub fn new(
        rows: impl Iterator<Item = Result<Block>>,
        grid: &RestGrid,
        passed: &'a Passed<'a>,
        (blur, of): (f64, usize),
    ) -> Result<Self> {
        let bins = Bins::new(grid, blur, PART, BINS);
        let every = of.div_ceil(SPECTRA).max(1);
        let mut told: Vec<Told> = (0..bins.len()).map(|_| Told::default()).collect();
        let mut number = 0;
        for block in rows {
            let block = block?;
            for i in 0..block.len() {
                let Some(shift) = grid.shift(block.z[i]) else {
                    continue;
                };
                if number % every == 0 {
                    told[bins.of(shift)].add(passed, block.flux.row(i), block.ivar.row(i));
                }
                number += 1;
            }
        }
        Ok(Self {
            passed,
            bins,
            count: told.iter().map(Told::len).sum(),
            told,
        })
    }

    /// The population after one round from `mean` `[L]` and `covariance` [L, L].
    pub fn round(
        &self,
        mean: &Array1<f64>,
        covariance: &Array2<f64>,
    ) -> (Array1<f64>, Array2<f64>) {
        let parts: Vec<_> = self
            .each(|window, told| {
                let asked = self.asked(&window, told, [mean, mean], covariance);
                let cross = covariance
                    .slice(s![.., window])
                    .dot(&self.passed.through.t());
                let inner = cross.dot(&(&asked.scatter - &asked.known));
                (cross.dot(&asked.mean), inner.dot(&cross.t()))
            })
            .collect();
        let n = self.count.max(1) as f64;
        let mut change = Array1::<f64>::zeros(mean.len());
        let mut next = covariance.clone();
        for (own, pairs) in parts {
            change.scaled_add(1.0 / n, &own);
            next.scaled_add(1.0 / n, &pairs);
        }
        let column = change.view().insert_axis(Axis(1));
        next -= &column.dot(&column.t());
        (mean + &change, (&next + &next.t()) * 0.5)
    }

    /// The mean `[L]` given all spectra of this `covariance` [L, L], if it differs from `about` as spectra of the
    /// covariance `scale` C [L, L] do from their mean, but s times as much in variance; `mean` is near enough to it
    /// to tell what the tilt does. With F Fᵀ = C, A the information on the mean, B what the residuals about `about` say of it, and Fᵀ A F = V Λ Vᵀ,
    /// it is `about` + F V s (1 + s Λ)⁻¹ Vᵀ Fᵀ B. The s is the most likely one for the modes that rounds have not
    /// found.
    pub fn mean(
        &self,
        (about, scale): (&Array1<f64>, &Array2<f64>),
        mean: &Array1<f64>,
        covariance: &Array2<f64>,
    ) -> Array1<f64> {
        let (values, vectors) = eigen(scale);
        let factor = &vectors * &values.mapv(|v| v.max(0.0).sqrt());
        let parts: Vec<(Array1<f64>, Array2<f64>)> = self
            .each(|window, told| {
                let asked = self.asked(&window, told, [mean, about], covariance);
                let seen = self.passed.through.dot(&factor.slice(s![window, ..]));
                let information = seen.t().dot(&asked.known.dot(&seen));
                (seen.t().dot(&asked.mean), information)
            })
            .collect();
        let l = mean.len();
        let (mut right, mut system) = (Array1::<f64>::zeros(l), Array2::<f64>::zeros((l, l)));
        for (said, information) in parts {
            right += &said;
            system += &information;
        }
        let (known, modes) = eigen(&system);
        let known = known.mapv(|v| v.max(0.0));
        let said = modes.t().dot(&right);
        let most = RATIO * self.count as f64;
        let weak = (known.iter().copied())
            .zip(said.iter().copied())
            .filter(|(known, _)| *known < most)
            .collect::<Vec<_>>();
        let times = most_likely(&weak);
        let gain = known.mapv(|v| times / (1.0 + times * v));
        about + &factor.dot(&modes.dot(&(gain * said)))
    }

    /// The information of a pixel, 1/σ², on average.
    pub fn information(&self) -> f64 {
        let uneven = |m: &Array2<f64>| m.diag().sum() / m.nrows().max(1) as f64;
        let sum = |told: &Told| -> f64 {
            let even = told.even.iter().map(|(_, v)| v).sum::<f64>();
            even + told.uneven.iter().map(|(_, m)| uneven(m)).sum::<f64>()
        };
        self.told.iter().map(sum).sum::<f64>() / self.count.max(1) as f64
    }

    /// What `f` makes of the windows of the bins and their spectra.
    fn each<'f, T: Send>(
        &'f self,
        f: impl Fn(Range<usize>, &Told) -> T + Sync + Send + 'f,
    ) -> impl IndexedParallelIterator<Item = T> + 'f {
        let some: Vec<usize> = (0..self.told.len())
            .filter(|b| self.told[*b].len() > 0)
            .collect();
        some.into_par_iter()
            .map(move |b| f(self.bins.window(b), &self.told[b]))
    }

    /// Of the spectra of a window, the signal being that of the first of two means and the residuals those
    /// about the second.
    fn asked(
        &self,
        window: &Range<usize>,
        told: &Told,
        [mean, about]: [&Array1<f64>; 2],
        covariance: &Array2<f64>,
    ) -> Asked {
        let part = s![window.clone(), window.clone()];
        let own = mean.slice(s![window.clone()]);
        let signal = Signal {
            mean: self.passed.through.dot(&about.slice(s![window.clone()])),
            ..self.passed.signal(own, covariance.slice(part))
        };
        let k = signal.mean.len();
        let mut asked = Asked {
            mean: Array1::zeros(k),
            scatter: Array2::zeros((k, k)),
            known: Array2::zeros((k, k)),
        };
        asked.add_even(&told.even, &signal);
        for (answer, information) in &told.uneven {
            asked.add_uneven(answer, information, &signal);
        }
        asked
    }
}

/// The variance s under which numbers of variance λ + s λ² are most likely, of pairs (λ, number).
fn most_likely(pairs: &[(f64, f64)]) -> f64 {
    let evidence = |s: f64| -> f64 {
        let of =
            |(known, said): &(f64, f64)| s * said * said / (1.0 + s * known) - (s * known).ln_1p();
        pairs.iter().map(of).sum()
    };
    let scales = (0..=SCALES).map(|k| (SCALE_MIN.ln() * k as f64 / SCALES as f64).exp());
    let found = scales.map(|s| (evidence(s), s));
    found
        .fold((f64::NEG_INFINITY, 1.0), |best, new| {
            if new.0 > best.0 { new } else { best }
        })
        .1
}

impl Asked {
    /// In the basis in which S is diagonal, and all at once.
    fn add_even(&mut self, told: &[(Array1<f64>, f64)], signal: &Signal) {
        let k = signal.mean.len();
        let residual = Array2::from_shape_fn((told.len(), k), |(i, j)| {
            told[i].0[j] - told[i].1 * signal.mean[j]
        });
        let weight = |i: usize, j: usize| 1.0 / (1.0 + told[i].1 * signal.variances[j]);
        let mut v = residual.dot(&signal.vectors);
        let mut known = Array1::<f64>::zeros(k);
        for ((i, j), v) in v.indexed_iter_mut() {
            *v *= weight(i, j);
            known[j] += told[i].1 * weight(i, j);
        }
        let vectors = &signal.vectors;
        self.mean += &vectors.dot(&v.sum_axis(Axis(0)));
        self.scatter += &vectors.dot(&v.t().dot(&v)).dot(&vectors.t());
        self.known += &(vectors * &known).dot(&vectors.t());
    }

    /// (1 + M W Wᵀ)⁻¹ = 1 − M W (1 + Wᵀ M W)⁻¹ Wᵀ, W Wᵀ = S.
    fn add_uneven(&mut self, answer: &Array1<f64>, m: &Array2<f64>, signal: &Signal) {
        let residual = answer - &m.dot(&signal.mean);
        let w = &signal.vectors * &signal.variances.mapv(f64::sqrt);
        let right = m.dot(&w);
        let system = w.t().dot(&right) + Array2::<f64>::eye(w.ncols());
        let Some(factor) = Cholesky::new(&system) else {
            return;
        };
        let side = w.t().dot(&residual).insert_axis(Axis(1));
        let v = &residual - &right.dot(&factor.solve(&side).column(0));
        let known = m - &right.dot(&factor.solve(&right.t().to_owned()));
        self.mean += &v;
        let column = v.view().insert_axis(Axis(1));
        self.scatter += &column.dot(&column.t());
        self.known += &known;
    }
}
