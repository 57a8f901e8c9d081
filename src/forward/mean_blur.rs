//! The blur that a channel puts on its observations, without tilt and noise.

use super::latent::Latent;
use super::smooth::{Smoothing, recorded_widths, resolved};
use crate::config::{ForwardConfig, SmoothingFrom};
use crate::data::Layout;
use tch::{Device, Tensor};

/// The line-spread function of a channel in closed form, of its middle width where it varies.
#[derive(Debug)]
pub struct MeanBlur(Option<(Smoothing, Width)>);

#[derive(Debug)]
enum Width {
    /// As the spectra record it.
    Recorded,
    /// By the resolution matrices that come with them.
    Matrix,
    /// σ in pixels.
    One(f64),
}

// SAFETY: libtorch lets several threads read its tensors, and nothing else is done with them.
unsafe impl Sync for MeanBlur {}

impl MeanBlur {
    /// Of `config` on the grid of `layout`; none of a channel that does not blur spectra.
    #[must_use]
    pub fn new(config: &ForwardConfig, layout: &Layout, device: Device) -> Self {
        let form = config.closed_form();
        let (Some(smoothing), Layout::Spectra { grid, .. }) =
            (form.and_then(|f| f.smoothing), layout)
        else {
            return Self(None);
        };
        let width = match smoothing {
            SmoothingFrom::Lsf => Width::Recorded,
            SmoothingFrom::Matrix => Width::Matrix,
            SmoothingFrom::Resolution { resolution, .. } => {
                Width::One(1.0 / (resolution * grid.dln()))
            }
        };
        Self(Some((Smoothing::new(grid.pixels, device), width)))
    }

    /// `x` `[B, D]` as an observation with this latent shows it.
    pub fn apply(&self, x: &Tensor, latent: &Latent) -> Tensor {
        match &self.0 {
            None => x.shallow_clone(),
            Some((smoothing, Width::Recorded)) => smoothing.per_pixel(x, &recorded_widths(latent)),
            Some((_, Width::Matrix)) => resolved(x, &latent.resolution),
            Some((smoothing, Width::One(sigma))) => {
                let sigma = x.new_full([1, 1], *sigma, (x.kind(), x.device()));
                smoothing.uniform(x, &sigma)
            }
        }
    }
}
