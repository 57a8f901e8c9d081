//! Images → a prepared set: read, mask, stretch, normalise.

use super::background::fill_noise;
use super::chunks::{self, Chunk};
use super::image_report::{ImageDetails, Noticed};
use super::impossible::mask_impossible_pixels;
use super::report::Report;
use super::scale::pixel_scale;
use super::set::ImageSetHeader;
use super::stretched::{block, problem};
use crate::config::{Config, SurveySource};
use crate::data::{ImageLayout, Object};
use crate::files::quantity::agree;
use crate::survey::select::reject;
use crate::survey::{ImageSource, RawImages};
use crate::{Error, Result};
use rayon::prelude::*;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Prepares the images of `source` by the rules of `config` and writes them to `out`, with the
/// list of rejected ones beside it. `progress` receives (rows done, rows) after each block; rows
/// count twice where the scale has to be measured first.
///
/// # Errors
/// [`Error::Input`] if the images cannot be read or none is usable, [`Error::Config`] if the config
/// is not for images, [`Error::Output`] if the set cannot be written. Nothing is left behind then.
pub fn prepare_images(
    config: &Config,
    source: &SurveySource,
    out: &Path,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Report<ImageDetails>> {
    let image = crate::survey::images::image_config(config)?;
    let SurveySource::Images {
        path,
        datasets,
        unit,
    } = source
    else {
        return Err(Error::config(
            "config",
            "survey.source.kind",
            "spectra, where images are needed",
            "give kind = \"images\"",
        ));
    };
    let input = ImageSource::open(path, datasets, image)?;
    let n = input.len();
    let mut measured = 0;
    let (scale, from) = pixel_scale(config, &input, &mut |done, all| {
        measured = all;
        progress(done, 2 * all);
    })?;
    let (vector, planes) = input.widths();
    let layout = ImageLayout {
        channels: image.channels,
        height: image.height,
        width: image.width,
        scale,
        vector,
        planes,
        psf: input.psf(),
    };
    let header = ImageSetHeader {
        layout,
        unit: unit.clone(),
        config: config.to_toml()?,
    };
    let layout = &header.layout;
    let measure = config.forward.measures_background();
    let details = ImageDetails::new(layout, from, input.passed_over());
    chunks::write(
        &header,
        Report::new(out, n, input.duplicates(), details),
        |rows| {
            let mut raw = input.read(rows)?;
            check_unit(&mut raw, unit).map(|()| raw)
        },
        |rows, mut raw| {
            if measure {
                let n = fill_noise(&mut raw, layout);
                note_measured(&mut raw, n);
            }
            chunk(&input, layout, rows, raw)
        },
        |report| nothing_usable(path, report),
        &mut |done| progress(measured + done, measured + n),
    )
}

fn note_measured(raw: &mut RawImages, n: usize) {
    let note = "their noise level is the scatter of their background, measured";
    if n > 0 {
        raw.notes.insert(note.into(), n);
    }
}

fn chunk(
    input: &ImageSource,
    layout: &ImageLayout,
    rows: Range<usize>,
    mut raw: RawImages,
) -> Chunk<ImageDetails> {
    let impossible = mask_impossible_pixels(&mut raw)
        .into_iter()
        .zip(rows.clone());
    let named = |(n, row): (usize, usize)| (n > 0).then(|| (input.names()[row].clone(), n));
    let found = Noticed {
        beside: std::mem::take(&mut raw.notes),
        impossible: impossible.filter_map(named).collect(),
    };
    let problems: Vec<Option<(i32, String)>> = (0..rows.len())
        .into_par_iter()
        .map(|i| problem(&raw, i))
        .collect();
    let used: Vec<bool> = problems.iter().map(Option::is_none).collect();
    let object = |(row, problem): (usize, Option<(i32, String)>)| {
        let mut object = Object {
            name: input.names()[row].clone(),
            source: input.origin(row),
            label: input.labels()[row],
            ..Object::default()
        };
        if let Some((bit, reason)) = problem {
            reject(&mut object, bit, &reason);
        }
        object
    };
    Chunk {
        objects: rows.zip(problems).map(object).collect(),
        block: block(raw, layout, &used),
        found,
    }
}

/// Whether the files say the unit of the config, where both say one; notes units that are not understood:
/// then the config's counts.
fn check_unit(raw: &mut RawImages, config: &str) -> Result<()> {
    if config.trim().is_empty() {
        return Ok(());
    }
    for (unit, place) in &raw.units {
        match agree(unit, config) {
            Some(true) => {}
            Some(false) => {
                return Err(Error::input(
                    Path::new(place),
                    "",
                    format!("the file says `{unit}`, the config `{config}`"),
                    "the same unit in both",
                    "correct survey.source.unit, or the file if it is wrong",
                ));
            }
            None => {
                let note =
                    format!("BUNIT `{unit}` is not compared with survey.source.unit, which counts");
                raw.notes.insert(note, raw.problems.len());
            }
        }
    }
    Ok(())
}

fn nothing_usable(paths: &[PathBuf], report: &Report<ImageDetails>) -> Error {
    Error::input(
        paths.first().map_or(Path::new(""), |p| p),
        "",
        report.nothing_usable(),
        "at least one usable image",
        "check survey.source.path and [image]",
    )
}
