//! The risk of a network's mean, by Stein's estimate.

use super::told::{Probed, Told};
use crate::forward::{Latent, MeanBlur};
use crate::nets::{Pass, VelocityField};
use crate::train::observations::Observations;
use tch::{Kind, Tensor};

/// The probe is this part of a draw of the noise: small against what the network bends over, large
/// against single precision.
const STEP: f64 = 0.01;

/// Stein's estimate pixel by pixel, [B, D]: of |ŷ − s|², s the signal behind the observation; 0 where
/// masked.
#[derive(Debug)]
pub(super) struct Risk {
    pub pixels: Tensor,
}

impl Risk {
    /// Its mean over the unmasked pixels, each over its [`Latent::scale`] squared.
    pub fn loss(&self, latent: &Latent) -> Tensor {
        let weight = latent.scale().square().reciprocal();
        (&self.pixels * weight).sum(Kind::Float) / latent.good.sum(Kind::Float).clamp_min(1.0)
    }
}

/// The risk at observations whose posteriors answer a probe as `probed` says; `phase` is that of both
/// evaluations of the network.
pub(super) fn risk(
    network: &dyn VelocityField,
    blur: &MeanBlur,
    o: &Observations,
    probed: &Probed,
    phase: u64,
) -> Risk {
    let Probed {
        told,
        probe,
        mean,
        misfit,
    } = probed;
    let moved = Told {
        mean: &told.mean + mean * STEP,
        scatter: told.scatter.shallow_clone(),
        misfit: told.misfit.shallow_clone(),
    };
    let twice = Observations {
        flux: Tensor::cat(&[&o.flux, &(&o.flux + probe * STEP)], 0),
        latent: Latent::concatenate(&[&o.latent, &o.latent]),
    };
    let told_twice = Told {
        mean: Tensor::cat(&[&told.mean, &moved.mean], 0),
        scatter: Tensor::cat(&[&told.scatter, &moved.scatter], 0),
        misfit: Tensor::cat(&[&told.misfit, &moved.misfit], 0),
    };
    let added = correction(network, &twice, &told_twice, phase);
    let seen = blur.apply(&added, &twice.latent) * &twice.latent.good;
    let n = o.len();
    let (at, near) = (seen.narrow(0, 0, n), seen.narrow(0, n, n));
    // ŷ = y − misfit + what the network adds, as the channel blurs it.
    let residual = &told.misfit - &at;
    let answer = probe - misfit + (near - at) / STEP;
    let variance = o.latent.sigma.square() * &o.latent.good;
    Risk {
        pixels: residual.square() + probe * answer * 2.0 - variance,
    }
}

/// What the network adds to the mean of the Gaussian posterior, [B, D].
pub(super) fn correction(
    network: &dyn VelocityField,
    o: &Observations,
    told: &Told,
    phase: u64,
) -> Tensor {
    let latent = Latent {
        planes: Tensor::cat(&[&told.mean, &told.scatter], 1),
        ..o.latent.shallow_clone()
    };
    let now = Tensor::ones([1, 1], (Kind::Float, o.flux.device()));
    let pass = Pass {
        dropout: false,
        phase,
        bf16: false,
    };
    match network.fields(&now, &o.flux, &latent, pass).clean {
        Some([mean, _]) => mean - &told.mean,
        None => o.flux.zeros_like(),
    }
}
