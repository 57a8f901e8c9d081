//! How the audit looks at spectra.

use super::feature::Feature;
use super::line_filter::LineFilter;
use super::lines;
use super::sight::Sight;
use tch::{Device, Tensor};

/// Pixels over which the scatter of the calls is averaged along a spectrum.
const WINDOW: i64 = 17;

/// Of spectra.
#[derive(Debug)]
pub struct SpectraSight {
    filter: LineFilter,
    /// Å, `[D]`.
    wavelength: Vec<f64>,
}

impl SpectraSight {
    /// On pixels of `wavelength` `[D]`, Å.
    #[must_use]
    pub fn new(wavelength: Vec<f64>, device: Device) -> Self {
        Self {
            filter: LineFilter::new(wavelength.len(), device),
            wavelength,
        }
    }
}

impl Sight for SpectraSight {
    fn average(&self, x: &Tensor) -> Tensor {
        let half = WINDOW / 2;
        x.unsqueeze(1)
            .avg_pool1d([WINDOW], [1], [half], false, true)
            .squeeze_dim(1)
    }

    fn response(&self, r: &Tensor, good: &Tensor) -> Tensor {
        self.filter.response(r, good)
    }

    fn features(&self, x: &[f32], scale: &[f32], z: f64) -> Vec<Feature> {
        lines::features(&self.wavelength, x, scale, z)
    }
}
