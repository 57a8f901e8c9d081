//! Rows of restorations in memory.

use super::image::Image;
use crate::Result;
use ndarray::Array2;

/// Consecutive rows of restorations in the units of the file, [n, D] each; NaN where flagged.
#[derive(Debug, Clone)]
pub struct RestoredBlock {
    /// Φ(y) of the ODE, or the mean of the SDE draws.
    pub restored: Array2<f32>,
    /// Standard deviation of the draws, NaN for a single draw; `None` for the ODE, which states no
    /// uncertainty.
    pub sigma: Option<Array2<f32>>,
    /// The part of `sigma` that is the population's and not the data's, where it is known.
    pub sigma_prior: Option<Array2<f32>>,
    /// The first single draw; `None` for the ODE.
    pub draw: Option<Array2<f32>>,
    /// One per quantile asked for.
    pub quantiles: Vec<Array2<f32>>,
    /// The observation; 0 where masked.
    pub observed: Array2<f32>,
    /// Inverse variance of `observed`; 0 = masked.
    pub ivar: Array2<f32>,
}

impl RestoredBlock {
    /// One of its images, if it has it.
    pub(crate) fn image(&self, image: Image) -> Option<&Array2<f32>> {
        match image {
            Image::Restored => Some(&self.restored),
            Image::Sigma => self.sigma.as_ref(),
            Image::SigmaPrior => self.sigma_prior.as_ref(),
            Image::Draw => self.draw.as_ref(),
            Image::Quantile(i) => self.quantiles.get(i),
            Image::Observed => Some(&self.observed),
            Image::Ivar => Some(&self.ivar),
        }
    }

    /// The images `kinds`, as `read` gives them; all masked where none of them is the inverse variance.
    pub(crate) fn read(
        kinds: &[Image],
        read: &mut dyn FnMut(Image) -> Result<Array2<f32>>,
    ) -> Result<Self> {
        let mut of = |image: Image| kinds.contains(&image).then(|| read(image)).transpose();
        let (sigma, draw, ivar) = (of(Image::Sigma)?, of(Image::Draw)?, of(Image::Ivar)?);
        let sigma_prior = of(Image::SigmaPrior)?;
        let restored = read(Image::Restored)?;
        let quantiles = kinds.iter().filter(|k| matches!(k, Image::Quantile(_)));
        Ok(Self {
            sigma,
            sigma_prior,
            draw,
            quantiles: quantiles.map(|k| read(*k)).collect::<Result<_>>()?,
            observed: read(Image::Observed)?,
            ivar: ivar.unwrap_or_else(|| Array2::zeros(restored.raw_dim())),
            restored,
        })
    }
}
