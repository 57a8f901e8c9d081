//! One batch of observations through the transport: draws, their moments, physical units.

use super::digest::digest;
use super::selection::Source;
use super::size::{Needs, OBJECTS};
use crate::Result;
use crate::base::random::{Purpose, Rows};
use crate::base::tensors::{joined, matrix};
use crate::base::workers;
use crate::config::InterpolantConfig;
use crate::data::{Layout, Method, Object, OtherRedshift, Provenance, flag};
use crate::forward::Latent;
use crate::nets::VelocityField;
use crate::restored::RestoredBlock;
use crate::train::{Found, Mean, Observations, Run};
use crate::transport::Transport;
use ndarray::Array2;
use sha2::{Digest, Sha256};
use std::ops::Range;
use tch::{Device, Tensor, no_grad};

/// A trained run, ready to restore batches.
pub struct Restorer {
    network: Box<dyn VelocityField>,
    transport: Transport,
    /// Of a run whose posterior's mean is learned.
    mean: Option<Mean>,
    /// How it restores.
    pub made: Provenance,
    /// Where it does.
    pub device: Device,
}

impl Restorer {
    /// For rows of the given layout that come from `source`.
    ///
    /// # Errors
    /// [`crate::Error::Run`] if the run has no checkpoint or it does not fit the layout.
    pub fn new(run: &Run, source: Source<'_>, layout: &Layout) -> Result<Self> {
        let Source {
            config,
            seed,
            origin,
            device,
        } = source;
        let (network, run_sha256) = run.trained(layout, device)?;
        let transport = run.transport(config, layout, device)?;
        let random = config.interpolant.makes_draws();
        let mut history = origin.to_vec();
        history.push(format!("restored by run {}", run.folder().display()));
        Ok(Self {
            network,
            transport,
            mean: Mean::of(run, layout, device)?,
            made: Provenance {
                method: method(&config.interpolant),
                draws: if random { config.restore.draws } else { 1 },
                prior: config.interpolant.tells_prior(),
                quantiles: if random {
                    config.restore.quantiles.clone()
                } else {
                    Vec::new()
                },
                seed,
                config_sha256: digest(config)?,
                run_sha256,
                history,
            },
            device,
        })
    }

    /// What each object takes.
    pub(super) fn needs(&self, layout: &Layout) -> Needs {
        Needs {
            rows: if self.mean.is_some() {
                1
            } else {
                self.made.draws
            },
            draws: self.made.draws,
            width: layout.pixels(),
        }
    }

    /// The draws of each object, normalised, [draws, B, D], after the mean of the posterior `[B, D]` where
    /// that is known better than by the mean of the draws.
    ///
    /// # Errors
    /// [`crate::Error::Torch`] if the numbers cannot be copied to the host.
    pub fn draws(&self, o: &Observations, objects: &[Object]) -> Result<(Option<Tensor>, Tensor)> {
        self.these_draws(o, objects, 0..self.made.draws as u64)
    }

    /// What a catalog shows of each object, normalised: the mean and the first draw, `[B, D]` each. Where the mean
    /// is not that of the draws, no others are made.
    ///
    /// # Errors
    /// As [`Restorer::draws`].
    pub fn shown(&self, o: &Observations, objects: &[Object]) -> Result<(Tensor, Tensor)> {
        let alone = self.mean.is_some() || self.made.method == Method::Posterior;
        let draws = if alone { 1 } else { self.made.draws as u64 };
        let (mean, draws) = self.these_draws(o, objects, 0..draws)?;
        Ok((mean.unwrap_or_else(|| mean_of(&draws)), draws.get(0)))
    }

    fn these_draws(
        &self,
        o: &Observations,
        objects: &[Object],
        draws: Range<u64>,
    ) -> Result<(Option<Tensor>, Tensor)> {
        let numbers = self.numbers(objects);
        if let Some(mean) = &self.mean {
            let streams = (self.made.seed, &numbers);
            let (mean, draws) = mean.restored(self.network.as_ref(), o, streams, draws)?;
            return Ok((Some(mean), draws));
        }
        Ok((self.evaluated(o, &numbers), self.drawn(o, &numbers, draws)))
    }

    /// What the observations are restored to.
    ///
    /// # Errors
    /// As [`Restorer::draws`].
    pub fn found(&self, o: &Observations, objects: &[Object]) -> Result<Found> {
        if let Some(mean) = &self.mean {
            let numbers = self.numbers(objects);
            let draws = 0..self.made.draws as u64;
            let network = self.network.as_ref();
            return mean.whole(network, o, (self.made.seed, &numbers), draws);
        }
        let (mean, draws) = self.draws(o, objects)?;
        let about = mean.as_ref();
        let about = about.map_or_else(|| mean_of(&draws), Tensor::shallow_clone);
        Ok(Found {
            prior: self.prior_draws(&about, o, objects),
            likely: vec![None; o.len() as usize],
            mean,
            draws,
        })
    }

    /// The best of the other redshifts that each observation may be at; `None` where there is none to compare.
    ///
    /// # Errors
    /// As [`Restorer::draws`].
    pub fn other_redshifts(&self, o: &Observations) -> Result<Vec<Option<OtherRedshift>>> {
        match &self.mean {
            Some(mean) => mean.other_redshifts(o),
            None => Ok(vec![None; o.len() as usize]),
        }
    }

    /// Draw number `draw` of the observations whose random streams have `numbers`, normalised, `[B, D]`.
    ///
    /// # Errors
    /// As [`Restorer::draws`].
    pub fn draw(&self, o: &Observations, numbers: &Tensor, draw: u64) -> Result<Tensor> {
        if let Some(mean) = &self.mean {
            let streams = (self.made.seed, numbers);
            let found = mean.restored(self.network.as_ref(), o, streams, draw..draw + 1)?;
            return Ok(found.1.get(0));
        }
        Ok(self.drawn(o, numbers, draw..draw + 1).get(0))
    }

    /// Draws of a run whose draws come from Φ, [draws, B, D]. Those of one object go through the network
    /// together.
    fn drawn(&self, o: &Observations, numbers: &Tensor, draws: Range<u64>) -> Tensor {
        let (n, d, count) = (o.len(), o.flux.size()[1], draws.end - draws.start);
        let (rows, objects) = match workers::most(d, self.device) {
            // A power of two, so that parts hold the same rows in every batch that is one.
            Some(rows) => (rows, 1 << (rows / count as i64).max(1).ilog2()),
            None => (n * count as i64, n.max(1)),
        };
        let draws: Vec<u64> = draws.collect();
        let mut parts = Vec::new();
        for start in (0..n).step_by(objects as usize) {
            let k = objects.min(n - start);
            let stacked = draws.chunks(rows as usize);
            parts.extend(stacked.map(|d| (o.narrow(start, k), numbers.narrow(0, start, k), d)));
        }
        let made = workers::each(parts, |(o, numbers, draws)| {
            self.stacked(&o, &numbers, draws)
        });
        no_grad(|| {
            let of_objects = |made: &[Tensor]| Tensor::cat(made, 0);
            let made = made.chunks(draws.len().div_ceil(rows as usize));
            Tensor::cat(&made.map(of_objects).collect::<Vec<_>>(), 1)
        })
    }

    /// These draws of some objects, in one batch, [draws, B, D].
    fn stacked(&self, o: &Observations, numbers: &Tensor, draws: &[u64]) -> Tensor {
        let streams = |purpose| {
            let of = |k: &u64| Rows::new(self.made.seed, purpose, *k, numbers);
            draws.iter().map(of).collect::<Vec<_>>()
        };
        no_grad(|| {
            let fill = streams(Purpose::MaskFill);
            let y: Vec<Tensor> = fill.iter().map(|random| o.filled(random)).collect();
            let latent = Latent::concatenate(&vec![&o.latent; draws.len()]);
            let random = Rows::concatenate(&streams(Purpose::Transport));
            let (y, network) = (Tensor::cat(&y, 0), self.network.as_ref());
            let made = self.transport.run(network, &y, &latent, &random, false);
            made.view([draws.len() as i64, o.len(), -1])
        })
    }

    /// [`Found::prior`] of a run whose draws come from Φ.
    fn prior_draws(&self, mean: &Tensor, o: &Observations, objects: &[Object]) -> Option<Tensor> {
        if !self.made.prior {
            return None;
        }
        let numbers = self.numbers(objects);
        let draws = 0..self.made.draws as u64;
        let (n, count) = (o.len(), self.made.draws);
        let of = |k: u64| Rows::new(self.made.seed, Purpose::Transport, k, &numbers);
        let random = Rows::concatenate(&draws.map(of).collect::<Vec<_>>());
        // The draws of one object lie in one batch: what is made of its observation is made once.
        let latent = Latent::concatenate(&vec![&o.latent; count]);
        let y = o.flux.repeat([count as i64, 1]);
        let errors = self.transport.prior_error(&y, &latent, &random);
        errors.map(|errors| mean + errors.view([count as i64, n, -1]))
    }

    /// The mean of the posterior in one evaluation, where the network gives it.
    fn evaluated(&self, o: &Observations, numbers: &Tensor) -> Option<Tensor> {
        if self.made.method != Method::Posterior {
            return None;
        }
        let n = o.len();
        // Φ orders the rows before it shares them out: by so many, parts hold the same rows in every batch.
        let each = match self.device {
            Device::Cpu => OBJECTS as i64,
            _ => n.max(1),
        };
        let part = |k: i64| {
            (
                o.narrow(k, each.min(n - k)),
                numbers.narrow(0, k, each.min(n - k)),
            )
        };
        let parts = (0..n).step_by(each as usize).map(part).collect();
        let made = workers::each(parts, |(o, numbers)| {
            let stream = |purpose| Rows::new(self.made.seed, purpose, 0, &numbers);
            let y = o.filled(&stream(Purpose::MaskFill));
            let random = stream(Purpose::Transport);
            (self.transport).mean(self.network.as_ref(), &y, &o.latent, &random)
        });
        Some(joined(made))
    }

    /// The numbers of the objects' random streams, int64 `[B]`.
    pub fn numbers(&self, objects: &[Object]) -> Tensor {
        let numbers: Vec<i64> = objects.iter().map(stream_of).collect();
        Tensor::from_slice(&numbers).to_device(self.device)
    }

    /// Mean (`None`: the mean of the draws), scatter and quantiles of draws [draws, B, D] in physical units, and
    /// the scatter of those of [`Found::prior`], beside the observations `[B, D]`; flags the objects
    /// whose mean is not finite.
    ///
    /// # Errors
    /// [`crate::Error::Torch`] if the numbers cannot be copied to the host.
    pub fn moments(
        &self,
        (mean, draws, prior): (Option<Tensor>, &Tensor, Option<&Tensor>),
        objects: &mut [Object],
        observed: Array2<f32>,
        ivar: Array2<f32>,
    ) -> Result<RestoredBlock> {
        let random = self.made.method.is_random();
        let mean = mean.unwrap_or_else(|| mean_of(draws));
        let finite: Vec<bool> = mean
            .isfinite()
            .all_dim(-1, false)
            .to_device(Device::Cpu)
            .try_into()?;
        let usable: Vec<bool> = objects
            .iter_mut()
            .zip(&finite)
            .map(|(o, f)| mark(o, *f))
            .collect();
        let image = |t: &Tensor| to_array(t, &usable);
        // One draw has no scatter: NaN, which libtorch would only give with a warning.
        let deviation = |draws: &Tensor| {
            if self.made.draws > 1 {
                draws.std_dim([0i64].as_slice(), true, false)
            } else {
                mean.full_like(f64::NAN)
            }
        };
        let quantiles = &self.made.quantiles;
        Ok(RestoredBlock {
            restored: image(&mean)?,
            sigma: random.then(|| image(&deviation(draws))).transpose()?,
            sigma_prior: prior.map(|p| image(&deviation(p))).transpose()?,
            draw: random.then(|| image(&draws.get(0))).transpose()?,
            quantiles: quantiles_of(draws, quantiles)
                .iter()
                .map(image)
                .collect::<Result<_>>()?,
            observed,
            ivar,
        })
    }
}

/// The mean of draws [draws, B, D].
fn mean_of(draws: &Tensor) -> Tensor {
    draws.mean_dim([0i64].as_slice(), false, tch::Kind::Float)
}

/// The name of an interpolant's transport in a restored catalog.
fn method(interpolant: &InterpolantConfig) -> Method {
    match interpolant {
        InterpolantConfig::Ode => Method::Ode,
        InterpolantConfig::Sde { .. } => Method::Sde,
        InterpolantConfig::Posterior { .. } => Method::Posterior,
        InterpolantConfig::Sure => Method::Sure,
        InterpolantConfig::FokkerPlanck { .. } if interpolant.makes_draws() => {
            Method::FokkerPlanckSde
        }
        InterpolantConfig::FokkerPlanck { .. } => Method::FokkerPlanck,
    }
}

/// Quantiles over the first axis, linear between order statistics. libtorch's own refuse more than
/// 2^24 numbers.
fn quantiles_of(draws: &Tensor, quantiles: &[f64]) -> Vec<Tensor> {
    if quantiles.is_empty() {
        return Vec::new();
    }
    let (sorted, _) = draws.sort(0, false);
    let last = (draws.size()[0] - 1) as f64;
    let quantile = |q: &f64| {
        let at = q * last;
        let (low, high) = (sorted.get(at.floor() as i64), sorted.get(at.ceil() as i64));
        &low + (high - &low) * at.fract()
    };
    quantiles.iter().map(quantile).collect()
}

/// The number of an object's random stream. It comes from the object's identity: what it is
/// restored to depends neither on the batch nor on the file it is in, nor on its place there.
fn stream_of(o: &Object) -> i64 {
    let identity = if o.plate >= 0 && o.fiberid >= 0 {
        format!("{}-{}-{}", o.plate, o.mjd, o.fiberid)
    } else {
        o.name.clone()
    };
    let digest = Sha256::digest(identity.as_bytes());
    let bytes = digest.iter().take(8);
    bytes.fold(0u64, |k, b| (k << 8) | u64::from(*b)) as i64
}

/// Whether a row is usable; a restoration that is not finite is flagged.
fn mark(object: &mut Object, finite: bool) -> bool {
    if object.flag == flag::GOOD && !finite {
        object.flag = flag::NOT_FINITE;
        object.reason = flag::NOT_FINITE_REASON.into();
    }
    object.flag == flag::GOOD
}

/// `[n, D]` on the host; NaN in the rows that are not usable.
fn to_array(t: &Tensor, usable: &[bool]) -> Result<Array2<f32>> {
    let mut array = matrix(t)?;
    for (mut row, _) in array
        .rows_mut()
        .into_iter()
        .zip(usable)
        .filter(|(_, u)| !**u)
    {
        row.fill(f32::NAN);
    }
    Ok(array)
}
