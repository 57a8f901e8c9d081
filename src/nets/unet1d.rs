//! The 1-D U-Net for spectra.
//!
//! Errors that the channel hides under its noise are never corrected by the self-consistent loop,
//! so this network is built not to make them:
//! * the spectrum is extended by reflection once, at the input, and cropped at the output: the
//!   zeros of the convolutions stay outside;
//! * resolution changes through windows that overlap by half, and the coarse grid is moved by
//!   another number of pixels in every evaluation: folding pixels into channels on a fixed grid
//!   leaves a comb that grows from iteration to iteration;
//! * the output is affine in the input, pixel by pixel: a + c·x. Noise then passes through the
//!   gate c instead of being carried through every layer;
//! * input and output are scaled by what is known of the noise, so that a pixel under a sky line
//!   and a quiet one look alike to the convolutions;
//! * what the noise alone would do is not learned but known: with the latent given, the velocity
//!   starts from the velocity of a white population of variance 1 (the EDM form), and what the network
//!   adds is in units of the signal, not of the noise.

use super::anchored;
use super::background::{Background, Known};
use super::field::{Fields, Pass, VelocityField, split_heads};
use super::layers::{Linear, TimeEmbedding};
use super::layers1d::{Coarsen, Conv1d, Merge, Refine, layout, silu};
use super::norm1d::Norm;
use super::params::Params;
use super::rest_frame::RestFrame;
use crate::base::random::dropout;
use crate::config::UNet1dConfig;
use crate::data::LogGrid;
use crate::forward::Latent;
use tch::{Device, Kind, Tensor};

/// Variance of the clean population in normalised flux, roughly: scales the input.
const SIGNAL_VARIANCE: f64 = 1.0;
/// Octaves of the waves that tell the network where along the spectrum it is.
const OCTAVES: i64 = 4;
/// Where something is known of the fields: the least time that it is asked for, the variance that is
/// added to the variance of x0 given I_t in the weight of the loss, and how far tilt and blur move a pixel.
const SOON: f64 = 5e-4;
const LEAST_VARIANCE: f64 = 1e-5;
const CHANNEL: f64 = 0.1;

/// See the module's notes. Spectra `[B, D]` in, fields `[B, D]` out.
#[derive(Debug)]
pub struct UNet1d {
    params: Params,
    heads: i64,
    margin: i64,
    patch: i64,
    noise_input: bool,
    /// Where the network is told of redshifts.
    rest_frame: Option<RestFrame>,
    /// What is known of the fields.
    background: Option<Background>,
    time: TimeEmbedding,
    stem: Coarsen,
    down: Vec<Down>,
    middle: Vec<Block>,
    attention: Option<Attention>,
    up: Vec<Up>,
    norm: Norm,
    out: Refine,
}

#[derive(Debug)]
struct Down {
    blocks: Vec<Block>,
    coarsen: Coarsen,
}

#[derive(Debug)]
struct Up {
    refine: Refine,
    merge: Merge,
    blocks: Vec<Block>,
}

// SAFETY: libtorch lets several threads read its tensors, and nothing else is done with them.
unsafe impl Sync for UNet1d {}

impl UNet1d {
    /// For spectra on `grid`; `heads` is 1 for the ODE and 2 for the SDE.
    #[must_use]
    pub fn new(
        config: &UNet1dConfig,
        grid: &LogGrid,
        heads: i64,
        seed: u64,
        device: Device,
    ) -> Self {
        let known = if config.gaussian { 2 } else { 0 };
        Self::told(config, grid, [heads, known], seed, device)
    }

    /// For the path from a posterior.
    #[must_use]
    pub fn anchored(config: &UNet1dConfig, grid: &LogGrid, seed: u64, device: Device) -> Self {
        Self::told(config, grid, [1, anchored::CHANNELS - 1], seed, device)
    }

    fn told(
        config: &UNet1dConfig,
        grid: &LogGrid,
        [heads, known]: [i64; 2],
        seed: u64,
        device: Device,
    ) -> Self {
        let mut p = Params::new(seed, device);
        let e = config.embedding;
        let time = TimeEmbedding::new(&mut p, e, device);
        let c = &config.channels;
        let levels = c.len() - 1;
        let block = |p: &mut Params, name: String, channels: i64| {
            Block::new(p, &name, channels, config.kernel, e, config.dropout)
        };
        let rest_frame = (config.redshift == Some(true)).then(|| RestFrame::new(grid, device));
        let own = known
            + i64::from(config.noise_input)
            + rest_frame.as_ref().map_or(0, |_| RestFrame::CHANNELS);
        let inputs = 2 + own + 1 + 2 * OCTAVES;
        let stem = Coarsen::new(&mut p, "stem", inputs, c[0], config.patch);
        let mut down = Vec::new();
        for i in 0..levels {
            down.push(Down {
                blocks: (0..config.blocks)
                    .map(|j| block(&mut p, format!("down{i}.{j}"), c[i]))
                    .collect(),
                coarsen: Coarsen::new(&mut p, &format!("down{i}.coarsen"), c[i], c[i + 1], 2),
            });
        }
        let middle = (0..config.blocks + 1)
            .map(|j| block(&mut p, format!("middle.{j}"), c[levels]))
            .collect();
        let attention = config.attention.then(|| Attention::new(&mut p, c[levels]));
        let mut up = Vec::new();
        for i in (0..levels).rev() {
            up.push(Up {
                refine: Refine::new(&mut p, &format!("up{i}.refine"), c[i + 1], c[i], 2),
                merge: Merge::new(&mut p, &format!("up{i}.merge"), c[i]),
                blocks: (0..config.blocks)
                    .map(|j| block(&mut p, format!("up{i}.{j}"), c[i]))
                    .collect(),
            });
        }
        let norm = Norm::new(&mut p, "out.norm", c[0]);
        let out = Refine::zero(&mut p, "out", c[0], 2 * heads, config.patch);
        Self {
            params: p,
            heads,
            margin: config.margin,
            patch: config.patch,
            noise_input: config.noise_input,
            rest_frame,
            background: None,
            time,
            stem,
            down,
            middle,
            attention,
            up,
            norm,
            out,
        }
    }

    /// The same with what is known of its fields, for a config with `gaussian`.
    #[must_use]
    pub fn over(self, background: Background) -> Self {
        Self {
            background: Some(background),
            ..self
        }
    }

    /// Channels: the scaled spectrum `x`, the mask, the noise level and the rest wavelength, `[B, C, D]`,
    /// and the place, which is the same for all rows, `[1, 1 + 2 K, D]`.
    fn inputs(&self, x: &Tensor, latent: &Latent, known: Option<[&Tensor; 2]>) -> [Tensor; 2] {
        let mut channels = vec![x.shallow_clone(), latent.good.shallow_clone()];
        if self.noise_input {
            // ln σ over the range that matters: below 1e-3 noise is as good as absent.
            channels.push(latent.sigma.clamp_min(1e-3).log());
        }
        if let Some(known) = known {
            channels.extend(known.map(Tensor::shallow_clone));
        }
        let mut own = Tensor::stack(&channels, 1);
        if let Some(rest_frame) = &self.rest_frame {
            own = Tensor::cat(&[own, rest_frame.channels(&latent.redshift)], 1);
        }
        [own, place(x)]
    }

    /// The preconditioning at times `t` `[B, 1]` or `[1, 1]`, each `[B, D]`.
    fn scales(&self, t: &Tensor, latent: &Latent) -> Scales {
        let one = latent.sigma.ones_like();
        if !self.noise_input {
            return Scales {
                skip: one.zeros_like(),
                output: one.shallow_clone(),
                input: one,
            };
        }
        let variance = latent.sigma.square();
        let inverse = (t.square() * &variance + SIGNAL_VARIANCE).reciprocal();
        let input = inverse.sqrt();
        Scales {
            skip: t * variance * inverse,
            output: latent.scale() * &input,
            input,
        }
    }

    /// Pixels by which the coarse grid is moved in evaluation `phase`: multiples of the golden
    /// section visit all places of a patch, alike often in the long run and far ones in turn.
    fn shift(&self, phase: u64) -> i64 {
        let place = (phase as f64 * 0.618_033_988_75).fract() * self.patch as f64;
        place as i64 - self.patch / 2
    }
}

/// velocity = skip · x + output · network(input · x).
struct Scales {
    input: Tensor,
    /// E[dI/dt | I_t = x] / x for white signal and noise: t σ² / (s² + t² σ²).
    skip: Tensor,
    /// The scatter of what is left of dI/dt, given x: about s σ / √(s² + t² σ²).
    output: Tensor,
}

/// Where along the spectrum: −1 … 1 and waves of ½ to 4 periods over the range, `[1, 1 + 2 K, D]`.
fn place(x: &Tensor) -> Tensor {
    let d = x.size()[1];
    let u = Tensor::linspace(-1, 1, d, (x.kind(), x.device())).unsqueeze(0);
    let octave = Tensor::arange(OCTAVES, (Kind::Float, x.device())).unsqueeze(1);
    let phase = octave.exp2() * (&u * std::f64::consts::FRAC_PI_2);
    Tensor::cat(&[u, phase.sin(), phase.cos()], 0).unsqueeze(0)
}

impl VelocityField for UNet1d {
    fn fields(&self, t: &Tensor, x: &Tensor, latent: &Latent, pass: Pass) -> Fields {
        let kind = if pass.bf16 {
            Kind::BFloat16
        } else {
            Kind::Float
        };
        let e = self.time.forward(t).to_kind(kind);
        let (d, shift) = (x.size()[1], self.shift(pass.phase));
        let scales = self.scales(t, latent);
        let soon = t.clamp_min(SOON);
        let known = match &self.background {
            Some(b) => Some(b.known(&soon, x, latent)),
            None => told(x, latent),
        };
        let gamma = self.background.as_ref().map_or(0.0, |b| b.gamma);
        let (point, skip) = (x, x * scales.skip);
        let anchored = (latent.anchor.as_ref()).map(|a| (a, anchored::channels(a, t, x)));
        let (x, told) = match (&anchored, &known) {
            (Some((_, [x, shift, seen])), _) => (x.shallow_clone(), Some([shift, seen])),
            (None, Some(known)) => (x * scales.input, Some([&known.mean, &known.unit])),
            (None, None) => (x * scales.input, None),
        };
        let extended = self.inputs(&x, latent, told).map(|channels| {
            let sides = [self.margin + shift, self.margin - shift];
            layout(&channels.reflection_pad1d(sides).to_kind(kind))
        });
        let mut h = self.stem.forward_parts(&extended);
        let mut skips = Vec::with_capacity(self.down.len());
        for level in &self.down {
            for b in &level.blocks {
                h = b.forward(&h, &e, pass.dropout);
            }
            let low = level.coarsen.forward(&h);
            skips.push(h);
            h = low;
        }
        let (first, rest) = self.middle.split_at(1);
        h = first[0].forward(&h, &e, pass.dropout);
        if let Some(a) = &self.attention {
            h = a.forward(&h);
        }
        for b in rest {
            h = b.forward(&h, &e, pass.dropout);
        }
        for (level, skip) in self.up.iter().zip(skips.iter().rev()) {
            h = level.merge.forward(&level.refine, &h, skip);
            for b in &level.blocks {
                h = b.forward(&h, &e, pass.dropout);
            }
        }
        let out = self.out.forward(&silu(self.norm.forward(&h)));
        let out = out.to_kind(Kind::Float);
        let out = out.narrow(3, self.margin + shift, d);
        let out = out.reshape([-1, self.heads, 2, d]);
        let gated = |by: &Tensor| out.select(2, 0) + out.select(2, 1) * by.unsqueeze(1);
        if let Some((anchor, _)) = &anchored {
            return anchored::composed(anchor, t, point, &gated(&x).select(1, 0));
        }
        if let Some(known) = &known {
            let out = gated(&known.unit);
            return composed(known, &out, point, &soon, latent, gamma);
        }
        let Fields {
            velocity,
            denoiser,
            clean,
        } = split_heads(&gated(&x));
        Fields {
            velocity: velocity * scales.output + skip,
            denoiser,
            clean,
        }
    }

    fn params(&self) -> &Params {
        &self.params
    }
}

/// The Gaussian posterior as the planes of the latent tell it, if they do.
fn told(y: &Tensor, latent: &Latent) -> Option<Known> {
    let d = y.size()[1];
    if latent.planes.size()[1] != 2 * d {
        return None;
    }
    let (mean, scatter) = (latent.planes.narrow(1, 0, d), latent.planes.narrow(1, d, d));
    let unit = (y - &mean) / (latent.sigma.square() + scatter.square()).sqrt() * &latent.good;
    Some(Known {
        mean,
        unit,
        scatter,
    })
}

/// The fields over what is known of them: x̂0 = mean + scatter · out, with `out` `[B, heads, D]` the
/// network's; ĝ = E[z | I_t] follows from it where the channel only adds noise, and the second head adds
/// what tilt and blur do; dI/dt = (I − x0)/t − γ₁ t u z for γ = γ₁ t (1 − t), u its unit, gives b̂.
fn composed(
    known: &Known,
    out: &Tensor,
    x: &Tensor,
    t: &Tensor,
    latent: &Latent,
    gamma: f64,
) -> Fields {
    let clean = &known.mean + &known.scatter * out.select(1, 0);
    let weight = (known.scatter.square() + LEAST_VARIANCE).reciprocal();
    let velocity = (x - &clean) / t;
    if gamma == 0.0 {
        return Fields {
            velocity,
            denoiser: None,
            clean: Some([clean, weight]),
        };
    }
    let unit = latent.scale();
    let g: Tensor = t * (1.0 - t) * gamma;
    let noise = t.square() * latent.sigma.square() + g.square() * unit.square();
    let gain = g * &unit / noise.clamp_min(1e-12);
    let keep: Tensor = 1.0 - (1.0 - &latent.good) * t;
    let denoiser = &gain * (x - keep * clean.detach()) + &gain * t * out.select(1, 1) * CHANNEL;
    Fields {
        velocity: velocity - t * unit * &denoiser * gamma,
        denoiser: Some(denoiser),
        clean: Some([clean, weight]),
    }
}

/// GroupNorm → scale and shift from the time → SiLU → convolution → GroupNorm → SiLU → dropout →
/// convolution (zero at the start), added to the input.
#[derive(Debug)]
struct Block {
    norm1: Norm,
    film: Linear,
    conv1: Conv1d,
    norm2: Norm,
    conv2: Conv1d,
    dropout: f64,
}

impl Block {
    fn new(
        p: &mut Params,
        name: &str,
        channels: i64,
        kernel: i64,
        embedding: i64,
        dropout: f64,
    ) -> Self {
        Self {
            norm1: Norm::new(p, &format!("{name}.norm1"), channels),
            film: Linear::zero(p, &format!("{name}.film"), embedding, 2 * channels),
            conv1: Conv1d::new(p, &format!("{name}.conv1"), channels, channels, kernel),
            norm2: Norm::new(p, &format!("{name}.norm2"), channels),
            conv2: Conv1d::zero(p, &format!("{name}.conv2"), channels, channels, kernel),
            dropout,
        }
    }

    fn forward(&self, x: &Tensor, e: &Tensor, train: bool) -> Tensor {
        let film = self.film.forward(e).chunk(2, 1);
        let h = silu(self.norm1.modulated(x, &film[0], &film[1]));
        let h = silu(self.norm2.forward(&self.conv1.forward(&h)));
        let h = if train && self.dropout > 0.0 {
            dropout(&h, self.dropout)
        } else {
            h
        };
        let mut h = self.conv2.forward(&h);
        h += x;
        h
    }
}

/// Self-attention over the pixels of the coarsest level, heads of 32 channels.
#[derive(Debug)]
struct Attention {
    norm: Norm,
    qkv: Conv1d,
    out: Conv1d,
    heads: i64,
}

impl Attention {
    fn new(p: &mut Params, channels: i64) -> Self {
        Self {
            norm: Norm::new(p, "attention.norm", channels),
            qkv: Conv1d::new(p, "attention.qkv", channels, 3 * channels, 1),
            out: Conv1d::zero(p, "attention.out", channels, channels, 1),
            heads: (1..=channels / 32)
                .rev()
                .find(|h| channels % h == 0)
                .unwrap_or(1),
        }
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let (b, c, l) = (x.size()[0], x.size()[1], x.size()[3]);
        let width = c / self.heads;
        let qkv = self.qkv.forward(&self.norm.forward(x));
        let qkv = qkv.view([b, 3, self.heads, width, l]).transpose(3, 4);
        let (q, k, v) = (qkv.select(1, 0), qkv.select(1, 1), qkv.select(1, 2));
        let weights =
            (q.matmul(&k.transpose(2, 3)) / (width as f64).sqrt()).softmax(-1, Kind::Float);
        // [B, heads, L, width] → [B, C, 1, L], the channels of a pixel side by side.
        let h = weights.to_kind(v.kind()).matmul(&v);
        let h = h
            .transpose(1, 2)
            .reshape([b, 1, l, c])
            .permute([0, 3, 1, 2]);
        let mut h = self.out.forward(&h);
        h += x;
        h
    }
}
