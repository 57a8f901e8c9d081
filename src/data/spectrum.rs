//! One spectrum on the pixels of its survey.

use super::air::air_to_vacuum;
use std::sync::Arc;

/// The step of every SDSS and BOSS co-added spectrum in log10 wavelength.
pub const SDSS_STEP: f64 = 1e-4;

/// Where the pixels of a survey lie: vacuum wavelengths.
#[derive(Debug, Clone, PartialEq)]
pub enum NativeGrid {
    /// Pixel i is centred on log10(λ/Å) = 1e-4 × (first + i): all SDSS and BOSS co-adds.
    Sdss {
        /// Number of the first pixel.
        first: i64,
    },
    /// Pixel i lies between edges i and i + 1, log10(λ/Å), monotonic.
    Edges(Arc<[f64]>),
}

/// How pixel edges follow from pixel centres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Centres {
    /// The centres are log10 of the wavelength: edges lie halfway in log10.
    Log10,
    /// The centres are wavelengths in Å: edges lie halfway in Å.
    Angstrom,
}

impl NativeGrid {
    /// The grid with these pixel centres; `None` unless there are two or more, finite, positive
    /// (in Å) and strictly monotonic.
    #[must_use]
    pub fn from_centres(centres: &[f64], kind: Centres, air: bool) -> Option<Self> {
        let n = centres.len();
        let positive = |v: &f64| v.is_finite() && (kind == Centres::Log10 || *v > 0.0);
        if n < 2 || !centres.iter().all(positive) {
            return None;
        }
        let up = centres[1] > centres[0];
        if !centres
            .windows(2)
            .all(|w| (w[1] > w[0]) == up && w[1] != w[0])
        {
            return None;
        }
        let mut edges = Vec::with_capacity(n + 1);
        edges.push(1.5 * centres[0] - 0.5 * centres[1]);
        edges.extend(centres.windows(2).map(|w| 0.5 * (w[0] + w[1])));
        edges.push(1.5 * centres[n - 1] - 0.5 * centres[n - 2]);
        let vacuum = |edge: f64| match (kind, air) {
            (Centres::Log10, false) => edge,
            (Centres::Log10, true) => air_to_vacuum(10f64.powf(edge)).log10(),
            (Centres::Angstrom, false) => edge.log10(),
            (Centres::Angstrom, true) => air_to_vacuum(edge).log10(),
        };
        let edges: Arc<[f64]> = edges.into_iter().map(vacuum).collect();
        edges
            .iter()
            .all(|e| e.is_finite())
            .then_some(Self::Edges(edges))
    }

    /// Edges of the first `n` pixels, log10(λ/Å), [n + 1].
    #[must_use]
    pub fn edges(&self, n: usize) -> Vec<f64> {
        match self {
            Self::Sdss { first } => (0..=n)
                .map(|i| SDSS_STEP * (*first as f64 + i as f64 - 0.5))
                .collect(),
            Self::Edges(edges) => edges.iter().copied().take(n + 1).collect(),
        }
    }
}

/// One spectrum as its survey gives it, its bad pixels marked.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrum {
    /// Its pixels.
    pub grid: NativeGrid,
    /// Flux density per Å, `[n]`; meaningless where `ivar` is 0.
    pub flux: Vec<f32>,
    /// Inverse variance, `[n]`; 0 where masked.
    pub ivar: Vec<f32>,
    /// σ of the line-spread function in pixels of `grid`, `[n]`, 0 where unknown; or empty.
    pub lsf: Vec<f32>,
}

impl Spectrum {
    /// Masks (ivar = 0, flux = 0) the pixels whose flux or ivar is NaN or infinite, whose ivar is
    /// not above `ivar_min`, or which `bad` names.
    pub fn mask(&mut self, ivar_min: f64, bad: impl Fn(usize) -> bool) {
        for (i, (f, v)) in self.flux.iter_mut().zip(&mut self.ivar).enumerate() {
            let good = f.is_finite() && v.is_finite() && *v > 0.0 && f64::from(*v) > ivar_min;
            if !good || bad(i) {
                (*f, *v) = (0.0, 0.0);
            }
        }
    }
}
