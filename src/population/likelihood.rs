//! How likely an observation is under a Gaussian population, and how unusual.

use super::linalg::eigen;
use super::rest_filter::RestPosterior;
use super::smooth::smooth;
use ndarray::{Array1, Array2, s};
use std::f64::consts::TAU;

/// Modes of which the observation knows a smaller part of the variance tell nothing.
const KNOWN: f64 = 0.01;
/// Modes of a population without structure that count, those of the largest variance.
const MODES: usize = 24;

/// An observation against its population.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likelihood {
    /// ln p(y | z): natural logarithm of the density, over the good pixels, per unit of normalised flux.
    pub loglike: f64,
    /// (y − E y)ᵀ S⁻¹ (y − E y), S the covariance of y: χ² of `pixels` degrees of freedom.
    pub square: f64,
    /// Good pixels.
    pub pixels: usize,
    /// The same of what y says of the broad modes alone: χ² of `modes` degrees of freedom.
    pub broad: f64,
    /// Modes of which y says something.
    pub modes: usize,
    /// ln p(y) of a smooth spectrum of any shape, without lines, less ln p(y | z): what a star looks like at
    /// low S/N.
    pub smooth: f64,
}

impl Likelihood {
    /// What is large where an observation is unusual: `square` and `broad`, as standard normals of an object of
    /// the population, and `smooth` as its signed root, √(2 |smooth|), whose law has a tail that can be told.
    #[must_use]
    pub fn scores(&self) -> [f64; 3] {
        [
            score(self.square, self.pixels),
            score(self.broad, self.modes),
            self.smooth.signum() * (2.0 * self.smooth.abs()).sqrt(),
        ]
    }
}

/// χ² of `n` degrees of freedom as a standard normal (Wilson & Hilferty 1931); NaN without any.
fn score(square: f64, n: usize) -> f64 {
    let v = 2.0 / (9.0 * n as f64);
    if n == 0 {
        return f64::NAN;
    }
    ((square / n as f64).max(0.0).cbrt() - (1.0 - v)) / v.sqrt()
}

impl RestPosterior<'_> {
    /// ln p(y | z) and χ², without the broad modes.
    #[must_use]
    pub fn loglike(&self) -> Likelihood {
        let pixels = self.good().count();
        let n = pixels as f64;
        let own = self.square + self.solver.log_determinant() + n * TAU.ln();
        Likelihood {
            loglike: -0.5 * own - n * self.amplitude.ln(),
            square: self.square,
            pixels,
            broad: 0.0,
            modes: 0,
            smooth: f64::NAN,
        }
    }

    /// How likely the observation is.
    #[must_use]
    pub fn likelihood(&self) -> Likelihood {
        let (modes, broad) = self.broad();
        let found = self.loglike();
        let own = found.loglike + found.pixels as f64 * self.amplitude.ln();
        Likelihood {
            broad,
            modes,
            smooth: self.smooth() - own,
            ..found
        }
    }

    /// ln p(y₁) of a smooth spectrum.
    fn smooth(&self) -> f64 {
        let y = &self.residual + &self.mean_seen;
        smooth(y.view(), self.variance.view())
    }

    /// The observation's estimate of the broad modes over its covariance: with modes M and residual r,
    /// z = Mᵀ S⁻¹ r has the covariance G = Mᵀ S⁻¹ M.
    fn broad(&self) -> (usize, f64) {
        let to = self.from + self.variance.len();
        let mut modes: Array2<f64> = match self.seen.modes() {
            Some(modes) => (self.seen).doubted(modes.slice(s![self.from..to, ..]), self.doubt),
            None => {
                let kept = MODES.min(self.seen_factor.ncols());
                self.seen_factor.slice(s![.., ..kept]).to_owned()
            }
        };
        if modes.ncols() == 0 {
            return (0, 0.0);
        }
        for (mut row, v) in modes.rows_mut().into_iter().zip(&self.variance) {
            if *v <= 0.0 {
                row.fill(0.0);
            }
        }
        let z: Array1<f64> = modes.t().dot(&self.innovation);
        let (known, axes) = eigen(&modes.t().dot(&self.solver.solve(&modes)));
        let along = axes.t().dot(&z);
        let told = known.iter().zip(&along).filter(|(g, _)| **g > KNOWN);
        told.fold((0, 0.0), |(n, sum), (g, z)| (n + 1, sum + z * z / g))
    }
}
