//! Facts of images: any source that `prepare` reads, and prepared sets of images.

use super::inspection::{Inspection, range, rounded};
use crate::config::ImageDatasets;
use crate::data::{Bands, Object, PixelScale, flag};
use crate::prepare::{ImageSet, flag_names};
use crate::restored::RestoredImages;
use crate::survey::{ImageSource, images};
use crate::{Error, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Images looked at for statistics, and how many are read at a time.
const LOOKED_AT: usize = 256;
const READ: usize = 64;
/// Values that are in memory for that, unless one image has more.
const VALUES: usize = 1 << 26;

/// As [`source`], but first whether they are restored images of selfsi.
pub(crate) fn restored_or_source(path: &Path) -> Result<Option<Inspection>> {
    match RestoredImages::open(path) {
        Ok(file) => Ok(Some(restored(&file))),
        // Damaged, not something else.
        Err(e) if RestoredImages::is_said(path) => Err(e),
        Err(_) => source(path),
    }
}

fn restored(file: &RestoredImages) -> Inspection {
    let mut i = Inspection::new(file.path(), "restored images");
    let (layout, header) = (file.layout(), file.header());
    i.fact("images", file.objects().len());
    i.fact("channels", layout.channels);
    i.fact("height", layout.height);
    i.fact("width", layout.width);
    bands(&mut i, &header.bands);
    let with_wcs = file.objects().iter().filter(|o| !o.wcs.is_empty()).count();
    i.fact("with_wcs", with_wcs);
    i.fact("holds", header.images());
    i.fact("method", file.method().name());
    i.fact("draws", file.draws());
    let flagged = |o: &&Object| o.flag != flag::GOOD;
    i.fact("flagged", file.objects().iter().filter(flagged).count());
    i.fact("heldout", file.heldout().iter().filter(|h| **h).count());
    i.fact("scale", words(&layout.scale));
    i
}

/// Facts of a file or folder of images; `None` if the shape of its images is ambiguous.
pub(crate) fn source(path: &Path) -> Result<Option<Inspection>> {
    let Some(image) = images::guess(path)? else {
        return Ok(None);
    };
    let paths = [path.to_path_buf()];
    let source = ImageSource::open(&paths, &ImageDatasets::default(), &image)?;
    let mut i = Inspection::new(path, "images");
    i.fact("images", source.len());
    i.fact("channels", image.channels);
    i.fact("height", image.height);
    i.fact("width", image.width);
    let each = image.channels * image.height * image.width;
    let looked_at = source.len().min(LOOKED_AT).min((VALUES / each).max(1));
    let raw = source.read(0..looked_at)?;
    let (all, values) = (raw.pixels.len(), || {
        raw.pixels.iter().map(|v| f64::from(*v))
    });
    i.fact("values", range(values()));
    let missing = values().filter(|v| !v.is_finite()).count();
    i.fact("not_finite", rounded(missing as f64 / all as f64));
    if let Some(ivar) = &raw.ivar {
        let fraction = |of: &dyn Fn(f32) -> bool| {
            rounded(ivar.iter().filter(|v| of(**v)).count() as f64 / all as f64)
        };
        i.fact("ivar", range(ivar.iter().map(|v| f64::from(*v))));
        i.fact("masked", fraction(&|v| v.is_nan() || v <= 0.0));
        i.fact("no_noise_level", fraction(&f32::is_infinite));
    }
    if let Some(said) = source.bands() {
        bands(&mut i, &said);
    }
    let with_wcs = raw.sky.iter().filter(|s| s.wcs.is_some()).count();
    i.fact("with_wcs", with_wcs);
    if !raw.notes.is_empty() {
        // What all images have alike needs no count.
        let note = |(what, n): (&String, &usize)| match *n == looked_at {
            true => what.clone(),
            false => format!("{n} images: {what}"),
        };
        i.fact("beside", raw.notes.iter().map(note).collect::<Vec<_>>());
    }
    let (k, p) = source.widths();
    if k + p > 0 {
        i.fact("vector", k);
        i.fact("planes", p);
    }
    if let Some(scale) = source.scale() {
        i.fact("scale", words(scale));
    }
    labels(&mut i, source.labels());
    i.fact("first_name", source.names()[0].clone());
    if looked_at < source.len() {
        i.fact("looked_at", looked_at);
    }
    let unusable = raw.problems.iter().flatten().count();
    if let Some(first) = raw.problems.iter().flatten().next() {
        i.problem(format!(
            "{unusable} of {looked_at} cannot be used; the first: {first}"
        ));
    }
    let passed_over = source.passed_over();
    if let Some(first) = passed_over.first() {
        let (n, first) = (passed_over.len(), first.display());
        i.problem(format!(
            "{n} files are no single images, and are not read; the first: {first}"
        ));
    }
    let twice = source.duplicates().len();
    if twice > 0 {
        i.problem(format!("{twice} names occur more than once"));
    }
    Ok(Some(i))
}

/// As [`source`], where the path holds images or nothing that is known.
pub(crate) fn alone(path: &Path) -> Result<Inspection> {
    source(path)?.ok_or_else(|| {
        Error::input(
            path,
            "",
            "the axes of the images are ambiguous",
            "images of one to four channels",
            "give their shape in [image] and run selfsi prepare",
        )
    })
}

/// Facts of a prepared set of images.
pub(crate) fn prepared(set: &ImageSet) -> Result<Inspection> {
    let mut i = Inspection::new(set.path(), "prepared set of images");
    let layout = &set.header().layout;
    let rows: Vec<usize> = (0..set.len())
        .filter(|r| set.objects()[*r].flag == flag::GOOD)
        .collect();
    i.fact("images", set.len());
    i.fact("used", rows.len());
    let mut rejected: BTreeMap<&str, usize> = BTreeMap::new();
    for name in set.objects().iter().flat_map(|o| flag_names(o.flag)) {
        *rejected.entry(name).or_default() += 1;
    }
    if !rejected.is_empty() {
        i.fact("rejected", json!(rejected));
    }
    i.fact("channels", layout.channels);
    i.fact("height", layout.height);
    i.fact("width", layout.width);
    i.fact("vector", layout.vector);
    i.fact("planes", layout.planes);
    i.fact("scale", words(&layout.scale));
    bands(&mut i, &set.header().bands);
    let with_wcs = set.objects().iter().filter(|o| !o.wcs.is_empty()).count();
    i.fact("with_wcs", with_wcs);
    let classes: Vec<i64> = set.objects().iter().map(|o| o.label).collect();
    labels(&mut i, &classes);
    let (mut values, mut sigma) = (Vec::new(), Vec::new());
    let (mut masked, mut unknown, mut all) = (0usize, 0usize, 0usize);
    for part in rows[..rows.len().min(LOOKED_AT)].chunks(READ) {
        let block = set.read_rows(part)?;
        all += block.pixels.len();
        for (v, ivar) in block.pixels.iter().zip(&block.ivar) {
            masked += usize::from(*ivar == 0.0);
            unknown += usize::from(ivar.is_infinite());
            if *ivar > 0.0 {
                values.push(f64::from(*v));
                sigma.push(f64::from(*ivar).sqrt().recip());
            }
        }
    }
    if all > 0 {
        i.fact("normalised", range(values.into_iter()));
        i.fact("noise_level", range(sigma.into_iter().filter(|s| *s > 0.0)));
        i.fact("masked", rounded(masked as f64 / all as f64));
        i.fact("no_noise_level", rounded(unknown as f64 / all as f64));
    }
    if rows.is_empty() {
        i.problem("no usable image");
    }
    Ok(i)
}

/// The unit of all channels, or those of each, and the filters.
fn bands(i: &mut Inspection, bands: &Bands) {
    match bands.unit() {
        "" if bands.units.iter().any(|u| !u.is_empty()) => i.fact("units", json!(bands.units)),
        unit => i.fact("unit", unit),
    }
    if bands.filters.iter().any(|f| !f.is_empty()) {
        i.fact("filters", json!(bands.filters));
    }
}

fn labels(i: &mut Inspection, labels: &[i64]) {
    let mut known: Vec<i64> = labels.iter().copied().filter(|l| *l >= 0).collect();
    known.sort_unstable();
    known.dedup();
    if !known.is_empty() {
        i.fact("classes", known.len());
    }
}

fn words(scale: &PixelScale) -> Value {
    let mut map = serde_json::Map::new();
    map.insert("mean".into(), json!(scale.mean));
    map.insert("std".into(), json!(scale.std));
    if let Some(softening) = scale.softening {
        map.insert("softening".into(), json!(softening));
    }
    map.into()
}
