//! From files to arrays: joins a prepared set of images, the clean ones and restored files by name.

use super::baselines::{Task, baselines};
use super::calibration::calibration;
use super::fid::Features;
use super::files::open_restored;
use super::lpips::Lpips;
use super::measure::Reference;
use super::pixels::shift;
use super::psnr::DataRange;
use super::result::{ImageEvaluation, ImageKind};
use super::sampling::of_images;
use super::scored::Scored;
use super::shape_errors::TrueShapes;
use crate::config::{Config, ImageConfig, ImageDatasets, SurveySource};
use crate::evaluate::catalogs::index;
use crate::evaluate::sampling::{Samplers, answer, evenly};
use crate::evaluate::survey::{RunFiles, of_one_survey};
use crate::prepare::ImageSet;
use crate::survey::ImageSource;
use crate::{Error, Result};
use ndarray::Array2;
use std::path::Path;

/// Most observations that a power spectrum is learned from.
const LEARNED_FROM: usize = 2000;

/// The user's networks.
#[derive(Debug, Default)]
pub struct Networks {
    /// Distance of two images (`--lpips`).
    pub lpips: Option<Lpips>,
    /// Features of an image (`--fid`).
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

    let Scored {
        chosen,
        shown,
        restored,
    } = Scored::new(&set, &clean, &files, &in_truth, most)?;
    if shown.nrows() < 2 {
        return Err(Error::input(
            truth,
            "",
            format!(
                "{} images are left to score ({} without complete truth, {} restorations not finite)",
                shown.nrows(),
                chosen.without_truth,
                chosen.not_finite
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
        of_images(&set, &clean, &rows, (config, runs[0].cpu_s))
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
        shapes: (config.restore.shapes).then(|| TrueShapes::of(shown.view(), shape, &layout.scale)),
        seed: config.seed,
    };
    let (mut catalogs, mut calibrations) = (Vec::new(), Vec::new());
    for file in &files {
        let names = || chosen.set.iter().map(|i| &set.objects()[*i].name);
        let ivar = &task.scored.ivar;
        let shapes = reference.shapes.as_ref();
        calibrations.extend(calibration(file, names(), shown.view(), ivar, shapes)?);
        let rows: Vec<usize> = names().filter_map(|n| file.row(n)).collect();
        if let (Some(truth), Some(table)) = (&reference.shapes, &file.file.table().shapes) {
            let name = format!("table, median of the draws{}", file.suffix);
            catalogs.push(truth.of_table(name, table, &rows, file.file.draws()));
        }
    }
    let in_units = |images: &Array2<f32>| shift(images, layout, |n, mean, std| n * std + mean);
    let mut rows = Vec::new();
    for (i, method) in classical.into_iter().enumerate() {
        let kind = if i == 0 {
            ImageKind::Observed
        } else {
            ImageKind::Baseline
        };
        rows.push(reference.row(method.name, kind, in_units(&method.images).view())?);
    }
    for sampled in answer.rows {
        let images = in_units(&sampled.values);
        rows.push(reference.row(sampled.name, sampled.baseline.into(), images.view())?);
    }
    for (kind, name, images) in restored {
        rows.push(reference.row(name, kind, images.view())?);
    }
    Ok(ImageEvaluation {
        selfsi: env!("CARGO_PKG_VERSION").to_owned(),
        run: name.to_owned(),
        shape: [shape.channels, shape.height, shape.width],
        images: shown.nrows(),
        not_finite: chosen.not_finite,
        without_truth: chosen.without_truth,
        unit: match (&layout.scale.softening, set.header().bands.unit()) {
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
        catalogs,
        calibration: calibrations,
    })
}

fn datasets(config: &Config) -> ImageDatasets {
    match &config.survey.source {
        SurveySource::Images { datasets, .. } => datasets.of_clean(),
        _ => ImageDatasets::default(),
    }
}
