//! What the baselines that sample may use of a survey of images.

use super::files::read_clean;
use super::pixels::shift;
use super::result::ImageKind;
use crate::Result;
use crate::config::Config;
use crate::data::Layout;
use crate::evaluate::catalogs::finite_rows;
use crate::evaluate::sampling::{
    Baseline, CLEAN, ImagePairs, LEARNING, Observed, Sampling, TUNING, apart, evenly,
};
use crate::prepare::ImageSet;
use crate::survey::ImageSource;
use ndarray::{Array2, Axis};
use std::collections::HashSet;

impl From<Baseline> for ImageKind {
    fn from(baseline: Baseline) -> Self {
        match baseline {
            Baseline::Dps => Self::Dps,
            Baseline::EmPosterior => Self::EmPosterior,
            Baseline::Empca | Baseline::SureUnet | Baseline::Control => Self::Baseline,
        }
    }
}

/// The rows of a survey: numbers in the set, and in the truth.
pub(super) struct ImageRows<'a> {
    /// Scored, in the set and in the truth.
    pub scored: (&'a [usize], &'a [usize]),
    /// In the set, in no restored file as held out.
    pub training: Vec<usize>,
    /// Of the set, where the truth has them: both numbers.
    pub in_truth: Vec<(usize, usize)>,
}

/// Reads it.
pub(super) fn of_images<'a>(
    set: &ImageSet,
    clean: &ImageSource,
    rows: &ImageRows,
    (config, cpu_s): (&'a Config, Option<f64>),
) -> Result<Sampling<'a>> {
    let layout = &set.header().layout;
    let scored: HashSet<usize> = rows.scored.1.iter().copied().collect();
    let not_scored = rows.in_truth.iter().filter(|(_, t)| !scored.contains(t));
    let not_scored: Vec<(usize, usize)> = not_scored.copied().collect();
    let (mut tuning, paired) = apart(&not_scored, TUNING);
    let read = |at: &[usize]| -> Result<(Array2<f32>, Vec<usize>)> {
        let shown = read_clean(clean, at, layout)?;
        let complete = finite_rows([&shown]);
        let shown = shown.select(Axis(0), &complete);
        Ok((
            shift(&shown, layout, |v, mean, std| (v - mean) / std),
            complete,
        ))
    };
    let at: Vec<usize> = tuning.iter().map(|(_, t)| *t).collect();
    let (tuning_truth, complete) = read(&at)?;
    tuning = complete.iter().map(|k| tuning[*k]).collect();
    let taken: HashSet<usize> = at.into_iter().chain(scored).collect();
    let paired = evenly(&paired, CLEAN);
    let of_pairs: Vec<usize> = paired.iter().map(|(_, t)| *t).collect();
    let (clean_pairs, complete) = read(&of_pairs)?;
    let of_pairs: Vec<usize> = complete.iter().map(|k| paired[*k].0).collect();
    let others: Vec<usize> = (0..clean.len()).filter(|t| !taken.contains(t)).collect();
    let tuned: Vec<usize> = tuning.iter().map(|(i, _)| *i).collect();
    Ok(Sampling {
        layout: Layout::Images(layout.clone()),
        forward: &config.forward,
        seed: config.seed,
        scored: Observed::Images(set.read_rows(rows.scored.0)?),
        learning: Observed::Images(set.read_rows(&evenly(&rows.training, LEARNING))?),
        tuning: (Observed::Images(set.read_rows(&tuned)?), tuning_truth),
        clean: read(&evenly(&others, CLEAN))?.0,
        moments: None,
        spectra: None,
        images: Some(ImagePairs {
            network: &config.network,
            train: &config.train,
            cpu_s,
            clean: clean_pairs,
            of_clean: set.read_rows(&of_pairs)?,
        }),
    })
}
