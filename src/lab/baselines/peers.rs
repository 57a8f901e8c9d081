//! The rows of a survey of spectra that know the redshifts: EMPCA, the U-Net with Stein's estimate, the
//! control.

use super::control::{Control, Fit, Pairs};
use super::descent::{Bound, descend};
use super::empca::Empca;
use super::sure_unet;
use crate::Result;
use crate::base::cpu;
use crate::base::random::{Purpose, derive};
use crate::base::tensors::{joined, matrix, tensor};
use crate::base::workers;
use crate::config::{NetworkConfig, UNet1dConfig};
use crate::data::{Block, Layout, LogGrid, RowBlock};
use crate::evaluate::{Baseline, Sampled, Sampling, Spectra};
use crate::forward::{self, MeanBlur};
use crate::nets::{self, Ground, VelocityField};
use crate::population::{Amplitudes, Channel, RestGrid, RestPopulation};
use crate::train::{Feed, Learned, Observable, Observations, Posteriors, Training};
use ndarray::{Array1, Array2, Array3, Axis};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::ops::Range;
use tch::{Device, Kind, Tensor, no_grad};

/// Components of EMPCA, iterations of its fit.
const COMPONENTS: usize = 4;
const ITERATIONS: u64 = 25;
/// Draws of each object.
const DRAWS: usize = 16;
/// Processor seconds of a training where those of the run are not known.
pub(super) const SECONDS: f64 = 200.0;

/// A row with its note, or why there is none.
pub(super) type Made = std::result::Result<(Sampled, String), String>;

/// What the rows are made of.
pub(super) struct Peers<'a> {
    pub task: &'a Sampling<'a>,
    pub spectra: &'a Spectra<'a>,
    pub grid: &'a LogGrid,
    pub noise_rho: &'a [f32],
    /// The scored observations, as recorded and as tensors.
    pub block: &'a Block,
    pub scored: &'a Observations,
    /// In place of processor time.
    pub steps: Option<u64>,
    pub device: Device,
}

impl Peers<'_> {
    /// EMPCA in the rest frame.
    pub fn empca(&self) -> Result<Made> {
        let begun = cpu::seconds();
        let training = &self.spectra.training;
        let known = training.z.iter().chain(&self.block.z).copied();
        let Some(grid) = RestGrid::new(self.grid, known) else {
            return Ok(Err("no redshift is known".to_owned()));
        };
        let rows: Vec<usize> = (0..training.len())
            .filter(|i| grid.shift(training.z[*i]).is_some())
            .collect();
        if rows.len() <= COMPONENTS || self.block.z.iter().any(|z| grid.shift(*z).is_none()) {
            return Ok(Err("redshifts are unknown".to_owned()));
        }
        let training = training.select(&rows);
        let shifts: Vec<usize> = (training.z.iter()).filter_map(|z| grid.shift(*z)).collect();
        let flux = grid.placed(training.flux.view(), &shifts, 0.0);
        let ivar = grid.placed(training.ivar.view(), &shifts, 0.0);
        let iterations = self.steps.map_or(ITERATIONS, |s| s.min(ITERATIONS));
        let model = Empca::fit(
            flux.view(),
            ivar.view(),
            COMPONENTS,
            iterations,
            self.seed(10),
        );
        let (n, d) = self.block.flux.dim();
        let mut values = Array2::<f32>::zeros((n, d));
        let mut draws = Array3::<f32>::zeros((DRAWS, n, d));
        for i in 0..n {
            let (y, w) = (self.block.flux.row(i), self.block.ivar.row(i));
            let from = grid.shift(self.block.z[i]).unwrap_or(0);
            let Some(found) = model.coefficients(y, w, from) else {
                return Ok(Err("an observation has no good pixel".to_owned()));
            };
            let single = |c: &Array1<f64>| model.spectrum(c, from, d).mapv(|v| v as f32);
            values.row_mut(i).assign(&single(&found.values));
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed(11));
            rng.set_stream(i as u64);
            for k in 0..DRAWS {
                let mut draw = draws.index_axis_mut(Axis(0), k);
                draw.row_mut(i).assign(&single(&found.draw(&mut rng)));
            }
        }
        let note = format!(
            "EMPCA: {COMPONENTS} components about the weighted mean of {} observations in the rest frame, {iterations} \
             iterations of EM with weights ivar; the coefficients of an object by weighted least squares, its draws \
             from their errors; the line-spread function is ignored",
            rows.len()
        );
        Ok(Ok((
            Sampled {
                baseline: Baseline::Empca,
                name: format!("EMPCA in the rest frame, {COMPONENTS} components"),
                values,
                draws: Some(draws),
                cpu_s: cpu::seconds() - begun,
            },
            note,
        )))
    }

    /// The U-Net that learns by Stein's estimate.
    pub fn sure_unet(&self) -> Result<Made> {
        let begun = cpu::seconds();
        let channel = match self.channel() {
            Ok(channel) => channel,
            Err(why) => return Ok(Err(why)),
        };
        let config = match self.told_redshifts() {
            Ok(config) => config,
            Err(why) => return Ok(Err(why)),
        };
        let train = self.spectra.train;
        let layout = &self.task.layout;
        let (seed, device) = (self.seed(12), self.device);
        let network = nets::build(&config, layout, 1, Ground::Nothing, seed, device)?;
        let weights = network.params().count();
        let blur = MeanBlur::new(self.task.forward, layout, device);
        let training = Training::from(self.spectra.training.observations(device));
        let mut feed = Feed::new(&training, seed, train.batch);
        let portions = |step| {
            let o = feed.batch(step)?;
            let probe = sure_unet::probe(&channel, &o, seed, step)?;
            let good = o.latent.good.sum(Kind::Float).clamp_min(1.0);
            let portion = |(part, r): (Observations, Range<i64>)| {
                let probe = probe.narrow(0, r.start, part.len());
                (part, probe, good.shallow_clone())
            };
            Ok(o.parts().into_iter().map(portion).collect())
        };
        let risk = |network: &dyn VelocityField, portion, step| {
            let (o, probe, good): (Observations, Tensor, Tensor) = portion;
            Ok(sure_unet::risk(network, &blur, &o, (&probe, &good), step))
        };
        let (network, steps) = descend(network, self.bound(), train, portions, risk)?;
        let parts = workers::each(self.scored.parts(), |(part, _)| {
            no_grad(|| sure_unet::estimate(network.as_ref(), &part, 0))
        });
        let values = matrix(&joined(parts))?;
        let note = format!(
            "U-Net with Stein's estimate: {weights} weights, {steps} steps of {} on {} observations alone, told z and \
             the noise of each pixel; the noise's covariance and the line-spread function are known to it; a mean \
             without draws",
            train.batch,
            training.len(),
        );
        Ok(Ok((
            Sampled {
                baseline: Baseline::SureUnet,
                name: "U-Net with SURE (observations alone)".to_owned(),
                values,
                draws: None,
                cpu_s: cpu::seconds() - begun,
            },
            note,
        )))
    }

    /// The run's network on clean pairs.
    pub fn control(&self) -> Result<Made> {
        let begun = cpu::seconds();
        let channel = match self.channel() {
            Ok(channel) => channel,
            Err(why) => return Ok(Err(why)),
        };
        if !RestPopulation::is_seen_through(&channel) {
            return Ok(Err("the blur hides the rest-frame population".to_owned()));
        }
        let config = match self.told_redshifts() {
            Ok(config) => config,
            Err(why) => return Ok(Err(why)),
        };
        let training = &self.spectra.training;
        let rows = || std::iter::once(Ok(training.clone()));
        let learned = match RestPopulation::learn(rows, self.grid, &channel, Amplitudes::Trend)? {
            Some(population) if population.factor.ncols() > 0 => Learned {
                population,
                lsf: self.lsf(),
                residues: None,
                usual: None,
            },
            _ => return Ok(Err("no rest-frame population can be learned".to_owned())),
        };
        let (layout, device) = (&self.task.layout, self.device);
        let (train, seed) = (self.spectra.train, self.seed(13));
        let posteriors = Posteriors::new(learned, self.task.forward, layout, device)?;
        let network = nets::for_mean(&config, layout, seed, device)?;
        let weights = network.params().count();
        let forward = forward::build(self.task.forward, layout, device)?;
        let clean = tensor(&self.task.clean, device);
        let pairs = Pairs {
            clean: &clean,
            observed: &self.spectra.of_clean.observations(device),
        };
        let fit = Fit {
            forward: &*forward,
            posteriors: &posteriors,
            train,
            bound: self.bound(),
            seed,
        };
        let control = Control::fit(network, &pairs, &fit)?;
        let (mean, draws) = control.restored(self.scored, DRAWS as u64, self.seed(14))?;
        let drawn = (0..DRAWS as i64).map(|k| matrix(&draws.get(k)));
        let drawn = drawn.collect::<Result<Vec<_>>>()?;
        let values = matrix(&mean)?;
        let (n, d) = values.dim();
        let note = format!(
            "Control: the run's network ({weights} weights) about the rest-frame posterior, {} steps of {} on {} clean \
             spectra and fresh observations of them, which nobody has; {DRAWS} draws of that posterior about its mean, \
             their spread from true errors",
            control.steps,
            train.batch,
            clean.size()[0],
        );
        Ok(Ok((
            Sampled {
                baseline: Baseline::Control,
                name: "control: the same network on clean pairs".to_owned(),
                values,
                draws: Some(Array3::from_shape_fn((DRAWS, n, d), |(k, i, j)| {
                    drawn[k][[i, j]]
                })),
                cpu_s: cpu::seconds() - begun,
            },
            note,
        )))
    }

    /// The channel in closed form, or why there is none.
    fn channel(&self) -> std::result::Result<Channel, String> {
        if !self.task.forward.has_closed_form() {
            return Err("the channel has no closed form".to_owned());
        }
        Channel::new(self.task.forward, self.grid, &self.lsf(), self.noise_rho)
            .map_err(|e| e.to_string())
    }

    /// Mean width of the line-spread function of the training observations, `[D]`.
    fn lsf(&self) -> Vec<f64> {
        let mean = self.spectra.training.lsf.mean_axis(Axis(0));
        mean.map_or_else(Vec::new, |m| m.iter().map(|v| f64::from(*v)).collect())
    }

    /// The run's network as it is told redshifts and the noise, and nothing else.
    fn told_redshifts(&self) -> std::result::Result<NetworkConfig, String> {
        let NetworkConfig::Unet1d(config) = self.spectra.network else {
            return Err("the run's network is not for spectra".to_owned());
        };
        if !config.fits(self.grid.pixels) {
            return Err("the run's network does not fit the grid".to_owned());
        }
        let known = self.spectra.training.z.iter().any(|z| z.is_finite());
        Ok(NetworkConfig::Unet1d(UNet1dConfig {
            gaussian: false,
            redshift: Some(known),
            ..config.clone()
        }))
    }

    fn bound(&self) -> Bound {
        let seconds = self.spectra.cpu_s.unwrap_or(SECONDS);
        self.steps.map_or(Bound::Cpu(seconds), Bound::Steps)
    }

    fn seed(&self, purpose: u64) -> u64 {
        derive(self.task.seed, Purpose::Baselines, purpose)
    }
}

/// Grid and noise correlation of a survey of spectra.
pub(super) fn of_spectra(layout: &Layout) -> Option<(&LogGrid, &[f32])> {
    match layout {
        Layout::Spectra { grid, noise_rho } => Some((grid, noise_rho)),
        Layout::Images(_) => None,
    }
}
