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
use crate::data::{Bands, ImageLayout, Object, Wcs};
use crate::files::quantity::agree;
use crate::survey::select::reject;
use crate::survey::{ImageSource, RawImages, Sky};
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
        filters,
    } = source
    else {
        return Err(Error::config(
            "config",
            "survey.source.kind",
            "spectra, where images are needed",
            "give kind = \"images\"",
        ));
    };
    let coarse = config.forward.undersampling();
    let input = ImageSource::of_detector(path, datasets, image, coarse)?;
    let said = Bands::of(image.channels, unit, filters);
    let bands = said.or(&input.bands().unwrap_or(Bands::unknown(image.channels)));
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
        bands,
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
            check_bands(&mut raw, &header.bands, !filters.is_empty()).map(|()| raw)
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
    let object = |((row, sky), problem): ((usize, &Sky), Option<(i32, String)>)| {
        let [ra, dec] = sky.place.unwrap_or([f64::NAN; 2]);
        let mut object = Object {
            name: input.names()[row].clone(),
            source: input.origin(row),
            label: input.labels()[row],
            ra,
            dec,
            wcs: sky.wcs.as_ref().map_or_else(String::new, Wcs::text),
            ..Object::default()
        };
        if let Some((bit, reason)) = problem {
            reject(&mut object, bit, &reason);
        }
        object
    };
    let named = rows.zip(&raw.sky).zip(problems);
    Chunk {
        objects: named.map(object).collect(),
        block: block(raw, layout, &used),
        found,
    }
}

/// Whether the files say the units and filters of the set, where both say any. Units that are not understood are
/// noted: then the set's count; so are other names of filters, where the config gives names.
fn check_bands(raw: &mut RawImages, set: &Bands, named: bool) -> Result<()> {
    for (file, place) in &raw.bands {
        let channels = set.units.len();
        let contradicts = |what: &str, key: &str, k: usize, [found, wanted]: [&str; 2]| {
            let of = match channels {
                1 => String::new(),
                _ => format!(" of channel {}", k + 1),
            };
            Err(Error::input(
                Path::new(place),
                "",
                format!(
                    "the {what}{of} is `{found}` in the file, `{wanted}` in the config or the first file"
                ),
                format!("one {what} for all files"),
                format!("correct survey.source.{key}, or the file if it is wrong"),
            ))
        };
        for k in 0..channels {
            let [found, wanted] = [&file.units, &set.units].map(|u| &*u[k]);
            let both = !found.is_empty() && !wanted.is_empty();
            match agree(found, wanted) {
                Some(false) if both => return contradicts("unit", "unit", k, [found, wanted]),
                None if both && found != wanted => {
                    let note = format!(
                        "BUNIT `{found}` is not compared with survey.source.unit, which counts"
                    );
                    raw.notes.insert(note, raw.problems.len());
                }
                _ => {}
            }
            let [found, wanted] = [&file.filters, &set.filters].map(|f| &*f[k]);
            if found == wanted || found.is_empty() || wanted.is_empty() {
                continue;
            }
            if !named {
                return contradicts("filter", "filters", k, [found, wanted]);
            }
            let note = format!("filter `{found}` of the files is called {wanted}");
            raw.notes.insert(note, raw.problems.len());
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
