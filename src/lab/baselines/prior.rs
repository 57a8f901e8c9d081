//! A small diffusion model, and how it is trained.

use crate::base::random::{Purpose, Rows};
use crate::config::{UNet1dConfig, UNet2dConfig};
use crate::data::{ImageLayout, Layout};
use crate::diffusion::{Edm, Portion, portions};
use crate::fit::{Adam, gradient, learning_rate};
use crate::nets::{Pass, UNet1d, UNet2d, VelocityField};
use std::convert::Infallible;
use tch::{Kind, Tensor};

/// ln σ in training is N(−1.2, 1.2²) for data of standard deviation ½ (EDM, Table 1).
const LOG_SIGMA: (f64, f64) = (-1.2, 1.2);
const EDM_SCALE: f64 = 0.5;
/// Largest embedded time, as in EDM.
const MAX_POSITION: f64 = 10_000.0;
const WARMUP: f64 = 0.05;
const CLIP: f64 = 1.0;
const EMA: f64 = 0.995;

/// D(x; σ) = E[x₀ | x₀ + σ z = x].
pub trait Denoiser: Sync {
    /// Of `x` [B, D] with noise of standard deviation `sigma` [B, 1]; `phase` numbers the evaluation,
    /// see [`Pass::phase`].
    fn denoise(&self, x: &Tensor, sigma: &Tensor, phase: u64) -> Tensor;
    /// The population's mean, [1, D].
    fn mean(&self) -> &Tensor;
    /// Its standard deviation, the root of the mean variance per pixel.
    fn scale(&self) -> f64;
}

/// The denoiser of EDM around a small network.
pub struct Prior {
    network: Box<dyn VelocityField>,
    edm: Edm,
}

/// How a prior is trained.
#[derive(Debug, Clone, Copy)]
pub struct Fit {
    /// Optimiser steps.
    pub steps: u64,
    /// Rows per step.
    pub batch: i64,
    /// Largest learning rate.
    pub rate: f64,
    /// Of weights, order and noise.
    pub seed: u64,
}

// SAFETY: libtorch lets several threads read its tensors, and nothing else is done with them.
unsafe impl Sync for Prior {}

impl Prior {
    /// Untrained, for data like `clean` [N, D]; in words, why there is none for such rows.
    ///
    /// # Errors
    /// A clause that continues "…, because".
    pub fn new(layout: &Layout, clean: &Tensor, seed: u64) -> std::result::Result<Self, String> {
        let device = clean.device();
        let network: Box<dyn VelocityField> = match layout {
            Layout::Spectra { grid, .. } => {
                let config = spectra(grid.pixels as i64)
                    .ok_or("the prior's network needs an even number of pixels, at least 8")?;
                Box::new(UNet1d::new(&config, grid, 1, seed, device))
            }
            Layout::Images(image) => {
                let alone = ImageLayout {
                    vector: 0,
                    planes: 0,
                    ..image.clone()
                };
                let config = images([image.height, image.width]);
                Box::new(UNet2d::new(&config, &alone, 1, MAX_POSITION, seed, device))
            }
        };
        Ok(Self {
            network,
            edm: Edm::of(clean),
        })
    }

    /// How many numbers the network holds.
    #[must_use]
    pub fn weights(&self) -> usize {
        self.network.params().count()
    }

    /// Trains on `clean` [N, D]; ends with the averaged weights.
    pub fn fit(&self, clean: &Tensor, fit: Fit) {
        let (params, edm) = (self.network.params(), &self.edm);
        let mut averaged = params.flat();
        let mut adam = Adam::new(&averaged);
        for step in 0..fit.steps {
            let random = Rows::range(
                fit.seed,
                Purpose::Baselines,
                step,
                fit.batch,
                clean.device(),
            );
            let n = clean.size()[0];
            let rows = (random.uniform(0, 1) * n as f64)
                .to_kind(Kind::Int64)
                .clamp_max(n - 1);
            let x0 = clean.index_select(0, &rows.squeeze_dim(1));
            let portions = self.portions(&x0, &random);
            let Ok((_, slope)) = gradient(self.network.as_ref(), portions, |network, rows| {
                Ok::<_, Infallible>(edm.part_of_loss(network, &rows, pass(step)))
            });
            let rate = learning_rate(step, fit.steps, WARMUP, fit.rate);
            let weights = adam.update(&params.flat(), &slope, rate, CLIP);
            params.set_flat(&weights);
            let decay = EMA.min((1.0 + step as f64) / (10.0 + step as f64));
            averaged = &averaged * decay + weights * (1.0 - decay);
        }
        params.set_flat(&averaged);
    }

    fn portions(&self, x0: &Tensor, random: &Rows) -> Vec<Portion> {
        let scale = self.edm.sigma_data / EDM_SCALE;
        let sigma = (random.normal(1, 1) * LOG_SIGMA.1 + LOG_SIGMA.0).exp() * scale;
        portions(x0, &random.normal(2, x0.size()[1]), &sigma)
    }
}

impl Denoiser for Prior {
    fn denoise(&self, x: &Tensor, sigma: &Tensor, phase: u64) -> Tensor {
        self.edm
            .denoise(self.network.as_ref(), x, sigma, pass(phase))
    }

    fn mean(&self) -> &Tensor {
        &self.edm.mean
    }

    fn scale(&self) -> f64 {
        self.edm.sigma_data
    }
}

fn pass(phase: u64) -> Pass {
    Pass {
        dropout: false,
        phase,
        bf16: false,
    }
}

/// A small U-Net for spectra of `pixels`, if one fits.
fn spectra(pixels: i64) -> Option<UNet1dConfig> {
    let channels: [&[i64]; 3] = [&[32, 48, 64], &[32, 48], &[32]];
    let sizes = [8i64, 4, 2]
        .into_iter()
        .flat_map(|patch| channels.map(|c| (patch, c)));
    sizes.into_iter().find_map(|(patch, channels)| {
        let coarsest = patch << (channels.len() - 1);
        let margin = (patch.max(pixels / 16)..pixels - patch)
            .find(|margin| (pixels + 2 * margin) % coarsest == 0)?;
        Some(UNet1dConfig {
            channels: channels.to_vec(),
            patch,
            margin,
            noise_input: false,
            dropout: 0.0,
            ..UNet1dConfig::default()
        })
    })
}

/// A small U-Net for images: as many levels, up to three, as their size can be halved.
fn images(size: [usize; 2]) -> UNet2dConfig {
    let halves = |level: &usize| size.iter().all(|n| n.is_multiple_of(1 << level));
    let levels = (0..3).take_while(halves).count();
    UNet2dConfig {
        channels: 32,
        multipliers: [1, 2, 2][..levels].to_vec(),
        blocks: 1,
        attention: Vec::new(),
        head: 32,
        dropout: 0.0,
        mask_input: false,
        ..UNet2dConfig::default()
    }
}
