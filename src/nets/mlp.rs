//! A multi-layer perceptron for low-dimensional data.

use super::anchored;
use super::field::{Fields, Pass, VelocityField, split_heads};
use super::layers::{Linear, TimeEmbedding};
use super::params::Params;
use crate::forward::Latent;
use tch::{Device, Tensor};

/// `depth` hidden layers of `width` with SiLU; input x [B, D], the latent's numbers and the time
/// embedding.
#[derive(Debug)]
pub struct Mlp {
    params: Params,
    time: TimeEmbedding,
    hidden: Vec<Linear>,
    out: Linear,
    heads: i64,
}

// SAFETY: libtorch lets several threads read its tensors, and nothing else is done with them.
unsafe impl Sync for Mlp {}

impl Mlp {
    /// For data of `dimension` numbers; `heads` is 1 for the ODE and 2 for the SDE.
    #[must_use]
    pub fn new(
        dimension: i64,
        width: i64,
        depth: usize,
        heads: i64,
        seed: u64,
        device: Device,
    ) -> Self {
        Self::told(dimension, 0, width, depth, heads, seed, device)
    }

    /// For the path from a posterior, with `numbers` numbers in each latent.
    #[must_use]
    pub fn anchored(
        dimension: i64,
        numbers: i64,
        width: i64,
        depth: usize,
        seed: u64,
        device: Device,
    ) -> Self {
        let more = (anchored::CHANNELS - 1) * dimension;
        Self::told(dimension, numbers + more, width, depth, 1, seed, device)
    }

    /// As [`Mlp::new`], with `numbers` more inputs: those of each latent.
    #[must_use]
    pub fn told(
        dimension: i64,
        numbers: i64,
        width: i64,
        depth: usize,
        heads: i64,
        seed: u64,
        device: Device,
    ) -> Self {
        let mut p = Params::new(seed, device);
        let embedding = 32;
        let time = TimeEmbedding::new(&mut p, embedding, device);
        let hidden = (0..depth)
            .map(|i| {
                let inputs = match i {
                    0 => dimension + numbers + embedding,
                    _ => width,
                };
                Linear::new(&mut p, &format!("hidden{i}"), inputs, width)
            })
            .collect();
        let out = Linear::zero(&mut p, "out", width, dimension * heads);
        Self {
            params: p,
            time,
            hidden,
            out,
            heads,
        }
    }
}

impl VelocityField for Mlp {
    fn fields(&self, t: &Tensor, x: &Tensor, latent: &Latent, _pass: Pass) -> Fields {
        let time = self.time.forward(t).expand([x.size()[0], -1], false);
        let mut inputs = match &latent.anchor {
            Some(anchor) => Vec::from(anchored::channels(anchor, t, x)),
            None => vec![x.shallow_clone()],
        };
        inputs.extend([latent.vector.shallow_clone(), time]);
        let mut h = Tensor::cat(&inputs, 1);
        for layer in &self.hidden {
            h = layer.forward(&h).silu();
        }
        let out = self.out.forward(&h);
        match &latent.anchor {
            Some(anchor) => anchored::composed(anchor, t, x, &out),
            None => split_heads(&out.view([x.size()[0], self.heads, x.size()[1]])),
        }
    }

    fn params(&self) -> &Params {
        &self.params
    }
}
