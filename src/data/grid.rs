//! The common log-wavelength grid.

use crate::config::{Frame, GridConfig};

/// Pixels of equal width in log10 wavelength: vacuum, Å, observed or rest frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogGrid {
    /// log10 of the wavelength at the centre of the first pixel.
    pub loglam0: f64,
    /// Width of a pixel in log10 wavelength.
    pub dloglam: f64,
    /// Number of pixels, D.
    pub pixels: usize,
    /// What wavelengths these are.
    pub frame: Frame,
}

impl LogGrid {
    /// The grid whose outer pixel *edges* are `min` and `max` Å.
    #[must_use]
    pub fn new(config: &GridConfig) -> Self {
        let (a, b) = (config.min.log10(), config.max.log10());
        let dloglam = (b - a) / config.pixels as f64;
        Self {
            loglam0: a + 0.5 * dloglam,
            dloglam,
            pixels: config.pixels,
            frame: config.frame,
        }
    }

    /// The grid of the observed frame with these pixel centres (log10 Å), if they are equally spaced to 1e-9.
    #[must_use]
    pub fn of(loglam: &[f64]) -> Option<Self> {
        let (first, last) = (*loglam.first()?, *loglam.last()?);
        let dloglam = (last - first) / (loglam.len().checked_sub(1).filter(|n| *n > 0)? as f64);
        let grid = Self {
            loglam0: first,
            dloglam,
            pixels: loglam.len(),
            frame: Frame::Observed,
        };
        let same = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-9;
        (dloglam > 0.0 && loglam.iter().zip(&grid.loglam()).all(same)).then_some(grid)
    }

    /// The same pixels, of `frame`.
    #[must_use]
    pub fn in_frame(self, frame: Frame) -> Self {
        Self { frame, ..self }
    }

    /// Whether its wavelengths are those of the rest frame of each object.
    #[must_use]
    pub fn is_rest(&self) -> bool {
        self.frame == Frame::Rest
    }

    /// Whether both have the same pixels, up to rounding, of the same frame.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.pixels == other.pixels
            && self.frame == other.frame
            && (self.loglam0 - other.loglam0).abs() <= 1e-9
            && (self.dloglam - other.dloglam).abs() <= 1e-12
    }

    /// log10 of the wavelength at each pixel's centre, `[D]`.
    #[must_use]
    pub fn loglam(&self) -> Vec<f64> {
        (0..self.pixels)
            .map(|i| self.loglam0 + i as f64 * self.dloglam)
            .collect()
    }

    /// Wavelength at each pixel's centre in Å, `[D]`.
    #[must_use]
    pub fn wavelength(&self) -> Vec<f64> {
        self.loglam().iter().map(|l| 10f64.powf(*l)).collect()
    }

    /// The lever of a flux-calibration tilt as a function of the wavelength in Å: linear, −1 at the
    /// centre of the first pixel, +1 at the centre of the last; continued beyond them.
    pub fn tilt_lever(&self) -> impl Fn(f64) -> f64 + use<> {
        let last = self.loglam0 + (self.pixels - 1) as f64 * self.dloglam;
        let (a, b) = (10f64.powf(self.loglam0), 10f64.powf(last));
        move |wavelength| 2.0 * (wavelength - a) / (b - a) - 1.0
    }

    /// Width of a pixel in natural-log wavelength.
    #[must_use]
    pub fn dln(&self) -> f64 {
        self.dloglam * std::f64::consts::LN_10
    }
}
