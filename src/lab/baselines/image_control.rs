//! The control of images: the run's own network, fitted to clean images with observations of them, which nobody
//! has. It tells what a method that has to infer the clean images loses by that.
//!
//! One evaluation at t = 1 leads from the observation to its estimate, x̂ = y − b̂(1, y); the loss is the true
//! error, and F observes the clean images anew in each step, each with its own mask, noise and PSF.

use super::descent::{Bound, descend};
use super::peers::{Made, SECONDS};
use crate::Result;
use crate::base::random::{Purpose, Rows, derive};
use crate::base::tensors::{joined, matrix, tensor};
use crate::base::{cpu, workers};
use crate::config::NetworkConfig;
use crate::data::Layout;
use crate::evaluate::{Baseline, ImagePairs, Sampled, Sampling};
use crate::fit::Sampler;
use crate::forward::{self, observe};
use crate::nets::{self, Ground, Pass, VelocityField};
use crate::train::{Observable, Observations};
use std::ops::Range;
use tch::{Device, Kind, Tensor, no_grad};

/// The row of the control for the `scored` observations.
///
/// # Errors
/// As [`forward::build`] and [`crate::forward::ForwardModel::observe`]; [`crate::Error::Torch`] if numbers cannot be
/// copied to the host.
pub(super) fn control(
    task: &Sampling,
    pairs: &ImagePairs,
    scored: &Observations,
    steps: Option<u64>,
    device: Device,
) -> Result<Made> {
    let n = pairs.clean.nrows() as i64;
    if n < 2 {
        return Ok(Err(
            "there are no clean images beside the scored ones".to_owned()
        ));
    }
    let (NetworkConfig::Unet2d(config), Layout::Images(l)) = (pairs.network, &task.layout) else {
        return Ok(Err("the run's network is not for images".to_owned()));
    };
    if !config.fits(l.height, l.width) {
        return Ok(Err("the run's network does not fit the images".to_owned()));
    }
    let begun = cpu::seconds();
    let seed = derive(task.seed, Purpose::Baselines, 13);
    let network = nets::build(
        pairs.network,
        &task.layout,
        1,
        Ground::Nothing,
        seed,
        device,
    )?;
    let weights = network.params().count();
    let forward = forward::build(task.forward, &task.layout, device)?;
    let (clean, observed) = (
        tensor(&pairs.clean, device),
        pairs.of_clean.observations(device),
    );
    let mut sampler = Sampler::new(seed, n, pairs.train.batch);
    let portions = |step| {
        let rows = sampler.rows(step);
        let index = Tensor::from_slice(&rows).to_device(device);
        let count = rows.len() as i64;
        let random = Rows::range(seed, Purpose::Forward, step, count, device);
        let clean = clean.index_select(0, &index);
        let recorded = observed.latent.select(&index);
        let (y, latent) = observe(&*forward, &clean, &recorded, &random)?;
        let flux = y * &latent.good;
        let part = |(o, r): (Observations, Range<i64>)| {
            let share = o.len() as f64 / count as f64;
            (clean.narrow(0, r.start, o.len()), share, o)
        };
        Ok((Observations { flux, latent })
            .parts()
            .into_iter()
            .map(part)
            .collect())
    };
    type Portion = (Tensor, f64, Observations);
    let loss = |network: &dyn VelocityField, (clean, share, o): Portion, step| {
        let found = estimate(network, &o, step);
        Ok((found - clean).square().mean(Kind::Float) * share)
    };
    let bound = steps.map_or(Bound::Cpu(pairs.cpu_s.unwrap_or(SECONDS)), Bound::Steps);
    let (network, steps) = descend(network, bound, pairs.train, portions, loss)?;
    let parts = workers::each(scored.parts(), |(part, _)| {
        no_grad(|| estimate(network.as_ref(), &part, 0))
    });
    let note = format!(
        "Control: the run's network ({weights} weights), {steps} steps of {} on {n} clean images and fresh observations \
         of them, which nobody has; a mean without draws",
        pairs.train.batch,
    );
    let row = Sampled {
        baseline: Baseline::Control,
        name: "control: the same network on clean pairs".to_owned(),
        values: matrix(&joined(parts))?,
        draws: None,
        cpu_s: cpu::seconds() - begun,
    };
    Ok(Ok((row, note)))
}

/// E[x | y] as the network has it, [n, D].
fn estimate(network: &dyn VelocityField, o: &Observations, phase: u64) -> Tensor {
    let end = Tensor::ones([1, 1], (Kind::Float, o.flux.device()));
    let pass = Pass {
        phase,
        ..Pass::default()
    };
    &o.flux - network.fields(&end, &o.flux, &o.latent, pass).velocity
}
