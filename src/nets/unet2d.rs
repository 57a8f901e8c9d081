//! The 2-D U-Net of Dhariwal & Nichol (2021) in the form that EDM (Karras et al. 2022) gives it.
//!
//! Down: a 3 × 3 convolution at the finest level, a block that halves the resolution at every
//! further one, then `blocks` blocks. Two blocks at the coarsest level, the first with attention.
//! Up: a block that doubles the resolution (not at the coarsest level), then `blocks` + 1 blocks;
//! each takes one map from the way down beside its input, the last one first. What is known of an
//! observation joins at the input (planes) and at the embedding of the time (numbers).

use super::anchored;
use super::encoder::{PlaneEncoder, VectorEncoder};
use super::field::{Fields, Pass, VelocityField, split_heads};
use super::layers::channels_last;
use super::layers2d::{Conv2d, Embedding, Norm};
use super::params::Params;
use super::psf_modes::PsfModes;
use super::unet2d_block::{Block, Common, Resample};
use crate::config::UNet2dConfig;
use crate::data::ImageLayout;
use crate::forward::Latent;
use tch::{Device, Kind, Tensor};

/// Noise below this is as good as absent.
const LEAST_NOISE: f64 = 1e-3;

/// See the module's notes. Images [B, C·H·W] in, fields [B, C·H·W] out.
#[derive(Debug)]
pub struct UNet2d {
    params: Params,
    image: [i64; 3],
    heads: i64,
    known_planes: i64,
    mask_input: bool,
    noise_input: bool,
    /// Of each image's point-spread function, where the network is told it.
    psf: Option<PsfModes>,
    channels_last: bool,
    planes: Option<PlaneEncoder>,
    vector: Option<VectorEncoder>,
    embedding: Embedding,
    stem: Conv2d,
    down: Vec<Block>,
    middle: Vec<Block>,
    up: Vec<Block>,
    norm: Norm,
    out: Conv2d,
}

// SAFETY: libtorch lets several threads read its tensors, and nothing else is done with them.
unsafe impl Sync for UNet2d {}

impl UNet2d {
    /// The largest time of an interpolant, with room: the scale of the slowest wave that tells the
    /// network the time.
    pub const INTERPOLANT: f64 = 2.0;
    /// The same for the noise levels of a diffusion model.
    pub const DIFFUSION: f64 = 10_000.0;

    /// `heads` is 1 for the ODE and 2 for the SDE; `max_position` is [`Self::INTERPOLANT`] or
    /// [`Self::DIFFUSION`].
    #[must_use]
    pub fn new(
        config: &UNet2dConfig,
        image: &ImageLayout,
        heads: i64,
        max_position: f64,
        seed: u64,
        device: Device,
    ) -> Self {
        Self::told(config, image, [heads, 1], max_position, seed, device)
    }

    /// For the path from a posterior.
    #[must_use]
    pub fn anchored(config: &UNet2dConfig, image: &ImageLayout, seed: u64, device: Device) -> Self {
        let told = [1, anchored::CHANNELS];
        Self::told(config, image, told, Self::INTERPOLANT, seed, device)
    }

    /// With `heads` heads, told of `images` images: the point alone, or what an anchored one is.
    fn told(
        config: &UNet2dConfig,
        image: &ImageLayout,
        [heads, images]: [i64; 2],
        max_position: f64,
        seed: u64,
        device: Device,
    ) -> Self {
        let mut p = Params::new(seed, device);
        let [_, channels, height, width] = image.shape(1);
        let kind = if config.bf16 {
            Kind::BFloat16
        } else {
            Kind::Float
        };
        let planes = image.planes as i64 + i64::from(config.mask_input);
        let planes = (planes > 0).then(|| PlaneEncoder::new(&mut p, planes, kind));
        let noise = i64::from(config.noise_input) * channels;
        let inputs = images * channels + i64::from(planes.is_some()) + noise;
        let common = Common {
            embedding: config.embedding * config.channels,
            dropout: config.dropout,
            head: config.head,
            kind,
        };
        let embedding = Embedding::new(
            &mut p,
            config.channels,
            common.embedding,
            max_position,
            device,
        );
        let psf = (config.psf_input && image.psf > 0)
            .then(|| PsfModes::new(image.channels, image.psf, device));
        let numbers = image.vector as i64 + psf.as_ref().map_or(0, PsfModes::numbers);
        let vector = (numbers > 0).then(|| VectorEncoder::new(&mut p, numbers, common.embedding));

        let levels: Vec<Level> = config
            .multipliers
            .iter()
            .enumerate()
            .map(|(i, m)| Level {
                channels: m * config.channels,
                attention: config.attention.contains(&(height >> i)),
            })
            .collect();
        let first = levels[0].channels;
        let stem = Conv2d::new(&mut p, "stem", inputs, first, 3, kind);
        // The channels of every map on the way down, to be taken up again.
        let mut skips = vec![first];
        let mut c = first;
        let mut down = Vec::new();
        for (i, level) in levels.iter().enumerate() {
            if i > 0 {
                let name = format!("down{i}.halve");
                down.push(Block::new(
                    &mut p,
                    &name,
                    (c, c),
                    Resample::Down,
                    false,
                    &common,
                ));
                skips.push(c);
            }
            for j in 0..config.blocks {
                let (name, shape) = (format!("down{i}.{j}"), (c, level.channels));
                c = level.channels;
                down.push(Block::new(
                    &mut p,
                    &name,
                    shape,
                    Resample::Keep,
                    level.attention,
                    &common,
                ));
                skips.push(c);
            }
        }
        let middle = [true, false]
            .iter()
            .enumerate()
            .map(|(j, attention)| {
                let name = format!("middle{j}");
                Block::new(&mut p, &name, (c, c), Resample::Keep, *attention, &common)
            })
            .collect();
        let mut up = Vec::new();
        for (i, level) in levels.iter().enumerate().rev() {
            if i + 1 < levels.len() {
                let name = format!("up{i}.double");
                up.push(Block::new(
                    &mut p,
                    &name,
                    (c, c),
                    Resample::Up,
                    false,
                    &common,
                ));
            }
            for j in 0..=config.blocks {
                let inputs = c + skips.pop().unwrap_or(0);
                let (name, shape) = (format!("up{i}.{j}"), (inputs, level.channels));
                c = level.channels;
                up.push(Block::new(
                    &mut p,
                    &name,
                    shape,
                    Resample::Keep,
                    level.attention,
                    &common,
                ));
            }
        }
        let norm = Norm::new(&mut p, "out.norm", c);
        let out = Conv2d::zero(&mut p, "out", c, channels * heads, 3, kind);
        Self {
            params: p,
            image: [channels, height, width],
            heads,
            known_planes: image.planes as i64,
            mask_input: config.mask_input,
            noise_input: config.noise_input,
            psf,
            channels_last: config.channels_last,
            planes,
            vector,
            embedding,
            stem,
            down,
            middle,
            up,
            norm,
            out,
        }
    }

    /// The images `told`, each [B, D], the noise level and the encoded planes, [B, n C (+ 1), H, W].
    fn inputs(&self, told: &[Tensor], latent: &Latent) -> Tensor {
        let [c, h, w] = self.image;
        let mut told: Vec<Tensor> = told.iter().map(|x| x.reshape([-1, c, h, w])).collect();
        if self.noise_input {
            // ln σ over the range that matters, as spectra have it.
            let level = latent.sigma.clamp_min(LEAST_NOISE).log();
            told.push(level.reshape([-1, c, h, w]));
        }
        let image = Tensor::cat(&told, 1);
        let Some(encoder) = &self.planes else {
            return image;
        };
        let mut planes = latent
            .planes
            .reshape([image.size()[0], self.known_planes, h, w]);
        if self.mask_input {
            // A pixel may be masked in some of its channels only.
            let mask = latent
                .good
                .reshape([-1, c, h, w])
                .mean_dim(1, true, Kind::Float);
            planes = Tensor::cat(&[mask, planes], 1);
        }
        Tensor::cat(&[image, encoder.forward(&planes)], 1)
    }
}

/// velocity = skip · x + output · network(input · x), as for spectra: for white signal of variance 1 and
/// noise of the level σ that the network is told.
struct Scales {
    input: Tensor,
    /// E[dI/dt | I_t = x] / x: t σ² / (1 + t² σ²).
    skip: Tensor,
    /// The scatter of what is left of dI/dt.
    output: Tensor,
}

impl UNet2d {
    fn scales(&self, t: &Tensor, latent: &Latent) -> Option<Scales> {
        if !self.noise_input {
            return None;
        }
        let variance = latent.sigma.square();
        let inverse = (t.square() * &variance + 1.0).reciprocal();
        let input = inverse.sqrt();
        Some(Scales {
            skip: t * variance * inverse,
            output: latent.scale() * &input,
            input,
        })
    }
}

/// One resolution.
struct Level {
    channels: i64,
    attention: bool,
}

impl VelocityField for UNet2d {
    fn fields(&self, t: &Tensor, x: &Tensor, latent: &Latent, pass: Pass) -> Fields {
        let told = match &self.psf {
            Some(modes) => Tensor::cat(&[&latent.vector, &modes.of(&latent.psf)], 1),
            None => latent.vector.shallow_clone(),
        };
        let numbers = self.vector.as_ref().map(|v| v.forward(&told));
        let e = self.embedding.forward(t, numbers.as_ref());
        let scales = self.scales(t, latent);
        let told = match (&latent.anchor, &scales) {
            (Some(anchor), _) => Vec::from(anchored::channels(anchor, t, x)),
            (None, Some(scales)) => vec![x * &scales.input],
            (None, None) => vec![x.shallow_clone()],
        };
        let mut h = self
            .stem
            .forward(&self.inputs(&told, latent))
            .to_kind(Kind::Float);
        if self.channels_last {
            h = channels_last(&h);
        }
        let mut skips = vec![h.shallow_clone()];
        for block in &self.down {
            h = block.forward(&h, &e, pass.dropout);
            skips.push(h.shallow_clone());
        }
        for block in &self.middle {
            h = block.forward(&h, &e, pass.dropout);
        }
        for block in &self.up {
            if block.resample == Resample::Keep
                && let Some(skip) = skips.pop()
            {
                h = Tensor::cat(&[h, skip], 1);
            }
            h = block.forward(&h, &e, pass.dropout);
        }
        let out = self.out.forward(&self.norm.forward(&h).silu());
        let out = out.to_kind(Kind::Float).contiguous();
        if let Some(anchor) = &latent.anchor {
            return anchored::composed(anchor, t, x, &out.view_as(x));
        }
        let fields = split_heads(&out.view([-1, self.heads, x.size()[1]]));
        match scales {
            Some(scales) => Fields {
                velocity: fields.velocity * scales.output + x * scales.skip,
                ..fields
            },
            None => fields,
        }
    }

    fn params(&self) -> &Params {
        &self.params
    }
}
