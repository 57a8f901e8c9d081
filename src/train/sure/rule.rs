//! The risk of a network's mean, by Stein's estimate.

use super::told::{Probed, Told};
use crate::base::tensors::joined;
use crate::base::workers;
use crate::forward::{Latent, MeanBlur};
use crate::nets::{Pass, VelocityField};
use crate::train::observations::Observations;
use std::ops::Range;
use tch::{Kind, Tensor, no_grad};

/// The probe is this part of a draw of the noise: small against what the network bends over, large
/// against single precision.
const STEP: f64 = 0.01;

/// Stein's estimate pixel by pixel, `[B, D]`: of |ŷ − s|², s the signal behind the observation; 0 where
/// masked.
#[derive(Debug)]
pub(super) struct Risk {
    pub pixels: Tensor,
    /// What the network adds to the mean of the Gaussian posterior, `[B, D]`.
    pub added: Tensor,
}

impl Risk {
    /// Its sum over the unmasked pixels, each over its [`Latent::scale`] squared, over the number `good`.
    pub fn loss(&self, latent: &Latent, good: &Tensor) -> Tensor {
        let weight = latent.scale().square().reciprocal();
        (&self.pixels * weight).sum(Kind::Float) / good
    }
}

/// Some rows of a batch.
#[derive(Debug)]
pub(in crate::train) struct Portion {
    pub observed: Observations,
    pub probed: Probed,
    /// The unmasked pixels of the whole batch, or 1.
    pub good: Tensor,
}

impl Portion {
    /// What these rows contribute to the risk of the network at the batch, up to what does not depend on
    /// it, over the pixels' scale.
    pub fn loss(&self, network: &dyn VelocityField, blur: &MeanBlur, step: u64) -> Tensor {
        let Self {
            observed, probed, ..
        } = self;
        risk(network, blur, observed, probed, step).loss(&observed.latent, &self.good)
    }
}

/// The rows of a batch, shared out.
pub(super) fn portions(batch: &Observations, probed: &Probed) -> Vec<Portion> {
    let good = batch.latent.good.sum(Kind::Float).clamp_min(1.0);
    let portion = |(observed, r): (Observations, Range<i64>)| Portion {
        observed,
        probed: probed.narrow(r.start, r.end - r.start),
        good: good.shallow_clone(),
    };
    batch.parts().into_iter().map(portion).collect()
}

/// The risk at observations whose posteriors answer a probe as `probed` says; `phase` is the phase of both
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
    let twice = Observations {
        flux: Tensor::cat(&[&o.flux, &(&o.flux + probe * STEP)], 0),
        latent: Latent::concatenate(&[&o.latent, &o.latent]),
    };
    let means = Tensor::cat(&[&told.mean, &(&told.mean + mean * STEP)], 0);
    let scatters = Tensor::cat(&[&told.scatter, &told.scatter], 0);
    let added = correction(network, &twice, [&means, &scatters], phase);
    let seen = blur.apply(&added, &twice.latent) * &twice.latent.good;
    let n = o.len();
    let (at, near) = (seen.narrow(0, 0, n), seen.narrow(0, n, n));
    // ŷ = y − misfit + what the network adds, as the channel blurs it.
    let residual = &told.misfit - &at;
    let answer = probe - misfit + (near - at) / STEP;
    let variance = o.latent.sigma.square() * &o.latent.good;
    Risk {
        pixels: residual.square() + probe * answer * 2.0 - variance,
        added: added.narrow(0, 0, n),
    }
}

/// E[x | y] `[B, D]`: the mean of the Gaussian posterior and what the network adds to it. Without gradient,
/// by all cores.
pub(crate) fn corrected(network: &dyn VelocityField, o: &Observations, told: &Told) -> Tensor {
    let part = |(o, r): (Observations, Range<i64>)| {
        let narrow = |t: &Tensor| t.narrow(0, r.start, r.end - r.start);
        let told = [narrow(&told.mean), narrow(&told.scatter)];
        (o, told)
    };
    let parts = o.parts().into_iter().map(part).collect();
    let work = |(o, [mean, scatter]): (Observations, [Tensor; 2])| {
        no_grad(|| &mean + correction(network, &o, [&mean, &scatter], 0))
    };
    joined(workers::each(parts, work))
}

/// What the network adds to the `mean` of the Gaussian posterior in units of `scatter`, all `[B, D]`.
pub(crate) fn correction(
    network: &dyn VelocityField,
    o: &Observations,
    [mean, scatter]: [&Tensor; 2],
    phase: u64,
) -> Tensor {
    let latent = Latent {
        planes: Tensor::cat(&[mean, scatter], 1),
        ..o.latent.shallow_clone()
    };
    let now = Tensor::ones([1, 1], (Kind::Float, o.flux.device()));
    let pass = Pass {
        dropout: false,
        phase,
        bf16: false,
    };
    match network.fields(&now, &o.flux, &latent, pass).clean {
        Some([found, _]) => found - mean,
        None => o.flux.zeros_like(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::Learned;
    use super::super::posteriors::Posteriors;
    use super::*;
    use crate::base::tensors::tensor;
    use crate::config::{ForwardConfig, GridConfig, NetworkConfig, UNet1dConfig};
    use crate::data::{Layout, LogGrid};
    use crate::nets::for_mean;
    use crate::population::{RestGrid, RestPopulation};
    use crate::ranks::Place;
    use ndarray::{Array1, Array2};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::StandardNormal;
    use tch::Device;

    const D: usize = 64;
    const SIGMA: f64 = 0.5;
    const N: usize = 1500;

    fn layout() -> Layout {
        Layout::Spectra {
            grid: LogGrid::new(&GridConfig {
                pixels: D,
                ..GridConfig::default()
            }),
            noise_rho: vec![0.2; D],
        }
    }

    const FORWARD: ForwardConfig = ForwardConfig::Gaussian { sigma: SIGMA };

    fn network() -> Box<dyn VelocityField> {
        let config = NetworkConfig::Unet1d(UNet1dConfig {
            channels: vec![8, 8],
            margin: 16,
            redshift: Some(true),
            ..UNet1dConfig::default()
        });
        for_mean(&config, &layout(), 3, Device::Cpu).unwrap()
    }

    /// A broad mode and pixels of their own about a mean of 1, and what is observed of `N` of them through
    /// noise that neighbours share; every seventh pixel masked.
    fn survey() -> (Posteriors, Observations, Tensor) {
        let layout = layout();
        let Layout::Spectra { grid, .. } = &layout else {
            panic!("spectra")
        };
        let mut factor = Array2::eye(D) * 0.2;
        factor.column_mut(0).fill(0.3);
        let learned = Learned {
            population: RestPopulation {
                grid: RestGrid::over(grid, 4.0f64.ln(), 1),
                drift: None,
                mean: Array1::ones(D),
                slope: None,
                factor: factor.clone(),
                structure: None,
                scaled: true,
                shifts: vec![1.0],
                spectra: N,
            },
            lsf: vec![0.0; D],
            residues: None,
            usual: None,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        // Not the Gaussian that the posterior believes in: skew, and without amplitudes.
        let normals = Array2::from_shape_fn((N, D), |_| {
            let v: f64 = rng.sample(StandardNormal);
            0.5 * (v * v - 1.0) + 0.5 * v
        });
        let clean = normals.dot(&factor.t()) + 1.0;
        let channel = learned.channel(&FORWARD, &layout).unwrap();
        let good = Array2::from_shape_fn((N, D), |(i, j)| f32::from((i + j) % 7 != 0));
        let mut flux = Array2::<f32>::zeros((N, D));
        for i in 0..N {
            let noise = channel.noise(&Array1::from_elem(D, SIGMA * SIGMA), &mut rng);
            for j in 0..D {
                flux[[i, j]] = (clean[[i, j]] + noise[j]) as f32 * good[[i, j]];
            }
        }
        let host = |a: &Array2<f32>| tensor(a, Device::Cpu);
        let ivar = good.mapv(|g| g / (SIGMA * SIGMA) as f32);
        let z = Tensor::full([N as i64, 1], 4.0f64.ln(), tch::kind::FLOAT_CPU);
        let observed = Observations {
            flux: host(&flux),
            latent: Latent::from_ivar(&host(&ivar), &host(&Array2::zeros((N, D)))).at(&z),
        };
        let posteriors = Posteriors::new(learned, &FORWARD, &layout, Device::Cpu).unwrap();
        (posteriors, observed, host(&clean.mapv(|v| v as f32)))
    }

    #[test]
    fn the_estimate_is_the_true_risk_whatever_the_network_says() {
        let (posteriors, observed, clean) = survey();
        let network = network();
        let blur = MeanBlur::new(&FORWARD, &layout(), Device::Cpu);
        let probed = (posteriors.probed(&observed, 5, Place::whole(), 0)).unwrap();
        for scale in [0.0, 0.3] {
            let flat = network.params().flat();
            tch::manual_seed(2);
            network
                .params()
                .set_flat(&(&flat + flat.randn_like() * scale));
            no_grad(|| {
                let Risk {
                    pixels: estimate,
                    added,
                } = risk(network.as_ref(), &blur, &observed, &probed, 0);
                let error = (&probed.told.mean + &added - &clean) * &observed.latent.good;
                let by_object =
                    |t: &Tensor| t.sum_dim_intlist([1i64].as_slice(), false, Kind::Double);
                let off = by_object(&estimate) - by_object(&error.square());
                let bias = off.mean(Kind::Double).double_value(&[]);
                let noise = off.std(true).double_value(&[]) / (N as f64).sqrt();
                assert!(bias.abs() < 4.0 * noise, "{scale}: {bias} of {noise}");
                let truth = by_object(&error.square())
                    .mean(Kind::Double)
                    .double_value(&[]);
                assert!(noise < 0.1 * truth, "{noise} of {truth} shows nothing");
                let moved = added.abs().mean(Kind::Double).double_value(&[]);
                assert!((scale > 0.0) == (moved > 0.01), "{moved}");
            });
        }
    }
}
