//! The Gaussian posteriors of a batch, and what the network is told of them.

use super::file::Learned;
use super::redshifts::others;
use super::usual::Usual;
use crate::Result;
use crate::base::random::{Purpose, derive};
use crate::base::tensors::numbers;
use crate::config::ForwardConfig;
use crate::data::{Block, Layout, Likely, OtherRedshift, RowBlock};
use crate::population::{Channel, Likelihood, RestFilter, RestPosterior};
use crate::ranks::Place;
use crate::train::data::Data;
use crate::train::host_blocks::on_host;
use crate::train::observations::Observations;
use ndarray::{Array1, Array2, ArrayView1};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use tch::{Device, Tensor};

/// Variance that the network may add in any case: where the population has next to none, it may lack it
/// for want of significance.
const LEAST: f64 = 1e-3;

/// Observations that tell what is usual, at most, and how many held-out ones are enough: of fewer, the
/// law has no tail.
const USUAL: i64 = 512;
const USUAL_MIN: usize = 200;

/// Redshifts that are not so many pixels apart are one: a spectrum lies within half a pixel of its place.
const APART: isize = 2;

/// What the population says of some observations, each `[B, D]`.
#[derive(Debug)]
pub(crate) struct Told {
    /// The posterior's mean.
    pub mean: Tensor,
    /// The unit of what the network adds to it: √(s σ²/(s + σ²)), s the population's variance at the
    /// pixel.
    pub scatter: Tensor,
    /// The observation less what is expected of its signal; 0 where masked.
    pub misfit: Tensor,
}

/// The same with the answers to a random change of each observation.
#[derive(Debug)]
pub(crate) struct Probed {
    pub told: Told,
    /// b, a draw of the noise; 0 where masked.
    pub probe: Tensor,
    /// Of mean and misfit, per unit of b.
    pub mean: Tensor,
    pub misfit: Tensor,
}

impl Probed {
    /// Those of the `n` rows from `start` on.
    pub fn narrow(&self, start: i64, n: i64) -> Self {
        let part = |t: &Tensor| t.narrow(0, start, n);
        Self {
            told: Told {
                mean: part(&self.told.mean),
                scatter: part(&self.told.scatter),
                misfit: part(&self.told.misfit),
            },
            probe: part(&self.probe),
            mean: part(&self.mean),
            misfit: part(&self.misfit),
        }
    }
}

/// What is told of some observations, and draws of their posteriors.
#[derive(Debug)]
pub(crate) struct Whole {
    pub told: Told,
    /// What draws differ from the means by, `[n, B, D]`: draw k of row i from the stream `numbers[i]` of
    /// `seeds[k]`.
    pub errors: Tensor,
    /// The part of it that is the population's and not the noise's, of the same streams.
    pub prior_errors: Tensor,
    /// How likely each observation is; `None` of one without a good pixel or a solution.
    pub likely: Vec<Option<Likely>>,
}

/// The posteriors of a population behind its channel.
pub(crate) struct Posteriors {
    learned: Learned,
    filter: RestFilter,
    /// Whether each object shows a part of the grid.
    parts: bool,
    device: Device,
}

impl Posteriors {
    /// # Errors
    /// As [`Channel::new`].
    pub fn new(
        learned: Learned,
        forward: &ForwardConfig,
        layout: &Layout,
        device: Device,
    ) -> Result<Self> {
        let channel = learned.channel(forward, layout)?;
        Ok(Self {
            parts: super::file::spectra(layout)?.0.is_rest(),
            filter: RestFilter::new(learned.population.clone(), channel),
            learned,
            device,
        })
    }

    /// Finds what is usual among observations of `data`, unless it is known: those held out, and of a small
    /// survey, which holds out too few to tell, those that the population was learned from beside them.
    ///
    /// # Errors
    /// [`crate::Error::Torch`] if the numbers cannot be copied to the host, [`crate::Error::Input`] if they cannot be
    /// read.
    pub fn see_what_is_usual(&mut self, data: &Data) -> Result<()> {
        if self.learned.usual.is_some() {
            return Ok(());
        }
        let held = on_host(&data.heldout)?;
        let mut found = self.likelihoods(&held);
        if held.len() < USUAL_MIN {
            let more = data.training.len().min(USUAL - held.len() as i64);
            let trained = on_host(&data.training.part(0..more)?)?;
            found.extend(self.likelihoods(&trained));
        }
        // As the file holds it, so that a resumed run has the same bits.
        let usual = Usual::of(found.into_iter().flatten());
        let single = usual.scores.mapv(|s| f64::from(s as f32));
        self.learned.usual = Some(Usual::from_scores(single));
        Ok(())
    }

    fn likelihoods(&self, block: &Block) -> Vec<Option<Likelihood>> {
        let found = self.each(block, |_, p| p.map(RestPosterior::likelihood));
        found
            .into_iter()
            .map(|l| l.filter(|l| l.pixels > 0))
            .collect()
    }

    /// How likely observations are, by what was found of them.
    fn judged(&self, found: Vec<Option<Likelihood>>) -> Vec<Option<Likely>> {
        let judged = |found: Likelihood| match &self.learned.usual {
            Some(usual) => usual.likely(&found),
            None => Likely {
                loglike: found.loglike,
                p: f64::NAN,
            },
        };
        found.into_iter().map(|l| l.map(judged)).collect()
    }

    /// The best of the other redshifts that each observation may be at and the population knows; `None` where
    /// there is none to compare.
    ///
    /// # Errors
    /// As [`Posteriors::probed`].
    pub fn other_redshifts(&self, o: &Observations) -> Result<Vec<Option<OtherRedshift>>> {
        let block = on_host(o)?;
        let grid = self.filter.population().grid;
        let likelihood = |flux: ArrayView1<f32>, ivar: ArrayView1<f32>, z: f64| {
            let found = self.filter.posterior(flux, ivar, z)?.loglike();
            Some((found.loglike, found.pixels))
        };
        Ok(self.each(&block, |i, p| {
            let (flux, ivar, z) = (block.flux.row(i), block.ivar.row(i), block.z[i]);
            let recorded = p.filter(|_| grid.shift(z).is_some())?.loglike();
            let gain_at = |other: f64| {
                grid.shift(other)?;
                let by = ((z.ln_1p() - other.ln_1p()) / grid.dln()).round() as isize;
                if by.abs() < APART {
                    return None;
                }
                if !grid.is_rest() {
                    return Some(likelihood(flux, ivar, other)?.0 - recorded.loglike);
                }
                // At another redshift the spectrum lies elsewhere in the rest frame: what stays on the grid counts.
                let kept = moved(moved(ivar, by).view(), -by);
                let (here, pixels) = likelihood(flux, kept.view(), z)?;
                let (there, _) = likelihood(moved(flux, by).view(), moved(ivar, by).view(), other)?;
                (2 * pixels > recorded.pixels).then_some(there - here)
            };
            let other = |z: f64| gain_at(z).map(|gain| OtherRedshift { z, gain });
            let best = others(z).filter_map(other);
            best.max_by(|a, b| a.gain.total_cmp(&b.gain))
                .filter(|_| recorded.pixels > 0)
        }))
    }

    pub fn learned(&self) -> &Learned {
        &self.learned
    }

    /// ln λ_rest of each pixel of an object at redshift `z`; `None` where that is unknown.
    pub fn rest_ln(&self, z: f64) -> Option<Vec<f64>> {
        let grid = self.filter.population().grid;
        let k = grid.shift(z)?;
        Some((k..k + grid.pixels).map(|e| grid.ln(e)).collect())
    }

    /// What is told of each observation.
    ///
    /// # Errors
    /// As [`Posteriors::probed`].
    pub fn told(&self, o: &Observations) -> Result<Told> {
        let block = on_host(o)?;
        let rows = self.each(&block, |i, p| self.row(&block, i, p));
        Ok(self.tensors(rows))
    }

    /// [`Posteriors::rest_ln`] of each observation.
    ///
    /// # Errors
    /// [`crate::Error::Torch`] if the redshifts cannot be copied to the host.
    pub fn rest_of(&self, o: &Observations) -> Result<Vec<Option<Vec<f64>>>> {
        let z = numbers(&o.latent.redshift)?;
        let at = |l: &f32| self.rest_ln(f64::from(*l).exp_m1());
        Ok(z.iter().map(at).collect())
    }

    /// What is told of each observation, and the answers to noise of the streams of `step`, one for each row.
    ///
    /// # Errors
    /// [`crate::Error::Torch`] if the numbers cannot be copied to the host.
    pub fn probed(&self, o: &Observations, seed: u64, place: Place, step: u64) -> Result<Probed> {
        let block = on_host(o)?;
        let seed = derive(seed, Purpose::Probe, step);
        let rows = self.each(&block, |i, p| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(place.first as u64 + i as u64);
            let b = self.filter.noise(block.ivar.row(i), &mut rng);
            let answer = p.map(|p| p.response(&b));
            let [mean, misfit] = match answer {
                Some(r) => [r.mean, r.misfit],
                None => [unknown(b.len()), unknown(b.len())],
            };
            (self.row(&block, i, p), [b, mean, misfit])
        });
        let (told, answers): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        let [probe, mean, misfit] = self.columns(&answers);
        Ok(Probed {
            told: self.tensors(told),
            probe,
            mean,
            misfit,
        })
    }

    /// What is told, and what draws differ from the means by, `[n, B, D]`: draw k of row i from the
    /// stream `numbers[i]` of `seeds[k]`.
    ///
    /// # Errors
    /// As [`Posteriors::probed`].
    pub fn drawn(
        &self,
        o: &Observations,
        seeds: &[u64],
        numbers: &[i64],
    ) -> Result<(Told, Tensor)> {
        let block = on_host(o)?;
        let rows = self.each(&block, |i, p| {
            let errors: Vec<f32> = match p {
                Some(p) => {
                    let errors = p.errors(streams(seeds, numbers[i]));
                    errors.iter().map(|e| *e as f32).collect()
                }
                None => vec![f32::NAN; seeds.len() * block.flux.ncols()],
            };
            (self.row(&block, i, p), errors)
        });
        let (told, errors): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        let (n, d) = (seeds.len() as i64, block.flux.ncols() as i64);
        let errors = Tensor::from_slice(&errors.concat()).view([-1, n, d]);
        let errors = errors.transpose(0, 1).contiguous().to_device(self.device);
        Ok((self.tensors(told), errors))
    }

    /// All of [`Posteriors::drawn`] and more, by one solution for each observation.
    ///
    /// # Errors
    /// As [`Posteriors::probed`].
    pub fn whole(&self, o: &Observations, seeds: &[u64], numbers: &[i64]) -> Result<Whole> {
        let block = on_host(o)?;
        let (n, d) = (seeds.len(), block.flux.ncols());
        let rows = self.each(&block, |i, p| {
            let streams = || streams(seeds, numbers[i]);
            let [errors, prior] = match p {
                Some(p) => [p.errors(streams()), p.prior_errors(streams())],
                None => [(); 2].map(|()| Array2::from_elem((n, d), f64::NAN)),
            };
            let likely = (p.map(RestPosterior::likelihood)).filter(|l| l.pixels > 0);
            let single = |all: Array2<f64>| all.iter().map(|e| *e as f32).collect::<Vec<f32>>();
            (
                (self.row(&block, i, p), likely),
                (single(errors), single(prior)),
            )
        });
        type Pair<A, B> = (Vec<A>, Vec<B>);
        let (found, made): Pair<_, _> = rows.into_iter().unzip();
        let (told, likely): Pair<_, _> = found.into_iter().unzip();
        let (errors, prior): Pair<Vec<f32>, Vec<f32>> = made.into_iter().unzip();
        let images = |rows: &[Vec<f32>]| {
            let all = Tensor::from_slice(&rows.concat()).view([-1, n as i64, d as i64]);
            all.transpose(0, 1).contiguous().to_device(self.device)
        };
        Ok(Whole {
            told: self.tensors(told),
            errors: images(&errors),
            prior_errors: images(&prior),
            likely: self.judged(likely),
        })
    }

    /// [`RestPosterior::signal`] of each observation, found and expected; draw k of row i from the stream
    /// `numbers[i]` of `seeds[k]`. `None` of one without a solution.
    ///
    /// # Errors
    /// As [`Posteriors::probed`].
    pub fn signals(
        &self,
        o: &Observations,
        seeds: &[u64],
        numbers: &[i64],
    ) -> Result<Vec<Option<[Array1<f64>; 2]>>> {
        let block = on_host(o)?;
        Ok(self.each(&block, |i, p| {
            p.map(|p| p.signal(streams(seeds, numbers[i])))
        }))
    }

    /// `f` of every row's number and posterior, in order.
    fn each<T: Send>(
        &self,
        block: &Block,
        f: impl Fn(usize, Option<&RestPosterior<'_>>) -> T + Sync,
    ) -> Vec<T> {
        (0..block.len())
            .into_par_iter()
            .map(|i| {
                let (flux, ivar) = (block.flux.row(i), block.ivar.row(i));
                f(i, self.filter.posterior(flux, ivar, block.z[i]).as_ref())
            })
            .collect()
    }

    fn row(&self, block: &Block, i: usize, p: Option<&RestPosterior<'_>>) -> [Array1<f64>; 3] {
        let d = block.flux.ncols();
        let own = self.filter.variances(block.z[i]);
        // Objects that show parts of the grid have amplitudes far from 1.
        let amplitude = match p {
            Some(p) if self.parts => p.amplitude(),
            _ => 1.0,
        };
        let scatter = own.iter().zip(block.ivar.row(i)).map(|(s, ivar)| {
            let s = s * amplitude * amplitude;
            let left = s / (1.0 + s * f64::from(*ivar));
            (left + LEAST).sqrt()
        });
        let scatter = scatter.collect();
        match p {
            Some(p) => [p.mean(), scatter, p.misfit()],
            None => [unknown(d), scatter, unknown(d)],
        }
    }

    fn tensors(&self, rows: Vec<[Array1<f64>; 3]>) -> Told {
        let [mean, scatter, misfit] = self.columns(&rows);
        Told {
            mean,
            scatter,
            misfit,
        }
    }

    fn columns<const N: usize>(&self, rows: &[[Array1<f64>; N]]) -> [Tensor; N] {
        std::array::from_fn(|k| {
            let flat: Vec<f32> = rows
                .iter()
                .flat_map(|r| r[k].iter().map(|v| *v as f32))
                .collect();
            let t = Tensor::from_slice(&flat).view([rows.len() as i64, -1]);
            t.to_device(self.device)
        })
    }
}

/// The stream `number` of each of `seeds`.
fn streams(seeds: &[u64], number: i64) -> impl Iterator<Item = ChaCha8Rng> + '_ {
    seeds.iter().map(move |seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(*seed);
        rng.set_stream(number as u64);
        rng
    })
}

/// A row whose pixel j is at j + `by`; 0 where there is none.
fn moved(row: ArrayView1<f32>, by: isize) -> Array1<f32> {
    let at = |j: usize| {
        let from = (j as isize).checked_sub(by)?;
        row.get(usize::try_from(from).ok()?).copied()
    };
    (0..row.len()).map(|j| at(j).unwrap_or(0.0)).collect()
}

/// Of an observation whose covariance has no Cholesky factor: it is not restored.
fn unknown(d: usize) -> Array1<f64> {
    Array1::from_elem(d, f64::NAN)
}

impl Learned {
    /// The channel in front of the population.
    ///
    /// # Errors
    /// As [`Channel::new`].
    pub(super) fn channel(&self, forward: &ForwardConfig, layout: &Layout) -> Result<Channel> {
        let (grid, rho) = super::file::spectra(layout)?;
        Channel::new(forward, grid, &self.lsf, rho)
    }
}
