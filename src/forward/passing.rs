//! A batch of images on its way through the stages, and the latents it gathers.

use super::detector::{Kernel, spread};
use super::latent::Latent;
use crate::base::random::Rows;
use crate::config::LatentUse;
use tch::Tensor;

/// An image batch on its way.
pub(super) struct Passing<'a> {
    /// [B, C, H, W].
    pub(super) image: Tensor,
    /// Of the noise, [B or 1, 1, H, W]; `None` where it is not known.
    pub(super) variance: Option<Tensor>,
    /// 0 at the pixels that are known to be lost, [B, C, H, W].
    pub(super) good: Tensor,
    /// 0 at those lost besides.
    pub(super) left: Tensor,
    /// 0 at those that are marked besides.
    pub(super) marked: Tensor,
    /// Pixels along a side of the detector's own.
    pub(super) grain: i64,
    pub(super) vector: Told<'a>,
    pub(super) planes: Told<'a>,
    /// Of each channel, [B, C · P · P].
    pub(super) psf: Tensor,
}

/// The latents [B, ·] that came with the observations, and those that go with the new ones.
pub(super) struct Told<'a> {
    recorded: &'a Tensor,
    told: Vec<Tensor>,
}

impl Passing<'_> {
    pub(super) fn change_variance(&mut self, f: impl FnOnce(&Tensor) -> Tensor) {
        self.variance = self.variance.as_ref().map(f);
    }

    /// Noise of standard deviations `sigma` [B, C, H, W], white or correlated by `kernel`.
    pub(super) fn add_noise(&mut self, sigma: &Tensor, kernel: Option<&Kernel>, random: &Rows) {
        let size = self.image.size();
        let [h, w] = self.plane();
        let around = kernel.map_or(0, Kernel::around);
        let white = [size[0], size[1], h + around, w + around];
        let white = random.normal(0, white[1..].iter().product()).reshape(white);
        let noise = match kernel {
            Some(kernel) => kernel.correlate(&white),
            None => white,
        };
        self.image = &self.image + spread(&noise, self.grain) * sigma;
        self.change_variance(|v| v + sigma.square());
    }

    /// Pixels of the detector, [H, W].
    pub(super) fn plane(&self) -> [i64; 2] {
        let size = self.image.size();
        [size[2] / self.grain, size[3] / self.grain]
    }

    /// Marks as lost where `kept` [B, 1, ·, ·] of the detector's pixels is 0.
    pub(super) fn mark(&mut self, kept: &Tensor) {
        let [h, w] = self.plane();
        let kept = kept.expand([kept.size()[0], 1, h, w], false);
        self.marked = &self.marked * spread(&kept, self.grain);
    }

    pub(super) fn finish(self, recorded: &Latent, random: &Rows) -> (Tensor, Latent) {
        let flat = |t: &Tensor| t.flatten(1, -1).contiguous();
        let (good, left) = (flat(&(&self.good * &self.marked)), flat(&self.left));
        let sigma = match self.variance {
            Some(v) => flat(&v.sqrt().expand_as(&self.image)),
            None => good.zeros_like(),
        };
        let mut latent = Latent {
            sigma: sigma * &good + (1.0 - &good),
            lsf: recorded.lsf.shallow_clone(),
            vector: self.vector.all(),
            planes: self.planes.all(),
            psf: self.psf,
            sky: recorded.sky.shallow_clone(),
            resolution: recorded.resolution.shallow_clone(),
            norm: recorded.norm.shallow_clone(),
            redshift: recorded.redshift.shallow_clone(),
            redshift_error: recorded.redshift_error.shallow_clone(),
            good: &good * left,
            anchor: None,
        };
        let y = latent.fill_masked(&flat(&self.image), random);
        latent.good = good;
        (y, latent)
    }
}

impl<'a> Told<'a> {
    pub(super) fn new(recorded: &'a Tensor) -> Self {
        Self {
            recorded,
            told: Vec::new(),
        }
    }

    /// The latent [B, `width`] of the next stage: its recorded one, or a fresh one.
    pub(super) fn take(
        &mut self,
        latent: LatentUse,
        width: i64,
        draw: impl FnOnce() -> Tensor,
    ) -> Tensor {
        let offset = self.told.iter().map(|t| t.size()[1]).sum();
        let value = match latent {
            LatentUse::Kept => self.recorded.narrow(1, offset, width),
            LatentUse::Redrawn | LatentUse::Hidden => draw(),
        };
        if latent != LatentUse::Hidden {
            self.told.push(value.shallow_clone());
        }
        value
    }

    fn all(&self) -> Tensor {
        if self.told.is_empty() {
            self.recorded.narrow(1, 0, 0)
        } else {
            Tensor::cat(&self.told, 1)
        }
    }
}
