//! The lever of flux-calibration errors: −1 at the blue end of the range, +1 at the red end, linear in
//! wavelength.

use super::latent::Latent;
use crate::data::LogGrid;
use tch::{Device, Tensor};

/// The lever of each row.
#[derive(Debug)]
pub(crate) struct Lever {
    /// From the first pixel of the grid to its last, [D].
    lever: Tensor,
    /// Wavelengths [D] of a grid of the rest frame: there the lever is from the first to the last pixel
    /// that an object shows.
    at_rest: Option<Tensor>,
}

impl Lever {
    pub fn new(grid: &LogGrid, device: Device) -> Self {
        let single = |w: &mut dyn Iterator<Item = f64>| {
            let w: Vec<f32> = w.map(|w| w as f32).collect();
            Tensor::from_slice(&w).to_device(device)
        };
        let (lever, wavelength) = (grid.tilt_lever(), grid.wavelength());
        Self {
            lever: single(&mut wavelength.iter().map(|w| lever(*w))),
            at_rest: (grid.is_rest()).then(|| single(&mut wavelength.iter().copied())),
        }
    }

    /// Of the rows that `recorded` belongs to, [D] or [B, D].
    pub fn of(&self, recorded: &Latent) -> Tensor {
        let Some(wavelength) = &self.at_rest else {
            return self.lever.shallow_clone();
        };
        let (good, all) = (recorded.good.gt(0.0), wavelength.expand_as(&recorded.good));
        let end = |sign: f64| {
            // The farthest good wavelength on one side.
            let beyond = all.full_like(-sign * f64::INFINITY);
            let there = all.where_self(&good, &beyond) * sign;
            there.amax([-1i64].as_slice(), true) * sign
        };
        let (first, last) = (end(-1.0), end(1.0));
        let lever = (wavelength - &first) / (&last - &first) * 2.0 - 1.0;
        // A row of one good pixel or none has no lever.
        lever.nan_to_num(0.0, 0.0, 0.0).clamp(-1.0, 1.0)
    }
}
