//! What baselines of an upper floor are given to make rows of their own: those that sample or train.
//! They need more than the scored observations: others to learn from, clean data that are not scored.

use super::result::Kind;
use super::study::Candidate;
use crate::Result;
pub(crate) use crate::base::statistics::evenly;
use crate::config::{Config, ForwardConfig, NetworkConfig, TrainConfig};
use crate::data::{Block, ImageBlock, Layout};
use crate::population::Moments;
use crate::prepare::Prepared;
use crate::survey::Truth;
use ndarray::{Array2, Array3};

/// At most so many observations to learn from, clean data, and observations to tune on.
pub(super) const LEARNING: usize = 512;
pub(super) const CLEAN: usize = 8192;
pub(super) const TUNING: usize = 32;
/// Rows read at once.
const CHUNK: usize = 1024;

/// Observations of either kind.
#[derive(Debug, Clone)]
pub enum Observed {
    /// Rows of a prepared set of spectra.
    Spectra(Block),
    /// Rows of a prepared set of images.
    Images(ImageBlock),
}

/// Everything that a baseline may use; values are normalised.
#[derive(Debug)]
pub struct Sampling<'a> {
    /// What the D values of a row are.
    pub layout: Layout,
    /// F.
    pub forward: &'a ForwardConfig,
    /// Of everything that the baselines draw.
    pub seed: u64,
    /// The scored observations.
    pub scored: Observed,
    /// Observations that training may have seen.
    pub learning: Observed,
    /// Observations that are not scored, and their clean rows [M, D].
    pub tuning: (Observed, Array2<f32>),
    /// Clean rows of yet other objects, [K, D].
    pub clean: Array2<f32>,
    /// What the observations and the channel tell of the population, where that has a closed form.
    pub moments: Option<&'a Moments>,
    /// What the baselines of spectra use besides.
    pub spectra: Option<Spectra<'a>>,
    /// What the control of images uses besides.
    pub images: Option<ImagePairs<'a>>,
}

/// Clean images with observations of them.
#[derive(Debug)]
pub struct ImagePairs<'a> {
    /// The run's network and how it was trained.
    pub network: &'a NetworkConfig,
    /// See [`ImagePairs::network`].
    pub train: &'a TrainConfig,
    /// Processor seconds of its training, where they are known.
    pub cpu_s: Option<f64>,
    /// Clean images, none of which is scored, [K, D].
    pub clean: Array2<f32>,
    /// Their observations, row for row.
    pub of_clean: ImageBlock,
}

/// What baselines that are as large as the run itself may use of a survey of spectra.
#[derive(Debug)]
pub struct Spectra<'a> {
    /// The run's network and how it was trained.
    pub network: &'a NetworkConfig,
    /// See [`Spectra::network`].
    pub train: &'a TrainConfig,
    /// Processor seconds of its training, where they are known.
    pub cpu_s: Option<f64>,
    /// Observations that training may have seen.
    pub training: Block,
    /// The observations of [`Sampling::clean`], row for row.
    pub of_clean: Block,
}

/// Which baseline a row comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// Diffusion posterior sampling (Chung et al. 2023) under a prior learned from clean data.
    Dps,
    /// EM with posterior sampling: the prior is learned from the observations.
    EmPosterior,
    /// Weighted principal components of the observations in the rest frame (Bailey 2012).
    Empca,
    /// A network fitted to the observations alone by Stein's unbiased risk estimate.
    SureUnet,
    /// The run's network fitted to clean spectra and their observations.
    Control,
}

impl Baseline {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Dps,
        Self::EmPosterior,
        Self::Empca,
        Self::SureUnet,
        Self::Control,
    ];
}

/// A baseline's restorations of the scored observations, normalised.
#[derive(Debug, Clone)]
pub struct Sampled {
    /// What made them.
    pub baseline: Baseline,
    /// What the row is called in the table.
    pub name: String,
    /// The restorations, [N, D]: estimates of a baseline with draws or without any, one draw of one that only
    /// samples.
    pub values: Array2<f32>,
    /// Draws beside the estimates, [m, N, D].
    pub draws: Option<Array3<f32>>,
    /// Processor seconds that it took, all in all.
    pub cpu_s: f64,
}

/// Rows, and what to know of them or why there are none.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Those that the channel allows.
    pub rows: Vec<Sampled>,
    /// For the reader of the table, one sentence each.
    pub notes: Vec<String>,
}

impl Answer {
    /// The rows and notes of both.
    pub fn extend(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.notes.extend(other.notes);
    }
}

/// Makes the rows.
pub type Samplers<'a> = dyn Fn(&Sampling) -> Result<Answer> + 'a;

impl From<Sampled> for Candidate {
    fn from(row: Sampled) -> Self {
        Self {
            name: row.name,
            kind: row.baseline.into(),
            flux: row.values,
        }
    }
}

impl Sampled {
    /// Whether its restorations are draws and not estimates.
    pub(super) fn is_draw(&self) -> bool {
        matches!(self.baseline, Baseline::Dps | Baseline::EmPosterior)
    }
}

impl From<Baseline> for Kind {
    fn from(baseline: Baseline) -> Self {
        match baseline {
            Baseline::Dps => Self::Dps,
            Baseline::EmPosterior => Self::EmPosterior,
            Baseline::Empca => Self::Empca,
            Baseline::SureUnet => Self::SureUnet,
            Baseline::Control => Self::Control,
        }
    }
}

/// The rows that `samplers` make of what `read` reads; none without them.
pub(super) fn answer<'a>(
    samplers: Option<&Samplers>,
    read: impl FnOnce() -> Result<Sampling<'a>>,
) -> Result<Answer> {
    match samplers {
        Some(samplers) => samplers(&read()?),
        None => Ok(Answer::default()),
    }
}

/// The rows of a survey of spectra, numbers in the set, and in the truth where there are two.
pub(super) struct SpectraRows<'a> {
    pub scored: &'a [usize],
    pub training: &'a [usize],
    pub clean: &'a [(usize, usize)],
}

/// Reads what the baselines may use of a survey of spectra.
pub(super) fn of_spectra<'a>(
    set: &Prepared,
    truth: &Truth,
    rows: &SpectraRows,
    (config, cpu_s): (&'a Config, Option<f64>),
    moments: Option<&'a Moments>,
) -> Result<Sampling<'a>> {
    let (tuning, others) = apart(rows.clean, TUNING);
    let clean = |pairs: &[(usize, usize)]| {
        let at: Vec<usize> = pairs.iter().map(|(_, t)| *t).collect();
        let norm: Vec<f64> = pairs.iter().map(|(i, _)| set.objects()[*i].norm).collect();
        truth.read(&at, &norm)
    };
    let tuned: Vec<usize> = tuning.iter().map(|(i, _)| *i).collect();
    let others = evenly(&others, CLEAN);
    let of_others: Vec<usize> = others.iter().map(|(i, _)| *i).collect();
    Ok(Sampling {
        layout: set.layout(),
        forward: &config.forward,
        seed: config.seed,
        scored: Observed::Spectra(set.read_rows(rows.scored)?),
        learning: Observed::Spectra(set.read_rows(&evenly(rows.training, LEARNING))?),
        tuning: (Observed::Spectra(set.read_rows(&tuned)?), clean(&tuning)?),
        clean: clean(&others)?,
        moments,
        spectra: Some(Spectra {
            network: &config.network,
            train: &config.train,
            cpu_s,
            training: set.read_rows(&evenly(rows.training, CLEAN))?,
            of_clean: set.read_rows(&of_others)?,
        }),
        images: None,
    })
}

/// Rows of the set as a stream of blocks.
pub(super) fn blocks<'a>(
    set: &'a Prepared,
    rows: &'a [usize],
) -> impl Iterator<Item = Result<Block>> + 'a {
    rows.chunks(CHUNK).map(|group| set.read_rows(group))
}

/// At most `most` of `rows` and never more than a quarter, evenly spread and in rising order; and the
/// others.
pub(super) fn apart<T: Copy + Ord>(rows: &[T], most: usize) -> (Vec<T>, Vec<T>) {
    let mut sorted = rows.to_vec();
    sorted.sort_unstable();
    let chosen = evenly(&sorted, most.min(sorted.len() / 4));
    let others = sorted
        .into_iter()
        .filter(|r| chosen.binary_search(r).is_err())
        .collect();
    (chosen, others)
}
