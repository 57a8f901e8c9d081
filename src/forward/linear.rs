//! What a channel of images does to the light, where that is linear and known of each observation: the mask and
//! the noise apart, which the latent tells.

use super::blur::Blur;
use super::latent::Latent;
use super::psf;
use super::psf_stage::PsfStage;
use crate::Result;
use crate::config::{ForwardConfig, LatentUse, StageConfig, StageUnits};
use crate::data::ImageLayout;
use tch::{Device, Tensor};

/// A in y = A x + n, n Gaussian and independent from pixel to pixel, of each observation.
#[derive(Debug)]
pub struct LinearImages {
    shape: [i64; 3],
    /// In their order.
    blurs: Vec<Linear>,
    /// Noise of the pixels of which no level is recorded, [1, D].
    level: Tensor,
}

#[derive(Debug)]
enum Linear {
    Blur(Blur),
    Psf(PsfStage),
}

// SAFETY: libtorch lets several threads read its tensors, and nothing else is done with them.
unsafe impl Sync for LinearImages {}

impl LinearImages {
    /// That of `config` for images of `layout`. `None` where a stage is not linear, is hidden, adds noise that
    /// depends on the light, or blurs the noise.
    ///
    /// # Errors
    /// As the stages' own.
    pub fn new(
        config: &ForwardConfig,
        layout: &ImageLayout,
        device: Device,
    ) -> Result<Option<Self>> {
        let white;
        let (stages, in_file): (&[StageConfig], bool) = match config {
            ForwardConfig::Stages { stages, units } if layout.scale.softening.is_none() => {
                (stages, *units == Some(StageUnits::File))
            }
            ForwardConfig::Gaussian { sigma } => {
                white = [StageConfig::noise(*sigma)];
                (&white, false)
            }
            _ => return Ok(None),
        };
        let plane = [layout.height as i64, layout.width as i64];
        let (mut blurs, mut noisy, mut variance) = (Vec::new(), false, 0.0);
        for (i, stage) in stages.iter().enumerate() {
            match stage {
                StageConfig::Mask(mask) if mask.latent != LatentUse::Hidden => {}
                // A kernel makes the noise of neighbours alike.
                StageConfig::Noise(noise) if noise.kernel.is_empty() => {
                    noisy = true;
                    variance += noise.sigma * noise.sigma;
                }
                StageConfig::Blur { sigma } if !noisy => {
                    blurs.push(Linear::Blur(Blur::new(*sigma, plane, device)));
                }
                StageConfig::Psf(psf) if !noisy => {
                    let stage =
                        PsfStage::new(psf, &format!("forward.stages[{i}]"), layout, device)?;
                    if !stage.is_one_of_each() {
                        return Ok(None);
                    }
                    blurs.push(Linear::Psf(stage));
                }
                _ => return Ok(None),
            }
        }
        // Where the config has no level either, that of the pixels' own scatter.
        let sigma = if variance > 0.0 { variance.sqrt() } else { 1.0 };
        let levels = layout.scale.std.iter();
        let levels = levels.map(|std| (if in_file { sigma / std } else { sigma }) as f32);
        let level = Tensor::from_slice(&levels.collect::<Vec<f32>>()).view([-1, 1]);
        let shape = [layout.channels as i64, plane[0], plane[1]];
        let level = level.expand([shape[0], plane[0] * plane[1]], false);
        Ok(noisy.then(|| Self {
            shape,
            blurs,
            level: level.reshape([1, -1]).to_device(device),
        }))
    }

    /// Whether each image has a point-spread function of its own or they share one: whether they are of light on a
    /// dark sky.
    #[must_use]
    pub fn has_psf(&self) -> bool {
        self.blurs.iter().any(|b| matches!(b, Linear::Psf(_)))
    }

    /// Standard deviation of the noise of observations [B, D].
    pub fn sigma(&self, latent: &Latent) -> Tensor {
        let known = latent.sigma.gt(0.0);
        latent.sigma.where_self(&known, &self.level)
    }

    /// Images `x` [K, D] as the one observation of `latent` shows them.
    pub fn seen(&self, x: &Tensor, latent: &Latent) -> Tensor {
        let [c, h, w] = self.shape;
        let mut image = x.reshape([-1, c, h, w]);
        for blur in &self.blurs {
            image = match blur {
                Linear::Blur(blur) => blur.apply(&image),
                Linear::Psf(stage) => psf::convolve(&image, &stage.own(&latent.psf)),
            };
        }
        image.flatten(1, -1).contiguous()
    }

    /// Where the light of `seen` [K, D] came from: the transpose of [`LinearImages::seen`], but at the edges.
    pub fn back(&self, seen: &Tensor, latent: &Latent) -> Tensor {
        let [c, h, w] = self.shape;
        let mut image = seen.reshape([-1, c, h, w]);
        for blur in self.blurs.iter().rev() {
            image = match blur {
                Linear::Blur(blur) => blur.apply(&image),
                Linear::Psf(stage) => {
                    let turned = stage.own(&latent.psf).flip([2, 3]);
                    psf::convolve(&image, &turned)
                }
            };
        }
        image.flatten(1, -1).contiguous()
    }
}
