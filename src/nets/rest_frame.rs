//! Where each pixel is in the rest frame of its object, as smooth functions of ln λ_rest. On a grid of the
//! rest frame, where that is the pixel's place, it is where it was observed: the absorption of the forest
//! and the sky depend on that.

use crate::data::LogGrid;
use tch::{Device, Kind, Tensor};

/// Periods in ln λ of the waves: from about the width of a broad line …
const SHORTEST: f64 = 0.02;
/// … by octaves to more than any survey covers.
const OCTAVES: usize = 8;

/// Waves of ln λ_rest = ln λ − ln(1 + z), or of ln λ_observed = ln λ + ln(1 + z).
#[derive(Debug)]
pub(super) struct RestFrame {
    /// Angular wavenumbers, [1, K, 1].
    wavenumbers: Tensor,
    /// sin and cos of the waves of ln λ, each [1, K, D].
    observed: [Tensor; 2],
    /// −1, or 1 on a grid of the rest frame.
    sign: f64,
}

impl RestFrame {
    /// Sine and cosine of each wave, and whether the redshift is known.
    pub const CHANNELS: i64 = 2 * OCTAVES as i64 + 1;

    pub fn new(grid: &LogGrid, device: Device) -> Self {
        let k: Vec<f64> = (0..OCTAVES)
            .map(|i| std::f64::consts::TAU / (SHORTEST * 2f64.powi(i as i32)))
            .collect();
        // In double precision: the phases run to thousands.
        let wavenumbers = Tensor::from_slice(&k).view([1, -1, 1]);
        let ln: Vec<f64> = grid.wavelength().iter().map(|w| w.ln()).collect();
        let phase = &wavenumbers * Tensor::from_slice(&ln);
        let single = |t: Tensor| t.to_kind(Kind::Float).to_device(device);
        Self {
            observed: [single(phase.sin()), single(phase.cos())],
            sign: if grid.is_rest() { 1.0 } else { -1.0 },
            wavenumbers: single(wavenumbers),
        }
    }

    /// The channels [B, C, D] of objects with ln(1 + z) `redshift` [B, 1]; where that is NaN they are
    /// all 0, the last one, which is otherwise 1, too.
    pub fn channels(&self, redshift: &Tensor) -> Tensor {
        let known = redshift.isfinite().to_kind(Kind::Float).unsqueeze(2);
        let phase = redshift.nan_to_num(0.0, 0.0, 0.0).unsqueeze(2) * &self.wavenumbers;
        let (sin, cos) = (phase.sin() * &known * self.sign, phase.cos() * &known);
        let [s, c] = &self.observed;
        let flag = known.expand([-1, 1, s.size()[2]], false);
        Tensor::cat(&[s * &cos + c * &sin, c * cos - s * sin, flag], 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GridConfig;

    fn grid() -> LogGrid {
        LogGrid::new(&GridConfig::default())
    }

    fn of(z: &[f64]) -> Tensor {
        let l: Vec<f32> = z.iter().map(|z| z.ln_1p() as f32).collect();
        RestFrame::new(&grid(), Device::Cpu).channels(&Tensor::from_slice(&l).view([-1, 1]))
    }

    /// Objects whose ln(1 + z) differ by whole pixels have the same channels, moved by as many.
    #[test]
    fn a_rest_wavelength_has_the_same_channels_wherever_it_is_observed() {
        let (z, pixels) = (2.0, 37);
        let further = ((1.0f64 + z).ln() + f64::from(pixels) * grid().dln()).exp() - 1.0;
        let both = of(&[z, further]);
        let d = grid().pixels as i64 - i64::from(pixels);
        let (near, far) = (
            both.get(0).narrow(1, 0, d),
            both.get(1).narrow(1, pixels.into(), d),
        );
        let off = (near - far).abs().max().double_value(&[]);
        assert!(off < 2e-3, "{off}");
    }

    #[test]
    fn a_row_without_a_redshift_is_told_so() {
        let both = of(&[f64::NAN, 0.0]);
        assert_eq!(both.size(), [2, RestFrame::CHANNELS, 1024]);
        assert!(both.get(0).eq(0.0).all().int64_value(&[]) == 1);
        let flag = both.get(1).get(RestFrame::CHANNELS - 1);
        assert!(flag.eq(1.0).all().int64_value(&[]) == 1);
    }
}
