//! The posterior of a Gaussian population in the rest frame behind a channel, for batches of
//! observations at known redshifts.

use super::channel::Channel;
use super::gaussian_start::uneven;
use super::joint::factor;
use super::rest_bins::Bins;
use super::rest_moments::RestMoments;
use super::rest_passed::Passed;
use super::scatter_table::ScatterTable;
use super::seen_patterns::seen_patterns;
use crate::base::random::Rows;
use crate::forward::{Anchor, Latent};
use crate::transport::Start;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};
use rayon::prelude::*;
use tch::{Device, Kind, Tensor};

/// Bins of redshift: this part of the blur's σ, and at most so many, of many modes fewer.
const PART: f64 = 0.125;
const BINS: [usize; 2] = [64, 24];
const MANY: usize = 256;
/// A redshift so far beyond those that the population was learned from, in ln(1 + z), counts as the last one.
const BEYOND: f64 = 0.01;
/// Least scatter of a pixel over the population's.
const LEAST: f64 = 1e-2;
/// Rows at once.
const ROWS: i64 = 16;

/// A spectrum of bin b shows a window of the rest frame, f = E f + W ζ behind the channel and ζ standard
/// normal; G = Cov(x, ζ) = C Q is what f says of x. With the information A = 1 + Wᵀ N⁻¹ W the posterior's
/// mean is E x + G A⁻¹ Wᵀ N⁻¹ (y − E f). For a draw x′ of the population, ζ″ = Qᵀ (x′ − E x) + E η, η
/// standard normal, is the ζ that belongs to it, and mean + (x′ − E x) + G (A^(−1/2) ζ‴ − ζ″) is a draw of
/// the posterior. Spectra of no known redshift have a window of their own, that of the whole population
/// in the observed frame, which comes last.
#[derive(Debug)]
pub struct RestStart {
    /// ln(1 + z) of the first bin's beginning, what a pixel and a bin cover in it, and how many bins there are.
    furthest: f64,
    pixel: f64,
    bin: f64,
    bins: i64,
    /// Each of all windows: E x and E f [b, D], deviations of x and variances of f [b, D].
    mean: Tensor,
    seen: Tensor,
    deviation: Tensor,
    signal_variance: Tensor,
    /// W, G and Q [b, D, K], E [b, K, K].
    modes: Tensor,
    gains: Tensor,
    project: Tensor,
    excess: Tensor,
    /// λ = eigenvalues of W Wᵀ, [b, K].
    variances: Tensor,
    scatter: ScatterTable,
    /// Fᵀ with F Fᵀ = C on the rest frame, and on the observed one in the columns after it, [M, L + D]; the
    /// columns at which each window begins, int64 [b].
    factor: Tensor,
    from: Tensor,
    /// The mean blur and the covariance of spectra of any redshift, [D, D].
    blur: Tensor,
    whole: Tensor,
}

// SAFETY: libtorch lets several threads read its tensors, and nothing else is done with them.
unsafe impl Sync for RestStart {}

/// One window in double precision.
struct Window {
    mean: Array1<f64>,
    seen: Array1<f64>,
    own: Array1<f64>,
    modes: Array2<f64>,
    gains: Array2<f64>,
    project: Array2<f64>,
    excess: Array2<f64>,
    variances: Array1<f64>,
}

impl Window {
    fn new(passed: &Passed<'_>, mean: ArrayView1<f64>, covariance: ArrayView2<f64>) -> Self {
        let signal = passed.signal(mean, covariance);
        let kept = signal.kept();
        let vectors = signal.vectors.slice(s![.., ..kept]);
        let root = signal.variances.slice(s![..kept]).mapv(f64::sqrt);
        let project = passed.through.t().dot(&(&vectors / &root));
        let gains = covariance.dot(&project);
        let excess = Array2::<f64>::eye(kept) - project.t().dot(&gains);
        Self {
            mean: mean.to_owned(),
            seen: passed.basis.dot(&signal.mean),
            own: covariance.diag().mapv(|v| v.max(0.0)),
            modes: passed.basis.dot(&(&vectors * &root)),
            gains,
            project,
            excess,
            variances: root.mapv(|r| r * r),
        }
    }
}

impl RestStart {
    /// For the moments of a population and the channel that it is seen through.
    #[must_use]
    pub fn new(moments: &RestMoments, channel: &Channel, device: Device) -> Self {
        let passed = Passed::new(channel);
        let most = BINS[usize::from(passed.modes() > MANY)];
        let grid = &moments.grid;
        let bins = Bins::new(grid, channel.sigma_pixels, PART, most);
        let whole = moments.observed();
        let windows: Vec<Window> = (0..=bins.len())
            .into_par_iter()
            .map(|b| match b < bins.len() {
                true => {
                    let w = bins.window(b);
                    let own = moments.covariance.slice(s![w.clone(), w.clone()]);
                    Window::new(&passed, moments.mean.slice(s![w]), own)
                }
                false => Window::new(&passed, whole.0.view(), whole.1.view()),
            })
            .collect();
        let (l, d) = (grid.len() as i64, grid.pixels as i64);
        let from: Vec<i64> = (0..bins.len())
            .map(|b| bins.window(b).start as i64)
            .chain([l])
            .collect();
        let covariances = [&moments.covariance, &whole.1];
        let (blur, device) = (&channel.mean_blur, (moments, device));
        Self::of(
            &windows,
            device,
            (covariances, blur),
            (&bins, &from),
            [l, d],
        )
    }

    fn of(
        windows: &[Window],
        (moments, device): (&RestMoments, Device),
        (covariances, blur): ([&Array2<f64>; 2], &Array2<f64>),
        (bins, from): (&Bins, &[i64]),
        [l, d]: [i64; 2],
    ) -> Self {
        let k = windows.iter().map(|w| w.variances.len()).max().unwrap_or(1) as i64;
        let stacked = |of: &dyn Fn(&Window) -> Tensor| {
            Tensor::stack(&windows.iter().map(of).collect::<Vec<_>>(), 0)
        };
        // Windows with fewer modes have some that say nothing.
        let columns = |t: Tensor| t.constant_pad_nd([0, k - t.size()[1]]);
        let mean = stacked(&|w| row(&w.mean));
        let own = stacked(&|w| row(&w.own));
        let variances = stacked(&|w| columns(row(&w.variances).unsqueeze(0)).squeeze_dim(0));
        let gains = stacked(&|w| columns(matrix(&w.gains)));
        let largest = variances.max().double_value(&[]).max(f64::MIN_POSITIVE);
        let levels = ScatterTable::levels(largest).view([1, -1, 1]);
        let told = variances.unsqueeze(1) / (variances.unsqueeze(1) + levels);
        let left = own.unsqueeze(1) - told.bmm(&gains.square().transpose(1, 2));
        let least = own.mean(Kind::Double) * (LEAST * LEAST);
        let whole = covariances[1];
        let factors = covariances.map(|c| factor(&matrix(c)).tr());
        let most = l.max(d);
        let factors = factors.map(|f| f.constant_pad_nd([0, 0, 0, most - f.size()[0]]));
        let single = |t: &Tensor| t.to_kind(Kind::Float).contiguous().to_device(device);
        Self {
            furthest: moments.grid.furthest(),
            pixel: moments.grid.dln(),
            bin: bins.step() as f64 * moments.grid.dln(),
            bins: bins.len() as i64,
            mean: single(&mean),
            seen: single(&stacked(&|w| row(&w.seen))),
            deviation: single(&own.maximum(&least).sqrt()),
            signal_variance: single(&stacked(&|w| row(&(&w.modes * &w.modes).sum_axis(Axis(1))))),
            modes: single(&stacked(&|w| columns(matrix(&w.modes)))),
            gains: single(&gains),
            project: single(&stacked(&|w| columns(matrix(&w.project)))),
            excess: single(&stacked(&|w| {
                let root = factor(&matrix(&w.excess));
                let less = k - root.size()[0];
                root.constant_pad_nd([0, less, 0, less])
            })),
            variances: single(&variances),
            scatter: ScatterTable::new(largest, single(&left.maximum(&least).sqrt())),
            factor: single(&Tensor::cat(&factors, 1)),
            from: Tensor::from_slice(from).to_device(device),
            blur: single(&matrix(blur)),
            whole: single(&matrix(whole)),
        }
    }

    /// The window of each row, int64 `[B]`.
    fn windows(&self, redshift: &Tensor) -> Tensor {
        let from = (redshift.neg() + self.furthest).view([-1]);
        let covered = self.bin * self.bins as f64;
        let known = from.ge(-BEYOND).logical_and(&from.le(covered + BEYOND));
        // The bin of the nearest shift, as in the learning.
        let shift = (from / self.pixel).round();
        let bin = (shift * (self.pixel / self.bin) + 1e-3).floor();
        let bin = bin.clamp(0.0, self.bins as f64 - 1.0);
        let none = bin.full_like(self.bins as f64);
        bin.where_self(&known, &none).to_kind(Kind::Int64)
    }

    /// Of rows in these `windows`: draws x′ − E x of the population [B, D] and what belongs to them, ζ″
    /// [B, K].
    fn drawn(&self, windows: &Tensor, random: &Rows) -> [Tensor; 2] {
        let (d, k) = (self.mean.size()[1], self.variances.size()[1]);
        let all = random
            .normal(100, self.factor.size()[0])
            .matmul(&self.factor);
        let pixel = Tensor::arange(d, (Kind::Int64, all.device()));
        let from = self.from.index_select(0, windows).unsqueeze(1);
        let own = all.gather(1, &(from + pixel), false);
        let eta = random.normal(101, k);
        let belongs = by_rows(&[&own, &eta], windows, |[own, eta], windows| {
            let of = |t: &Tensor| t.index_select(0, windows);
            product(own, &of(&self.project)) + product(eta, &of(&self.excess).transpose(1, 2))
        });
        [own, belongs]
    }

    /// A⁻¹ `right` and A^(−1/2) `z` of rows [B, K] in these windows.
    fn solved(&self, windows: &Tensor, latent: &Latent, [right, z]: [&Tensor; 2]) -> [Tensor; 2] {
        let sigma = &latent.sigma;
        let total = (self.variances.index_select(0, windows) / level(sigma)) + 1.0;
        let (mut mean, mut width) = (right / &total, z / total.sqrt());
        let uneven = uneven(latent);
        for from in (0..uneven.size()[0]).step_by(ROWS as usize) {
            let rows = uneven.narrow(0, from, ROWS.min(uneven.size()[0] - from));
            let of = |t: &Tensor| t.index_select(0, &rows);
            let modes = self.modes.index_select(0, &of(windows));
            let weights = of(&(&latent.good / sigma.square().clamp_min(TINY)));
            let a = modes.transpose(1, 2).bmm(&(&modes * weights.unsqueeze(2)));
            let k = a.size()[1];
            let a = a.to_kind(Kind::Double) + Tensor::eye(k, (Kind::Double, a.device()));
            let l = a.linalg_cholesky(false);
            let double = |t: &Tensor| of(t).to_kind(Kind::Double).unsqueeze(2);
            let found = double(right).cholesky_solve(&l, false);
            let upper = l.transpose(1, 2);
            let wide = upper.linalg_solve_triangular(&double(z), true, true, false);
            for (all, part) in [(&mut mean, found), (&mut width, wide)] {
                let _ = all.index_copy_(0, &rows, &part.squeeze_dim(2).to_kind(Kind::Float));
            }
        }
        [mean, width]
    }
}

impl Start for RestStart {
    fn anchored(&self, y: &Tensor, latent: &Latent, random: &Rows) -> (Tensor, Latent) {
        let windows = self.windows(&latent.redshift);
        let of = |t: &Tensor| t.index_select(0, &windows);
        let residual = (y - of(&self.seen)) * &latent.good;
        let weighted = &residual / latent.sigma.square().clamp_min(TINY);
        let right = by_rows(&[&weighted], &windows, |[weighted], windows| {
            product(weighted, &self.modes.index_select(0, windows))
        });
        let z = random.normal(102, self.variances.size()[1]);
        let [found, width] = self.solved(&windows, latent, [&right, &z]);
        let [own, belongs] = self.drawn(&windows, random);
        let through = |t: &Tensor| self.gained(&windows, t);
        let population = of(&self.mean);
        let mean = &population + through(&found);
        let draw = &mean + own + through(&(width - belongs));
        let deviation = (of(&self.signal_variance) + latent.sigma.square())
            .sqrt()
            .clamp_min(1e-6);
        let deviations = of(&self.deviation);
        let anchor = Anchor {
            scatter: self.scatter.at(&windows, latent, &deviations),
            shift: (&mean - population) / &deviations,
            seen: residual / deviation,
            mean,
        };
        (draw, latent.shallow_clone().on(anchor))
    }

    /// (x′ − E x) − G ζ″ + G A⁻¹ ζ′ of a draw of the population.
    fn prior_error(&self, _: &Tensor, latent: &Latent, random: &Rows) -> Tensor {
        let windows = self.windows(&latent.redshift);
        let z = random.normal(102, self.variances.size()[1]);
        let [left, _] = self.solved(&windows, latent, [&z, &z]);
        let [own, belongs] = self.drawn(&windows, random);
        own + self.gained(&windows, &(left - belongs))
    }

    fn seen_patterns(&self, latent: &Latent) -> Option<Tensor> {
        seen_patterns(&self.blur, &self.whole, latent)
    }
}

impl RestStart {
    /// G ζ of rows [B, K] in these windows, [B, D].
    fn gained(&self, windows: &Tensor, modes: &Tensor) -> Tensor {
        by_rows(&[modes], windows, |[modes], windows| {
            let gains = self.gains.index_select(0, windows);
            product(modes, &gains.transpose(1, 2))
        })
    }
}

/// Noise variances below this count as this.
const TINY: f64 = 1e-20;

/// σ² of rows with one noise level, [B, 1].
fn level(sigma: &Tensor) -> Tensor {
    sigma.narrow(1, 0, 1).square().clamp_min(TINY)
}

/// What `f` makes of a few rows of `parts` and their windows at a time: the matrices of each take memory.
fn by_rows<const N: usize>(
    parts: &[&Tensor; N],
    windows: &Tensor,
    f: impl Fn([&Tensor; N], &Tensor) -> Tensor,
) -> Tensor {
    let n = windows.size()[0];
    let some = |from: i64| {
        let of = |t: &Tensor| t.narrow(0, from, ROWS.min(n - from));
        let parts = parts.map(of);
        f(std::array::from_fn(|i| &parts[i]), &of(windows))
    };
    let made: Vec<Tensor> = (0..n).step_by(ROWS as usize).map(some).collect();
    Tensor::cat(&made, 0)
}

/// Row i of `x` [n, a] times matrix i of `m` [n, a, b].
fn product(x: &Tensor, m: &Tensor) -> Tensor {
    x.unsqueeze(1).bmm(m).squeeze_dim(1)
}

fn row(v: &Array1<f64>) -> Tensor {
    Tensor::from_slice(&v.to_vec())
}

fn matrix(a: &Array2<f64>) -> Tensor {
    let flat: Vec<f64> = a.iter().copied().collect();
    Tensor::from_slice(&flat).view([a.nrows() as i64, a.ncols() as i64])
}
