//! A population in the rest frame as an observation shows it: behind the channel's mean blur.

use super::banded::{BandMatrix, BandedSolver};
use super::blur::blur_matrix;
use super::channel::Channel;
use super::linalg::Cholesky;
use super::rest_drift::Drift;
use super::rest_population::RestPopulation;
use super::rest_sums::AMPLITUDE;
use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate, s};

/// Pixels beyond which the blur's kernel is as good as zero, besides 4 σ: a narrow one rings.
const RINGING: usize = 8;

/// The standard deviation of an amplitude is at least so many times as large as noise makes it off by.
const FAR: f64 = 3.0;

/// By how much the standard deviation of an amplitude is larger than √[`AMPLITUDE`] where noise makes the one
/// that was found off by the part `error` of it: 1 but for objects that hardly show.
pub(super) fn doubt(error: f64) -> f64 {
    (FAR * error / AMPLITUDE.sqrt()).max(1.0)
}

/// A population with mean m and covariance C behind the blur H; with amplitudes, C has a mode √v s for what
/// the one found is off by.
#[derive(Debug)]
pub(super) struct Seen {
    /// H m and H s, `[L]`.
    pub mean: Array1<f64>,
    pub slope: Array1<f64>,
    /// The mean's drift, H d.
    pub drift: Option<Drift>,
    /// F and H F, F Fᵀ = C.
    pub own: Array2<f64>,
    pub factor: Array2<f64>,
    /// Of clean spectra of amplitude 1, `[L]`.
    pub variances: Array1<f64>,
    /// Whether the last column of both, and of the modes, is that of the amplitude.
    pub scaled: bool,
    covariance: Covariance,
}

/// C and H C Hᵀ.
#[derive(Debug)]
enum Covariance {
    /// C Hᵀ and H C Hᵀ, `[L, L]`.
    Dense {
        cross: Array2<f64>,
        seen: Array2<f64>,
    },
    Banded(Box<Banded>),
}

/// C = M Mᵀ + B, M `[L, K]` broad modes and B a band; H a band; and both of H C Hᵀ.
#[derive(Debug)]
struct Banded {
    modes: Array2<f64>,
    band: BandMatrix,
    blur: BandMatrix,
    seen_modes: Array2<f64>,
    seen_band: BandMatrix,
}

/// The inverse of the covariance of an observation.
#[derive(Debug)]
pub(super) enum Solver {
    Dense(Cholesky),
    Banded(BandedSolver),
}

impl Solver {
    /// S⁻¹ b for the columns of `b` `[D, k]`.
    pub fn solve(&self, b: &Array2<f64>) -> Array2<f64> {
        match self {
            Self::Dense(solver) => solver.solve(b),
            Self::Banded(solver) => solver.solve(b),
        }
    }

    /// ln |S|; masked pixels count as 1.
    pub fn log_determinant(&self) -> f64 {
        match self {
            Self::Dense(solver) => solver.log_determinant(),
            Self::Banded(solver) => solver.log_determinant(),
        }
    }
}

impl Seen {
    pub fn new(population: &RestPopulation, channel: &Channel) -> Self {
        let l = population.grid.len();
        let sigma = channel.sigma_pixels;
        let whole = blur_matrix(&vec![sigma; l]);
        let mean = whole.dot(&population.mean);
        let slope = whole.dot(population.slope());
        let drift = population.drift.as_ref().map(|d| Drift {
            slope: whole.dot(&d.slope),
            ..d.clone()
        });
        let own = with_amplitude(&population.factor, population);
        let rows = population.factor.rows();
        let variances = rows.into_iter().map(|f| f.dot(&f)).collect();
        let Some(structure) = &population.structure else {
            let factor = whole.dot(&own);
            let covariance = Covariance::Dense {
                cross: own.dot(&factor.t()),
                seen: factor.dot(&factor.t()),
            };
            return Self {
                mean,
                slope,
                drift,
                own,
                factor,
                variances,
                scaled: population.scaled,
                covariance,
            };
        };
        let reach = if sigma > 0.0 {
            RINGING + (4.0 * sigma).ceil() as usize
        } else {
            0
        };
        let blur = BandMatrix::of(&whole, reach);
        let (modes, band) = (
            with_amplitude(&structure.modes, population),
            &structure.band,
        );
        let half = blur.dot(band.dense().view());
        let seen_band = blur.dot(half.t()).reversed_axes();
        Self {
            mean,
            slope,
            drift,
            factor: blur.dot(own.view()),
            own,
            variances,
            scaled: population.scaled,
            covariance: Covariance::Banded(Box::new(Banded {
                seen_modes: blur.dot(modes.view()),
                seen_band: BandMatrix::of(&seen_band, (band.reach() + 2 * reach).min(l - 1)),
                modes,
                band: band.clone(),
                blur,
            })),
        }
    }

    /// The broad modes behind the blur, `[L, K]`, where the population has a structure.
    pub fn modes(&self) -> Option<&Array2<f64>> {
        match &self.covariance {
            Covariance::Dense { .. } => None,
            Covariance::Banded(c) => Some(&c.seen_modes),
        }
    }

    /// The columns `modes`, the amplitude's `doubt` times as large.
    pub fn doubted(&self, modes: ArrayView2<f64>, doubt: f64) -> Array2<f64> {
        let mut modes = modes.to_owned();
        if self.scaled && doubt != 1.0 {
            let last = modes.ncols() - 1;
            modes.column_mut(last).mapv_inplace(|m| m * doubt);
        }
        modes
    }

    /// X u, X = C Hᵀ between the D pixels from `from` on, for the columns of `u` `[D, k]`; the amplitude's
    /// standard deviation is `doubt` times as large.
    pub fn cross(&self, from: usize, u: &Array2<f64>, doubt: f64) -> Array2<f64> {
        let usual = self.usual_cross(from, u);
        if !self.scaled || doubt == 1.0 {
            return usual;
        }
        let (to, last) = (from + u.nrows(), self.own.ncols() - 1);
        let [own, seen] = [&self.own, &self.factor].map(|f| f.slice(s![from..to, last..]));
        usual + own.dot(&seen.t().dot(u)) * (doubt * doubt - 1.0)
    }

    fn usual_cross(&self, from: usize, u: &Array2<f64>) -> Array2<f64> {
        let to = from + u.nrows();
        match &self.covariance {
            Covariance::Dense { cross, .. } => cross.slice(s![from..to, from..to]).dot(u),
            Covariance::Banded(c) => {
                let mut whole = Array2::zeros((c.band.len(), u.ncols()));
                whole.slice_mut(s![from..to, ..]).assign(u);
                let local = c.band.dot(c.blur.transposed_dot(whole.view()).view());
                let broad = c.seen_modes.slice(s![from..to, ..]).t().dot(u);
                c.modes.slice(s![from..to, ..]).dot(&broad) + local.slice(s![from..to, ..])
            }
        }
    }

    /// The inverse of the covariance of an observation of amplitude 1 at the pixels from `from` on,
    /// with the mean `mean` `[D]`, whose noise has the variances `variance` `[D]` and `residues` `[D, K]`, 0 where
    /// masked, and whose amplitude is in `doubt`. `None` if it is not positive definite.
    pub fn solver(
        &self,
        from: usize,
        channel: &Channel,
        [mean, variance]: [&Array1<f64>; 2],
        residues: &Array2<f64>,
        doubt: f64,
    ) -> Option<Solver> {
        let to = from + variance.len();
        let tilt = Tilt {
            variance: channel.tilt_variance,
            lever: &channel.lever_of(variance),
            mean,
        };
        match &self.covariance {
            Covariance::Dense { seen, .. } => {
                let mut signal = seen.slice(s![from..to, from..to]).to_owned();
                if self.scaled && doubt != 1.0 {
                    let mode = self.factor.slice(s![from..to, self.factor.ncols() - 1..]);
                    signal = signal + mode.dot(&mode.t()) * (doubt * doubt - 1.0);
                }
                dense(signal.view(), &tilt, channel, variance, residues)
            }
            Covariance::Banded(c) => {
                let seen = self.doubted(c.seen_modes.slice(s![from..to, ..]), doubt);
                let modes = concatenate![Axis(1), tilt.modes(seen.view(), variance), *residues];
                let noise = |i: usize, j: usize| match i.abs_diff(j) {
                    0 => variance[i],
                    1 => {
                        let rho = channel.noise_rho[i.min(j)];
                        rho * (variance[i] * variance[j]).sqrt()
                    }
                    _ => 0.0,
                };
                let masked = |i: usize| variance[i] <= 0.0;
                let element = |i: usize, j: usize| {
                    if masked(i) || masked(j) {
                        return f64::from(i == j);
                    }
                    c.seen_band.at(from + i, from + j) * tilt.factor(i, j) + noise(i, j)
                };
                let reach = c.seen_band.reach().min(variance.len() - 1);
                let banded = BandedSolver::new(reach, element, modes);
                // A band that is not quite positive semidefinite shows where there is little noise.
                banded.map(Solver::Banded).or_else(|| {
                    let factor = self.doubted(self.factor.slice(s![from..to, ..]), doubt);
                    let signal = factor.dot(&factor.t());
                    dense(signal.view(), &tilt, channel, variance, residues)
                })
            }
        }
    }
}

/// `modes` `[L, K]` and, of a population with amplitudes, one for what they are off by.
fn with_amplitude(modes: &Array2<f64>, population: &RestPopulation) -> Array2<f64> {
    if !population.scaled {
        return modes.clone();
    }
    let mode = (population.slope() * AMPLITUDE.sqrt()).insert_axis(Axis(1));
    concatenate![Axis(1), *modes, mode]
}

/// What an unknown tilt adds: v l lᵀ ∘ (C + m mᵀ).
struct Tilt<'a> {
    variance: f64,
    lever: &'a Array1<f64>,
    mean: &'a Array1<f64>,
}

impl Tilt<'_> {
    fn factor(&self, i: usize, j: usize) -> f64 {
        1.0 + self.variance * self.lever[i] * self.lever[j]
    }

    /// The modes U, U Uᵀ = (1 + v l lᵀ) ∘ M Mᵀ + v l lᵀ ∘ m mᵀ, 0 where `noise` is.
    fn modes(&self, modes: ArrayView2<f64>, noise: &Array1<f64>) -> Array2<f64> {
        let (d, k) = modes.dim();
        let tilted = self.variance > 0.0;
        let root = self.variance.sqrt();
        Array2::from_shape_fn((d, if tilted { 2 * k + 1 } else { k }), |(i, m)| {
            if noise[i] <= 0.0 {
                0.0
            } else if m < k {
                modes[[i, m]]
            } else if m < 2 * k {
                root * self.lever[i] * modes[[i, m - k]]
            } else {
                root * self.lever[i] * self.mean[i]
            }
        })
    }
}

fn dense(
    signal: ArrayView2<f64>,
    tilt: &Tilt<'_>,
    channel: &Channel,
    variance: &Array1<f64>,
    residues: &Array2<f64>,
) -> Option<Solver> {
    let mut a = signal.to_owned();
    if tilt.variance > 0.0 {
        for ((i, j), a) in a.indexed_iter_mut() {
            let (lever, mean) = (tilt.lever, tilt.mean);
            *a += tilt.variance * lever[i] * lever[j] * (*a + mean[i] * mean[j]);
        }
    }
    channel.add_noise(&mut a, variance);
    if residues.ncols() > 0 {
        a += &residues.dot(&residues.t());
    }
    // A masked pixel: its row and column become the identity's, its residual 0.
    for j in (0..variance.len()).filter(|j| variance[*j] <= 0.0) {
        a.row_mut(j).fill(0.0);
        a.column_mut(j).fill(0.0);
        a[[j, j]] = 1.0;
    }
    Cholesky::new(&a).map(Solver::Dense)
}
