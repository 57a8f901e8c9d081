//! A U-Net that learns from the observations alone by Stein's unbiased risk estimate, with nothing of
//! selfsi's: neither a population nor F, but the line-spread function and the noise's covariance.

use crate::Result;
use crate::base::random::{Purpose, derive};
use crate::base::tensors::tensor;
use crate::forward::{Latent, MeanBlur};
use crate::nets::{Pass, VelocityField};
use crate::population::Channel;
use crate::train::Observations;
use ndarray::{Array2, Axis};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tch::{Kind, Tensor};

/// The probe is this part of a draw of the noise.
const STEP: f64 = 0.01;

/// x̂(y) `[B, D]`: what the network makes of observations. At time 1, dI/dt = y − x0.
pub(super) fn estimate(network: &dyn VelocityField, o: &Observations, phase: u64) -> Tensor {
    let now = Tensor::ones([1, 1], (Kind::Float, o.flux.device()));
    let pass = Pass {
        dropout: false,
        phase,
        bf16: false,
    };
    &o.flux - network.fields(&now, &o.flux, &o.latent, pass).velocity
}

/// Stein's estimate of |x̂ − x|² behind the channel, up to what no network changes: the mean over the
/// unmasked pixels of the whole batch, `good` of them, each over its [`Latent::scale`] squared. `probe` is
/// a draw of the noise.
pub(super) fn risk(
    network: &dyn VelocityField,
    blur: &MeanBlur,
    o: &Observations,
    (probe, good): (&Tensor, &Tensor),
    phase: u64,
) -> Tensor {
    let twice = Observations {
        flux: Tensor::cat(&[&o.flux, &(&o.flux + probe * STEP)], 0),
        latent: Latent::concatenate(&[&o.latent, &o.latent]),
    };
    let found = blur.apply(&estimate(network, &twice, phase), &twice.latent) * &twice.latent.good;
    let n = o.len();
    let (at, near) = (found.narrow(0, 0, n), found.narrow(0, n, n));
    let residual = (&o.flux - &at) * &o.latent.good;
    let pixels = residual.square() + probe * (near - at) * (2.0 / STEP);
    let weight = o.latent.scale().square().reciprocal();
    (pixels * weight).sum(Kind::Float) / good
}

/// A draw of the noise of each observation, `[B, D]`, 0 where masked.
///
/// # Errors
/// [`crate::Error::Torch`] if the noise levels cannot be copied to the host.
pub(super) fn probe(channel: &Channel, o: &Observations, seed: u64, step: u64) -> Result<Tensor> {
    let variance = o.latent.sigma.square() * &o.latent.good;
    let variance = crate::base::tensors::matrix(&variance)?;
    let seed = derive(seed, Purpose::Probe, step);
    let mut noise = Array2::<f32>::zeros(variance.raw_dim());
    for (i, mut row) in noise.axis_iter_mut(Axis(0)).enumerate() {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(i as u64);
        let drawn = channel.noise(&variance.row(i).mapv(f64::from), &mut rng);
        row.assign(&drawn.mapv(|v| v as f32));
    }
    Ok(tensor(&noise, o.flux.device()))
}
