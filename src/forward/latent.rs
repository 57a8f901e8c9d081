//! What is known of an observation besides its pixels: the latent M of the method.

use crate::random::Rows;
use tch::{Kind, Tensor};

/// Variance of what a channel does to a pixel besides adding noise (smoothing, tilt), in normalised
/// flux, roughly.
const STRUCTURE_VARIANCE: f64 = 0.1;

/// Per-pixel knowledge that comes with a batch of observations; each tensor is [B, D].
#[derive(Debug)]
pub struct Latent {
    /// 1 where the pixel was observed, 0 where it is masked.
    pub good: Tensor,
    /// Standard deviation of the noise in normalised flux; 1 at masked pixels, which hold
    /// standard normals, and 0 where no noise level is known.
    pub sigma: Tensor,
    /// Width of the line-spread function, σ in pixels; 0 where unknown.
    pub lsf: Tensor,
}

impl Latent {
    /// From inverse variances (0 = masked) and widths, both [B, D].
    #[must_use]
    pub fn from_ivar(ivar: &Tensor, lsf: &Tensor) -> Self {
        let good = ivar.gt(0.0).to_kind(Kind::Float);
        // rsqrt of 0 is infinite: masked pixels are replaced before it is taken.
        let sigma = (ivar + good.ones_like() - &good).rsqrt();
        Self {
            good,
            sigma,
            lsf: lsf.shallow_clone(),
        }
    }

    /// Rows `index` (int64 [n]) of this batch.
    #[must_use]
    pub fn select(&self, index: &Tensor) -> Self {
        self.map(|t| t.index_select(0, index))
    }

    /// Each row `copies` times in a row.
    #[must_use]
    pub fn repeat(&self, copies: i64) -> Self {
        self.map(|t| t.repeat_interleave_self_int(copies, 0, None))
    }

    /// This latent where `mine` [B, 1] (bool) holds, the other elsewhere.
    #[must_use]
    pub fn or_else(&self, mine: &Tensor, other: &Self) -> Self {
        Self {
            good: self.good.where_self(mine, &other.good),
            sigma: self.sigma.where_self(mine, &other.sigma),
            lsf: self.lsf.where_self(mine, &other.lsf),
        }
    }

    /// How far the channel moves each pixel, roughly: the root of σ² and a constant, [B, D]. A
    /// pixel under a sky line and a quiet one look alike in this unit.
    pub fn scale(&self) -> Tensor {
        (self.sigma.square() + STRUCTURE_VARIANCE).sqrt()
    }

    /// Puts standard normals on the masked pixels of `y` [B, D]: they carry no flux, and the
    /// transport can turn them into whatever the population holds there.
    pub fn fill_masked(&self, y: &Tensor, random: &Rows) -> Tensor {
        let noise = random.normal(0, y.size()[1]);
        y * &self.good + noise * (1.0 - &self.good)
    }

    fn map(&self, f: impl Fn(&Tensor) -> Tensor) -> Self {
        Self {
            good: f(&self.good),
            sigma: f(&self.sigma),
            lsf: f(&self.lsf),
        }
    }
}
