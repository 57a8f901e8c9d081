//! Scatter of the pixels of a Gaussian posterior by the level of the noise.

use crate::forward::Latent;
use tch::{Device, Kind, Tensor};

/// Levels of the noise's ln σ² between which the scatter is interpolated, over the largest variance.
const LEVELS: i64 = 48;
const RANGE: (f64, f64) = (-16.0, 4.0);
/// Noise variances below this count as this.
const TINY: f64 = 1e-30;

/// The scatter at each level of each of some windows, `[b, LEVELS, D]`.
#[derive(Debug)]
pub(super) struct ScatterTable {
    /// ln of the largest variance of the signal.
    largest: f64,
    table: Tensor,
}

impl ScatterTable {
    /// σ² of the levels where the signal's largest variance is `largest`, double `[LEVELS]`.
    pub fn levels(largest: f64) -> Tensor {
        let levels = Tensor::linspace(RANGE.0, RANGE.1, LEVELS, (Kind::Double, Device::Cpu));
        levels.exp() * largest
    }

    /// Of the scatter `table` `[b, LEVELS, D]` at these levels.
    pub fn new(largest: f64, table: Tensor) -> Self {
        Self {
            largest: largest.ln(),
            table,
        }
    }

    /// Scatter of each pixel of rows in these `windows`, int64 `[B]`, as if all others had its noise; `own` `[B, D]`
    /// or `[1, D]` where it is masked. `[B, D]`
    pub fn at(&self, windows: &Tensor, latent: &Latent, own: &Tensor) -> Tensor {
        let step = (LEVELS - 1) as f64 / (RANGE.1 - RANGE.0);
        let level: Tensor = latent.sigma.square().clamp_min(TINY).log() - self.largest;
        let level = ((level - RANGE.0) * step).clamp(0.0, (LEVELS - 1) as f64 - 1e-3);
        let low = level.floor();
        let (above, low) = (&level - &low, low.to_kind(Kind::Int64));
        let d = self.table.size()[2];
        let pixel = Tensor::arange(d, (Kind::Int64, level.device()));
        let flat = self.table.view([-1]);
        let table = |k: &Tensor| {
            let at: Tensor = (windows.unsqueeze(1) * LEVELS + k) * d + &pixel;
            flat.take(&at)
        };
        let scatter: Tensor = table(&low) * (1.0 - &above) + table(&(&low + 1)) * &above;
        scatter.where_self(&latent.good.gt(0.0), own)
    }
}
