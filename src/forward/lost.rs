//! Lost pixels of spectra: runs of them at random places, and gaps between chips.

use super::latent::Latent;
use crate::base::random::Rows;
use crate::config::MaskStage;
use crate::data::LogGrid;
use tch::{Device, Kind, Tensor};

/// See [`MaskStage`].
#[derive(Debug)]
pub(super) struct Lost {
    /// Probability that a run begins at a pixel.
    begins: f64,
    run: i64,
    gaps: Vec<[f64; 2]>,
    /// ln of the wavelength, [D].
    ln_wavelength: Tensor,
    at_rest: bool,
}

impl Lost {
    pub fn new(mask: &MaskStage, grid: &LogGrid, device: Device) -> Self {
        let run = mask.run.unwrap_or(1).min(grid.pixels) as i64;
        let ln: Vec<f32> = grid.wavelength().iter().map(|w| w.ln() as f32).collect();
        Self {
            // A pixel is kept where none of the runs that would hold it begins.
            begins: 1.0 - (1.0 - mask.rho).powf(1.0 / run as f64),
            run,
            gaps: mask.gaps.clone(),
            ln_wavelength: Tensor::from_slice(&ln).to_device(device),
            at_rest: grid.is_rest(),
        }
    }

    /// 1 where a pixel is kept, 0 where it is lost, [B, D].
    pub fn draw(&self, recorded: &Latent, random: &Rows) -> Tensor {
        let pixels = recorded.good.size()[1];
        // Runs may begin before the first pixel.
        let begun = random.uniform(0, pixels + self.run - 1).lt(self.begins);
        let lost = begun
            .to_kind(Kind::Float)
            .unsqueeze(1)
            .max_pool1d([self.run], [1], [0], [1], false)
            .squeeze_dim(1);
        let mut kept = 1.0 - lost;
        for [from, to] in &self.gaps {
            let ln = match self.at_rest {
                // An unknown redshift is in no gap.
                true => &self.ln_wavelength + &recorded.redshift,
                false => self.ln_wavelength.shallow_clone(),
            };
            let inside = ln.ge(from.ln()).logical_and(&ln.le(to.ln()));
            kept *= 1.0 - inside.to_kind(Kind::Float);
        }
        kept
    }
}
