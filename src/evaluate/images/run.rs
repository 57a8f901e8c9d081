//! From files to arrays: joins a prepared set of images, the clean ones and restored files by name.

use super::baselines::{Task, baselines};
use super::files::{File, open_restored, read_clean};
use super::measure::Reference;
use super::result::{ImageEvaluation, ImageKind};
use super::sampling::{ImageRows, of_images};
use super::{DataRange, Features, Lpips};
use crate::catalog::flag::NOT_FINITE;
use crate::catalog::{ImageLayout, ImageSet, ImageSource};
use crate::config::{Config, ImageConfig, ImageDatasets, SurveySource};
use crate::evaluate::catalogs::index;
use crate::evaluate::sampling::{Samplers, answer, evenly};
use crate::evaluate::survey::{RunFiles, of_one_survey};
use crate::{Error, Result};
use ndarray::{Array2, Axis};
use std::collections::HashMap;
use std::path::Path;

/// Most observations that a power spectrum is learned from.
const LEARNED_FROM: usize = 2000;

/// The user's networks.
#[derive(Debug, Default)]
pub struct Networks {
    pub lpips: Option<Lpips>,
    pub fid: Option<Features>,
}

/// Compares the restored images of `runs`, all of one survey, with the clean ones in `truth` (any
/// format of images), in one table called `name`. Scored are at most `most` of the images that are
/// held out from every training, usable, complete in the truth, and restored in every file.
///
/// Values are compared as they are shown: in the file's units, or asinh(value/softening) where the
/// survey is stretched. `samplers` may add rows.
///
/// # Errors
/// [`Error::Input`] if a file cannot be read or does not belong to the others, or no image is left;
/// [`Error::Config`] if the runs are not of one survey and forward model.
pub fn evaluate_images(
    name: &str,
    runs: &[RunFiles],
    truth: &Path,
    most: usize,
    networks: &Networks,
    samplers: Option<&Samplers>,
) -> Result<ImageEvaluation> {
    let config = of_one_survey(runs)?;
    let set = ImageSet::open(&config.survey.prepared)?;
    let layout = &set.header().layout;
    let shape = ImageConfig {
        fit: true,
        channels: layout.channels,
        height: layout.height,
        width: layout.width,
    };
    let files = open_restored(runs, layout)?;
    let clean = ImageSource::open(&[truth.to_path_buf()], &datasets(config), &shape)?;
    let in_truth = index(clean.names().iter().map(String::as_str));

    let mut chosen = Chosen::new(&set, &files, &in_truth);
    chosen.thin(most);
    let mut shown = read_clean(&clean, &chosen.truth, layout)?;
    let complete = finite_rows([&shown]);
    chosen.without_truth += shown.nrows() - complete.len();
    shown = shown.select(Axis(0), &complete);
    chosen.keep(&complete);
    let mut restored = Vec::new();
    for file in &files {
        restored.extend(file.rows(&set, &chosen.set)?);
    }
    let finite = finite_rows(restored.iter().map(|(_, _, images)| images));
    let not_finite = chosen.not_finite + shown.nrows() - finite.len();
    shown = shown.select(Axis(0), &finite);
    chosen.keep(&finite);
    if shown.nrows() < 2 {
        return Err(Error::input(
            truth,
            "",
            format!(
                "{} images are left to score ({} without complete truth, {not_finite} restorations not finite)",
                shown.nrows(),
                chosen.without_truth
            ),
            "clean images under the names of the held-out ones",
            "restore with --heldout, and give the clean images that the survey was simulated from",
        ));
    }

    let learning: Vec<usize> = (0..set.len())
        .filter(|i| set.objects()[*i].flag == 0)
        .collect();
    let learning = evenly(&learning, LEARNED_FROM);
    let normalised = shift(&shown, layout, |v, mean, std| (v - mean) / std);
    let task = Task {
        shape,
        scale: &layout.scale,
        forward: &config.forward,
        scored: &set.read_rows(&chosen.set)?,
        learning: &set.read_rows(&learning)?,
        truth: normalised.view(),
    };
    let (classical, left_out) = baselines(&task);
    let answer = answer(samplers, || {
        let rows = chosen.beside(&set, &files, &in_truth);
        of_images(&set, &clean, &rows, config)
    })?;

    let range = DataRange::of(shown.view());
    let fid = match &networks.fid {
        Some(net) => Some((net, net.of(shown.view(), shape, range)?)),
        None => None,
    };
    let features = fid.as_ref().map(|(_, clean)| clean.ncols());
    let reference = Reference {
        truth: shown.view(),
        shape,
        range,
        lpips: networks.lpips.as_ref(),
        fid,
        seed: config.seed,
    };
    let mut rows = Vec::new();
    for (i, method) in classical.into_iter().enumerate() {
        let kind = if i == 0 {
            ImageKind::Observed
        } else {
            ImageKind::Baseline
        };
        let images = shift(&method.images, layout, |n, mean, std| n * std + mean);
        rows.push(reference.row(method.name, kind, images.view())?);
    }
    for sampled in answer.rows {
        let images = shift(&sampled.values, layout, |n, mean, std| n * std + mean);
        rows.push(reference.row(sampled.name, sampled.method.into(), images.view())?);
    }
    for (kind, name, images) in restored {
        let images = images.select(Axis(0), &finite);
        rows.push(reference.row(name, kind, images.view())?);
    }
    Ok(ImageEvaluation {
        selfsi: env!("CARGO_PKG_VERSION").to_owned(),
        run: name.to_owned(),
        shape: [shape.channels, shape.height, shape.width],
        images: shown.nrows(),
        not_finite,
        without_truth: chosen.without_truth,
        unit: match (&layout.scale.softening, set.header().unit.as_str()) {
            (Some(softening), _) => format!("asinh(value / {softening})"),
            (None, "") => "the file's units".to_owned(),
            (None, unit) => unit.to_owned(),
        },
        range,
        features,
        learned_from: learning.len(),
        left_out,
        notes: answer.notes,
        rows,
    })
}

fn datasets(config: &Config) -> ImageDatasets {
    match &config.survey.source {
        SurveySource::Images { datasets, .. } => datasets.clone(),
        _ => ImageDatasets::default(),
    }
}

/// Which rows are scored: their places in the prepared set and in the truth.
struct Chosen {
    set: Vec<usize>,
    truth: Vec<usize>,
    without_truth: usize,
    not_finite: usize,
}

impl Chosen {
    fn new(set: &ImageSet, files: &[File], in_truth: &HashMap<String, usize>) -> Self {
        let mut chosen = Self {
            set: Vec::new(),
            truth: Vec::new(),
            without_truth: 0,
            not_finite: 0,
        };
        let usable = set
            .objects()
            .iter()
            .enumerate()
            .filter(|(_, o)| o.flag == 0);
        for (i, object) in usable {
            let states: Option<Vec<(i32, bool)>> =
                files.iter().map(|f| f.state(&object.name)).collect();
            match states {
                Some(s) if s.iter().all(|(_, heldout)| *heldout) => {
                    let flags = s.iter().fold(0, |all, (flag, _)| all | flag);
                    match in_truth.get(&object.name) {
                        _ if flags & NOT_FINITE != 0 => chosen.not_finite += 1,
                        _ if flags != 0 => {}
                        None => chosen.without_truth += 1,
                        Some(t) => {
                            chosen.set.push(i);
                            chosen.truth.push(*t);
                        }
                    }
                }
                _ => {}
            }
        }
        chosen
    }

    /// At most `most`, evenly spread.
    fn thin(&mut self, most: usize) {
        let places: Vec<usize> = (0..self.set.len()).collect();
        self.keep(&evenly(&places, most));
    }

    /// The rows that other methods may use.
    fn beside(
        &self,
        set: &ImageSet,
        files: &[File],
        in_truth: &HashMap<String, usize>,
    ) -> ImageRows<'_> {
        let objects = set
            .objects()
            .iter()
            .enumerate()
            .filter(|(_, o)| o.flag == 0);
        let held_out = |name: &str| {
            files
                .iter()
                .filter_map(|f| f.state(name))
                .any(|(_, heldout)| heldout)
        };
        ImageRows {
            scored: (&self.set, &self.truth),
            training: objects
                .clone()
                .filter(|(_, o)| !held_out(&o.name))
                .map(|(i, _)| i)
                .collect(),
            in_truth: objects
                .filter_map(|(i, o)| Some((i, *in_truth.get(&o.name)?)))
                .collect(),
        }
    }

    fn keep(&mut self, places: &[usize]) {
        self.set = places.iter().map(|p| self.set[*p]).collect();
        self.truth = places.iter().map(|p| self.truth[*p]).collect();
    }
}

/// Rows that are finite in every one of `images`.
pub(super) fn finite_rows<'a>(images: impl IntoIterator<Item = &'a Array2<f32>>) -> Vec<usize> {
    let images: Vec<_> = images.into_iter().collect();
    let rows = images.first().map_or(0, |i| i.nrows());
    let finite = |x: &Array2<f32>, i: usize| x.row(i).iter().all(|v| v.is_finite());
    (0..rows)
        .filter(|i| images.iter().all(|x| finite(x, *i)))
        .collect()
}

/// `f(value, mean, std)` of every pixel with its channel's mean and standard deviation.
pub(super) fn shift(
    images: &Array2<f32>,
    layout: &ImageLayout,
    f: impl Fn(f64, f64, f64) -> f64,
) -> Array2<f32> {
    let plane = layout.height * layout.width;
    let scale = &layout.scale;
    Array2::from_shape_fn(images.raw_dim(), |(i, k)| {
        let c = k / plane;
        f(f64::from(images[[i, k]]), scale.mean[c], scale.std[c]) as f32
    })
}
