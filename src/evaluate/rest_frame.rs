//! The rows of the table that know the redshift: a Gaussian population in the rest frame, learned
//! from the observations, and the true one.

use super::calibration::Calibration;
use super::methods::{Method, Role};
use super::result::Kind;
use super::sampled::calibration_of_draws;
use super::sampling::{blocks, evenly};
use super::scored::Scored;
use super::study::Candidate;
use crate::Result;
use crate::base::cpu;
use crate::data::Block;
use crate::population::{Amplitudes, Channel, RestFilter, RestPopulation};
use crate::prepare::Prepared;
use crate::survey::Truth;
use ndarray::{Array2, Array3, Axis, s};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Draws of each object.
const DRAWS: usize = 16;
/// Rows read at once.
const CHUNK: usize = 1024;

/// What the rows are made of.
pub(super) struct RestFrame<'a> {
    pub set: &'a Prepared,
    pub truth: &'a Truth,
    pub channel: &'a Channel,
    /// Rows of the set to learn from; those with their row in the truth that are not scored.
    pub training: &'a [usize],
    pub clean: &'a [(usize, usize)],
    /// Rows that the moments come from, at most.
    pub most: usize,
    pub seed: u64,
}

/// The rows, and how well the learned population's draws are calibrated.
#[derive(Default)]
pub(super) struct Made {
    pub candidates: Vec<Candidate>,
    pub calibration: Option<Calibration>,
    pub methods: Vec<Method>,
}

impl RestFrame<'_> {
    /// The rows for `scored`; none where the redshifts are unknown or the blur hides the forest.
    pub fn made(&self, scored: &Scored) -> Result<Made> {
        if !RestPopulation::is_seen_through(self.channel) {
            return Ok(Made::default());
        }
        let grid = self.set.grid();
        let begun = cpu::seconds();
        let training = evenly(self.training, self.most);
        let rows = || blocks(self.set, &training);
        let Some(learned) = RestPopulation::learn(rows, &grid, self.channel, Amplitudes::Scale)?
        else {
            return Ok(Made::default());
        };
        let Some(draws) = self.draws(&learned, scored, DRAWS) else {
            return Ok(Made::default());
        };
        let learned_in = cpu::seconds() - begun;
        let clean = evenly(self.clean, self.most);
        let rows = || clean.chunks(CHUNK).map(|group| self.clean_block(group));
        let true_one = RestPopulation::of_clean(rows, &grid)?;
        let name = "rest-frame GP, learned";
        let row = |name: String, kind, flux| Candidate { name, kind, flux };
        let [first, mean] = [1, 0].map(|k| draws.index_axis(Axis(0), k).to_owned());
        let mut candidates = vec![
            row(format!("{name}, one draw"), Kind::RestDraw, first),
            row(name.to_owned(), Kind::RestWiener, mean),
        ];
        let calibration = calibration(name, &draws, scored);
        let mut methods = vec![Method {
            name: format!("{name}, each spectrum scaled by its amplitude"),
            role: Role::Peer,
            estimate: Some(name.to_owned()),
            draw: Some(format!("{name}, one draw")),
            calibration: Some(calibration.name.clone()),
            cpu_s: learned_in,
        }];
        let oracle = true_one.and_then(|population| self.draws(&population, scored, 0));
        if let Some(oracle) = oracle {
            let mean = oracle.index_axis(Axis(0), 0).to_owned();
            let name = "rest-frame oracle".to_owned();
            candidates.push(row(name.clone(), Kind::RestOracle, mean));
            methods.push(Method {
                estimate: Some(name.clone()),
                name,
                role: Role::Reference,
                draw: None,
                calibration: None,
                cpu_s: f64::NAN,
            });
        }
        Ok(Made {
            candidates,
            calibration: Some(calibration),
            methods,
        })
    }

    fn clean_block(&self, group: &[(usize, usize)]) -> Result<Block> {
        let object = |(i, _): &(usize, usize)| &self.set.objects()[*i];
        let at: Vec<usize> = group.iter().map(|(_, t)| *t).collect();
        let norm: Vec<f64> = group.iter().map(|g| object(g).norm).collect();
        let flux = self.truth.read(&at, &norm)?;
        Ok(Block {
            ivar: Array2::ones(flux.raw_dim()),
            lsf: Array2::zeros(flux.raw_dim()),
            sky: Array2::zeros((flux.nrows(), 0)),
            resolution: Array2::zeros((flux.nrows(), 0)),
            z: group.iter().map(|g| object(g).z).collect(),
            z_err: vec![f64::NAN; group.len()],
            norm,
            flux,
        })
    }

    /// Posterior mean and `n` draws of each of the scored, `[1 + n, N, D]`; `None` if one has no solution.
    fn draws(&self, population: &RestPopulation, scored: &Scored, n: usize) -> Option<Array3<f32>> {
        let filter = RestFilter::new(population.clone(), self.channel.clone());
        let objects: Vec<Array2<f64>> = (0..scored.z.len())
            .into_par_iter()
            .map(|i| {
                let (flux, ivar) = (scored.flux.row(i), scored.ivar.row(i));
                let posterior = filter.posterior(flux, ivar, scored.z[i])?;
                let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
                rng.set_stream(i as u64);
                let mut all = posterior.draws(n, &mut rng);
                all.push_row(posterior.mean().view()).ok()?;
                Some(all)
            })
            .collect::<Option<_>>()?;
        let shape = (1 + n, scored.z.len(), scored.wavelength.len());
        // The mean was pushed last.
        let at = |(k, i, j): (usize, usize, usize)| objects[i][[(k + n) % (1 + n), j]] as f32;
        Some(Array3::from_shape_fn(shape, at))
    }
}

/// Of the draws that follow the mean in `all` `[1 + n, N, D]`.
fn calibration(name: &str, all: &Array3<f32>, scored: &Scored) -> Calibration {
    let name = format!("{DRAWS} draws of the {name}");
    calibration_of_draws(name, all.slice(s![1.., .., ..]), scored)
}
