//! Images → a prepared set: read, mask, stretch, normalise; in blocks, in parallel.

use super::image_report::ImageReport;
use super::impossible::mask_impossible_pixels;
use super::report::RejectedList;
use super::scale::pixel_scale;
use super::set::{ImageSetHeader, SetWriter};
use super::spectra::rejected_path;
use super::stretched::{block, problem};
use crate::base::atomic::not_an_input;
use crate::config::{Config, SurveySource};
use crate::data::{ImageLayout, Object};
use crate::files::quantity::agree;
use crate::survey::images::counted;
use crate::survey::select::reject;
use crate::survey::{ImageSource, RawImages};
use crate::{Error, Result};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// Images in memory at a time.
const CHUNK: usize = 256;

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
) -> Result<ImageReport> {
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
    not_an_input(
        out,
        path.iter().map(PathBuf::as_path),
        "give survey.prepared another name",
    )?;
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
    };
    let header = ImageSetHeader {
        layout,
        unit: unit.clone(),
        config: config.to_toml()?,
    };
    let layout = &header.layout;
    let list_path = rejected_path(out);
    let mut report = ImageReport::new(out, &list_path, layout, from, n);
    report.duplicate_names = input.duplicates();
    report.passed_over = input.passed_over();
    let mut writer = SetWriter::create(out, &header, n)?;
    let mut list = RejectedList::create(&list_path)?;
    for start in (0..n).step_by(CHUNK) {
        let end = (start + CHUNK).min(n);
        let mut raw = input.read(start..end)?;
        check_units(&raw, unit)?;
        report.notes = counted(report.notes.iter().chain(&raw.notes));
        for (i, n) in mask_impossible_pixels(&mut raw).into_iter().enumerate() {
            if n > 0 {
                report.impossible.push(input.names()[start + i].clone());
                report.impossible_pixels += n;
            }
        }
        let problems: Vec<Option<(i32, String)>> = (0..end - start)
            .into_par_iter()
            .map(|i| problem(&raw, i))
            .collect();
        let used: Vec<bool> = problems.iter().map(Option::is_none).collect();
        let images = block(raw, layout, &used);
        let mut objects = Vec::with_capacity(end - start);
        for (i, problem) in problems.into_iter().enumerate() {
            let mut object = Object {
                name: input.names()[start + i].clone(),
                source: input.origin(start + i),
                label: input.labels()[start + i],
                ..Object::default()
            };
            if let Some((bit, reason)) = problem {
                reject(&mut object, bit, &reason);
                list.add(start + i, &object)?;
            }
            report.count(&object, images.ivar.row(i).iter());
            objects.push(object);
        }
        writer.write(&objects, &images)?;
        progress(measured + end, measured + n);
    }
    if report.used == 0 {
        return Err(nothing_left(path, &report));
    }
    writer.finish()?;
    list.finish()?;
    Ok(report)
}

/// Whether the files say the unit of the config, where both say one.
fn check_units(raw: &RawImages, config: &str) -> Result<()> {
    let other = |unit: &str| !config.trim().is_empty() && agree(unit, config) != Some(true);
    match raw.units.iter().find(|(unit, _)| other(unit)) {
        None => Ok(()),
        Some((unit, place)) => Err(Error::input(
            place,
            "",
            format!("the file says `{unit}`, the config `{config}`"),
            "the same unit in both",
            "correct survey.source.unit, or the file if it is wrong",
        )),
    }
}

fn nothing_left(paths: &[PathBuf], report: &ImageReport) -> Error {
    let first = report.first_reason.as_deref().unwrap_or("no reason");
    Error::input(
        paths.first().map_or(Path::new(""), |p| p),
        "",
        format!(
            "none of {} images is usable ({}; the first: {first})",
            report.rows,
            report.counts()
        ),
        "at least one usable image",
        "check survey.source.path and [image]",
    )
}
