//! The Gaussian posteriors of a batch.

use super::file::Learned;
use super::told::{Probed, Told, Whole};
use crate::Result;
use crate::base::random::{Purpose, derive};
use crate::base::tensors::numbers;
use crate::config::ForwardConfig;
use crate::data::{Block, Layout, RowBlock};
use crate::population::{Channel, RestFilter, RestPosterior};
use crate::ranks::Place;
use crate::train::host_blocks::on_host;
use crate::train::observations::Observations;
use ndarray::{Array1, Array2};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use tch::{Device, Tensor};

/// Variance that the network may add in any case: where the population has next to none, it may lack it
/// for want of significance.
const LEAST: f64 = 1e-3;

/// The posteriors of a population behind its channel.
pub(crate) struct Posteriors {
    pub(super) learned: Learned,
    pub(super) filter: RestFilter,
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
            let b = self
                .filter
                .noise(block.ivar.row(i), at(&block, i), &mut rng);
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
    pub(super) fn each<T: Send>(
        &self,
        block: &Block,
        f: impl Fn(usize, Option<&RestPosterior<'_>>) -> T + Sync,
    ) -> Vec<T> {
        (0..block.len())
            .into_par_iter()
            .map(|i| {
                let (flux, ivar) = (block.flux.row(i), block.ivar.row(i));
                let found = self.filter.posterior_of(flux, ivar, at(block, i));
                f(i, found.as_ref())
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

/// Redshift and level of row `i`.
fn at(block: &Block, i: usize) -> [f64; 2] {
    [block.z[i], block.norm[i]]
}

/// The stream `number` of each of `seeds`.
fn streams(seeds: &[u64], number: i64) -> impl Iterator<Item = ChaCha8Rng> + '_ {
    seeds.iter().map(move |seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(*seed);
        rng.set_stream(number as u64);
        rng
    })
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
        let channel = Channel::new(forward, grid, &self.lsf, rho)?;
        Ok(channel.with_residues(self.residues.clone()))
    }
}
