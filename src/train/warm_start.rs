//! The Gaussian population that a warm start trains on: a sounder Θ0 than the identity.
//!
//! Its mean and covariance are those of the clean population to the extent that the observations and the
//! known channel tell them ([`crate::population::learn`]); no clean spectrum is seen. The map
//! that belongs to it is near the Wiener filter's; the self-consistent loop then makes it the map
//! of the true, non-Gaussian population. The fixed point does not depend on where the loop starts.

use super::data::Data;
use super::host_blocks::blocks;
use super::known::behind;
use crate::base::random::Rows;
use crate::config::{Config, ForwardConfig};
use crate::data::Layout;
use crate::population::{Amplitudes, RestPopulation, eigen, learn};
use crate::{Error, Result};
use ndarray::s;
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// Modes with less than this part of the largest variance are left out.
const NEGLIGIBLE: f64 = 1e-9;

/// x = mean + factor · z with z standard normal.
#[derive(Debug)]
pub struct GaussianPopulation {
    /// [1, D]; in the rest frame [1, L].
    mean: Tensor,
    /// [K, D] or [K, L].
    factor: Tensor,
    /// Where each redshift lies in the rest frame.
    frame: Option<Frame>,
}

/// A rest-frame grid, of which an object sees D of L pixels.
#[derive(Debug)]
struct Frame {
    /// ln(1 + z) of an object that sees the first ones, and the width of a pixel in ln λ.
    furthest: f64,
    dln: f64,
    pixels: i64,
    /// Part of the objects at each first pixel or a lower one, [L − D + 1].
    below: Tensor,
}

impl GaussianPopulation {
    /// Learned from the training part of `data`, of more than 100,000 observations an even part of so
    /// many, behind the channel of `forward`.
    ///
    /// # Errors
    /// [`Error::Input`] (naming `set`, where the data came from) if they hold no signal.
    pub fn learn(set: &Path, data: &Data, forward: &ForwardConfig, device: Device) -> Result<Self> {
        let Layout::Spectra { grid, noise_rho } = &data.layout else {
            return Err(Error::config(
                "config",
                "train.warm_start",
                "there is none for images",
                "give train.warm_start = 0",
            ));
        };
        let (_, learned) = learn(|| blocks(data), forward, grid, noise_rho)?;
        let moments = learned.moments;
        let (variances, vectors) = eigen(&moments.covariance);
        let largest = variances.first().copied().unwrap_or(0.0);
        let modes = variances
            .iter()
            .take_while(|v| **v > NEGLIGIBLE * largest && largest > 0.0)
            .count();
        if modes == 0 {
            return Err(Error::input(
                set,
                "flux, ivar",
                "the observations show no signal above their noise: no warm start is possible",
                "spectra that vary by more than their noise",
                "check ivar with selfsi inspect, or set train.warm_start = 0",
            ));
        }
        let scale = variances.slice(s![..modes]).mapv(f64::sqrt);
        let factor = &vectors.slice(s![.., ..modes]) * &scale;
        let factor: Vec<f32> = factor.t().iter().map(|v| *v as f32).collect();
        let mean: Vec<f32> = moments.mean.iter().map(|v| *v as f32).collect();
        Ok(Self {
            mean: Tensor::from_slice(&mean).unsqueeze(0).to_device(device),
            factor: Tensor::from_slice(&factor)
                .view([modes as i64, mean.len() as i64])
                .to_device(device),
            frame: None,
        })
    }

    /// The population that the network of `config` is to know: in the rest frame where it is told of
    /// redshifts and the channel lets them be seen.
    ///
    /// # Errors
    /// As [`GaussianPopulation::learn`].
    pub fn of(config: &Config, data: &Data, device: Device) -> Result<Self> {
        let told = config.network.redshift_input();
        let found = if told {
            behind(config, data, Amplitudes::None, None)?
        } else {
            None
        };
        match found {
            Some(population) => Ok(Self::in_rest_frame(&population, device)),
            None => Self::learn(&config.survey.prepared, data, &config.forward, device),
        }
    }

    fn in_rest_frame(p: &RestPopulation, device: Device) -> Self {
        let single = |v: f64| v as f32;
        let mean: Vec<f32> = p.mean.iter().copied().map(single).collect();
        let factor: Vec<f32> = p.factor.t().iter().copied().map(single).collect();
        let below = p.shifts.iter().scan(0.0, |sum, part| {
            *sum += part;
            Some(*sum as f32)
        });
        let below: Vec<f32> = below.collect();
        Self {
            factor: Tensor::from_slice(&factor)
                .view([-1, mean.len() as i64])
                .to_device(device),
            mean: Tensor::from_slice(&mean).unsqueeze(0).to_device(device),
            frame: Some(Frame {
                furthest: p.grid.furthest(),
                dln: p.grid.dln(),
                pixels: p.grid.pixels as i64,
                below: Tensor::from_slice(&below).to_device(device),
            }),
        }
    }

    /// One spectrum for each of the rows of `random`, [B, D], of an object at ln(1 + z) = `redshift`
    /// [B, 1], at any where that is NaN; and what may be told of its redshift: nothing of a population
    /// that was not learned in the rest frame.
    pub fn draw_at(&self, random: &Rows, redshift: &Tensor) -> [Tensor; 2] {
        let x = self.draw(random);
        let Some(frame) = &self.frame else {
            return [x, redshift.full_like(f64::NAN)];
        };
        let any = random.uniform(1, 1).bucketize(&frame.below, false, false);
        let last = frame.below.size()[0] - 1;
        let shift = ((redshift.neg() + frame.furthest) / frame.dln).round();
        let known = shift.ge(0.0).logical_and(&shift.le(last as f64));
        let told = redshift.where_self(&known, &redshift.full_like(f64::NAN));
        let shift = shift.nan_to_num(0.0, 0.0, 0.0).to_kind(Kind::Int64);
        let shift = shift.where_self(&known, &any).clamp(0, last);
        let pixel = Tensor::arange(frame.pixels, (Kind::Int64, x.device()));
        [x.gather(1, &(shift + pixel), false), told]
    }

    /// One spectrum for each of the rows of `random`, [B, D].
    pub fn draw(&self, random: &Rows) -> Tensor {
        let z = random.normal(0, self.factor.size()[0]);
        &self.mean + z.matmul(&self.factor)
    }
}
