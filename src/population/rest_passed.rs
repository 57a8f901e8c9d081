//! A channel on the modes that it passes, for spectra at any redshift.

use super::channel::Channel;
use super::linalg::eigen;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, s};

/// Modes that the blur weakens by more are as good as erased.
const GAIN_MIN: f64 = 1e-3;
/// Modes of the signal with less than this part of its largest variance.
const NEGLIGIBLE: f64 = 1e-6;

/// A channel and the left singular vectors of its mean blur that it passes.
#[derive(Debug)]
pub(super) struct Passed<'a> {
    channel: &'a Channel,
    /// U, [D, K].
    pub basis: Array2<f64>,
    /// Uᵀ S̄, [K, D].
    pub through: Array2<f64>,
}

/// The signal of spectra of one window: f = E f + Σ w_k ζ_k, and what it says of x.
#[derive(Debug)]
pub(super) struct Signal {
    /// Uᵀ E f, `[K]`.
    pub mean: Array1<f64>,
    /// Eigenvalues λ, falling, and eigenvectors as columns of Uᵀ Cov(f) U.
    pub variances: Array1<f64>,
    pub vectors: Array2<f64>,
}

impl<'a> Passed<'a> {
    pub fn new(channel: &'a Channel) -> Self {
        let blur = &channel.mean_blur;
        let (squares, vectors) = eigen(&blur.dot(&blur.t()));
        let kept = squares.iter().take_while(|g| **g > GAIN_MIN * GAIN_MIN);
        let basis = vectors.slice(s![.., ..kept.count().max(1)]).to_owned();
        Self {
            channel,
            through: basis.t().dot(blur),
            basis,
        }
    }

    /// K.
    pub fn modes(&self) -> usize {
        self.basis.ncols()
    }

    /// The signal of spectra with this mean `[D]` and covariance [D, D].
    pub fn signal(&self, mean: ArrayView1<f64>, covariance: ArrayView2<f64>) -> Signal {
        let within = (self.channel).signal_within(&self.basis, mean, covariance);
        let (variances, vectors) = eigen(&within);
        Signal {
            mean: self.through.dot(&mean),
            variances: variances.mapv(|v| v.max(0.0)),
            vectors,
        }
    }
}

impl Signal {
    /// How many modes are not negligible.
    pub fn kept(&self) -> usize {
        let largest = self.variances.first().copied().unwrap_or(0.0);
        let kept = self.variances.iter();
        kept.take_while(|v| **v > NEGLIGIBLE * largest).count()
    }
}
