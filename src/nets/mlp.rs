//! A multi-layer perceptron for low-dimensional data.

use super::field::{Fields, Pass, VelocityField, split_heads};
use super::layers::{Linear, TimeEmbedding};
use super::params::Params;
use crate::forward::Latent;
use tch::{Device, Tensor};

/// `depth` hidden layers of `width` with SiLU; input x [B, D] and the time embedding.
#[derive(Debug)]
pub struct Mlp {
    params: Params,
    time: TimeEmbedding,
    hidden: Vec<Linear>,
    out: Linear,
    heads: i64,
}

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
        let mut p = Params::new(seed, device);
        let embedding = 32;
        let time = TimeEmbedding::new(&mut p, embedding, device);
        let hidden = (0..depth)
            .map(|i| {
                let inputs = if i == 0 { dimension + embedding } else { width };
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
    fn fields(&self, t: &Tensor, x: &Tensor, _latent: &Latent, _pass: Pass) -> Fields {
        let time = self.time.forward(t).expand([x.size()[0], -1], false);
        let mut h = Tensor::cat(&[x, &time], 1);
        for layer in &self.hidden {
            h = layer.forward(&h).silu();
        }
        split_heads(
            &self
                .out
                .forward(&h)
                .view([x.size()[0], self.heads, x.size()[1]]),
        )
    }

    fn params(&self) -> &Params {
        &self.params
    }
}
