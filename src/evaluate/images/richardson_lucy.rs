//! Deconvolution of Richardson (1972) and Lucy (1974): the iteration that climbs the Poisson
//! likelihood of an image that is nowhere negative.

use super::fourier::Mirrored;

/// Data below this fraction of their mean are raised to it: the iteration divides by them.
const LEAST: f64 = 1e-3;

/// One plane under deconvolution, mirrored to [2H, 2W].
pub struct RichardsonLucy<'a> {
    modes: &'a Mirrored,
    /// Of a kernel that is symmetric about its centre, and of sum 1.
    transfer: &'a [f64],
    data: Vec<f64>,
    estimate: Vec<f64>,
    least: f64,
}

impl<'a> RichardsonLucy<'a> {
    /// Starts from the mean of the data. `plane` gives the pixels [H, W], zero being no light.
    #[must_use]
    pub fn new(modes: &'a Mirrored, transfer: &'a [f64], plane: impl Fn(usize) -> f64) -> Self {
        let mut data = modes.mirror(plane);
        let positive: f64 = data.iter().map(|v| v.max(0.0)).sum();
        let mean = (positive / data.len() as f64).max(f64::MIN_POSITIVE / LEAST);
        let least = LEAST * mean;
        data.iter_mut().for_each(|v| *v = v.max(least));
        let estimate = vec![data.iter().sum::<f64>() / data.len() as f64; data.len()];
        Self {
            modes,
            transfer,
            data,
            estimate,
            least,
        }
    }

    /// u ← u · Hᵀ(y / H u).
    pub fn step(&mut self) {
        let model = self.model();
        let ratio: Vec<f64> = self.data.iter().zip(&model).map(|(y, m)| y / m).collect();
        let correction = self.modes.filter(&ratio, self.transfer);
        for (u, c) in self.estimate.iter_mut().zip(correction) {
            *u *= c.max(0.0);
        }
    }

    /// The estimate [H, W].
    pub fn pixels(&self) -> impl Iterator<Item = f64> + '_ {
        self.modes.crop(&self.estimate)
    }

    /// Σ (y ln m − m) of the model m = H u: the Poisson likelihood up to a constant.
    #[must_use]
    pub fn log_likelihood(&self) -> f64 {
        let model = self.model();
        self.data
            .iter()
            .zip(model)
            .map(|(y, m)| y * m.ln() - m)
            .sum()
    }

    /// H u; a kernel is nowhere negative, so that only rounding is cut off.
    fn model(&self) -> Vec<f64> {
        let mut model = self.modes.filter(&self.estimate, self.transfer);
        let least = 1e-9 * self.least;
        model.iter_mut().for_each(|v| *v = v.max(least));
        model
    }
}
