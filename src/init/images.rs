//! The config of a survey of images.

use super::draft::{Draft, Table};
use super::recognise::guess;
use crate::base::statistics::median;
use crate::config::{ImageConfig, ImageDatasets};
use crate::data::Bands;
use crate::survey::ImageSource;
use crate::{Error, Result};
use ndarray::ArrayView1;
use std::path::PathBuf;
use toml::Value;

/// Images that are looked at, and their values in memory unless one image has more.
const LOOKED_AT: usize = 256;
const VALUES: usize = 1 << 26;
/// Standard deviation of a normal distribution over its median absolute deviation.
const MAD: f64 = 1.4826;
/// The network's coarsest level has as many rows of pixels, at least.
const COARSEST: usize = 4;

/// What a sample of the images holds.
struct Seen {
    images: usize,
    /// Mean and standard deviation of the good pixels.
    std: f64,
    /// σ of the noise, as neighbouring pixels tell it, and as ivar says it; file's units.
    noise: f64,
    said: Option<f64>,
    /// Part of the pixels that is masked.
    masked: f64,
    /// The brightest pixel over the noise.
    contrast: f64,
    bands: Bands,
}

/// Adds everything that is to be said of the images at `paths`.
pub(super) fn add(draft: &mut Draft, paths: &[PathBuf], prepared: Table) -> Result<()> {
    let image = guess(&paths[0])?.ok_or_else(|| {
        let expected = "spectra, or images of one to four channels";
        let fix = "write a config with their shape in [image] (docs/guide/images.md)";
        Error::input(
            &paths[0],
            "",
            "neither spectra nor images that can be told",
            expected,
            fix,
        )
    })?;
    let seen = seen(paths, &image)?;
    let n = seen.images;
    draft.head.insert(1, format!("{n} images."));
    let shape = Table::new("image")
        .key("channels", image.channels as i64, "")
        .key("height", image.height as i64, "")
        .key("width", image.width as i64, "");
    draft.tables.extend([shape, prepared, source(paths, &seen)]);
    let softening = format!(
        "softening = {:.3e}: an asinh stretch, for sources far brighter than the noise?",
        seen.noise
    );
    draft.tables.push(
        Table::new("normalise")
            .key("kind", "pixels", "mean 0, standard deviation 1")
            .question_if(seen.contrast > 30.0, softening),
    );
    draft.tables.push(
        Table::new("forward")
            .key("kind", "stages", "what happened to the light, one corruption after the other")
            .question("a blur (seeing, PSF)? [[forward.stages]] kind = \"blur\", sigma = 1.5 in pixels, before the noise")
            .question("lost pixels, JPEG, motion? selfsi config --explain forward.stages.kind"),
    );
    if seen.masked > 0.0 {
        draft.tables.push(
            Table::listed("forward.stages")
                .key("kind", "mask", "")
                .key(
                    "rho",
                    seen.masked.clamp(1e-4, 0.99),
                    "part of the pixels that is masked",
                )
                .key("latent", "kept", "each image brings its mask"),
        );
    }
    let sigma = seen.said.unwrap_or(seen.noise) / seen.std;
    let how = match seen.said {
        Some(_) => "median of what ivar says",
        None => "as neighbouring pixels differ",
    };
    draft.tables.push(
        Table::listed("forward.stages")
            .key("kind", "noise", "")
            .key(
                "sigma",
                rounded(sigma.clamp(1e-3, 100.0)),
                format!("{how}, over the pixels' standard deviation"),
            ),
    );
    draft.tables.extend(model(&image, n));
    Ok(())
}

fn source(paths: &[PathBuf], seen: &Seen) -> Table {
    let text = |p: &PathBuf| Value::from(p.display().to_string());
    let path = match paths {
        [path] => text(path),
        paths => Value::Array(paths.iter().map(text).collect()),
    };
    let table = Table::new("survey.source")
        .key("kind", "images", "")
        .key("path", path, "");
    let all = |texts: &[String]| Value::Array(texts.iter().map(|t| Value::from(&**t)).collect());
    let Bands { units, filters } = &seen.bands;
    let table = match seen.bands.unit() {
        "" if units.iter().any(|u| !u.is_empty()) => {
            table.key("unit", all(units), "of each channel, as the files say")
        }
        "" => table.question("unit = \"nanomaggy\": the unit of the pixel values?"),
        unit => table.key("unit", unit, "as the files say"),
    };
    match filters.iter().any(|f| !f.is_empty()) {
        true => table.key("filters", all(filters), "as the files say"),
        false => table,
    }
}

fn seen(paths: &[PathBuf], image: &ImageConfig) -> Result<Seen> {
    let source = ImageSource::open(paths, &ImageDatasets::default(), image)?;
    let each = image.channels * image.height * image.width;
    let n = source.len().min(LOOKED_AT).min((VALUES / each).max(1));
    let raw = source.read(0..n)?;
    let good = |i: usize, p: usize| {
        let known = raw.ivar.as_ref().is_none_or(|ivar| ivar[[i, p]] > 0.0);
        Some(f64::from(raw.pixels[[i, p]])).filter(|v| known && v.is_finite())
    };
    let (mut sum, mut squares, mut count, mut brightest) = (0.0, 0.0, 0usize, f64::NEG_INFINITY);
    let mut steps = Vec::new();
    for i in 0..n {
        for p in 0..each {
            let Some(v) = good(i, p) else { continue };
            (sum, squares, count) = (sum + v, squares + v * v, count + 1);
            brightest = brightest.max(v);
            if p % image.width > 0
                && let Some(left) = good(i, p - 1)
            {
                steps.push((v - left).abs());
            }
        }
    }
    if count == 0 {
        let problem = "no image has a good pixel";
        return Err(Error::input(
            &paths[0],
            "",
            problem,
            "images",
            "selfsi inspect tells more",
        ));
    }
    let mean = sum / count as f64;
    let std = (squares / count as f64 - mean * mean).max(0.0).sqrt();
    let noise = MAD * median(steps) / std::f64::consts::SQRT_2;
    let sigma = |ivar: ArrayView1<f32>| {
        let known = ivar.iter().filter(|v| **v > 0.0 && v.is_finite());
        median(known.map(|v| f64::from(*v).sqrt().recip()))
    };
    let said = raw
        .ivar
        .as_ref()
        .map(|ivar| median(ivar.rows().into_iter().map(sigma)));
    Ok(Seen {
        images: source.len(),
        std: if std > 0.0 { std } else { 1.0 },
        noise: if noise.is_finite() { noise } else { 0.0 },
        said: said.filter(|s| s.is_finite()),
        masked: 1.0 - count as f64 / (n * each) as f64,
        contrast: (brightest - mean) / noise,
        bands: source.bands().unwrap_or_default(),
    })
}

fn rounded(v: f64) -> f64 {
    (v * 1e4).round() / 1e4
}

/// The path, the network and the training, by the size and the number of the images.
fn model(image: &ImageConfig, n: usize) -> Vec<Table> {
    let halves = |k: usize| {
        let fits = |side: usize| side.is_multiple_of(1 << k) && side >> k >= COARSEST;
        fits(image.height) && fits(image.width)
    };
    let levels = (1..4).take_while(|k| halves(*k)).count() + 1;
    let heights = (0..levels).map(|k| image.height >> k);
    let attention: Vec<Value> = heights
        .filter(|h| *h <= 16)
        .map(|h| Value::from(h as i64))
        .collect();
    let multipliers = [1, 2, 3, 4][..levels]
        .iter()
        .map(|m| Value::from(*m))
        .collect();
    let steps = (n / 2).clamp(500, 20_000) as i64;
    let every = (steps / 5).clamp(100, 500);
    let one = levels == 1;
    vec![
        Table::new("interpolant")
            .key("kind", "sde", "draws of each image; \"ode\": one restoration, without uncertainty")
            .key("gamma", 1.0, "")
            .key("diffusion", "gamma", "")
            .key("epsilon", 1.0, ""),
        Table::new("network")
            .question_if(one, "an odd shape, on which the network has one level: cut the images to a multiple of 8, if you can")
            .key("channels", if n < 10_000 { 32 } else { 64 }, format!("for {n} images"))
            .key("multipliers", Value::Array(multipliers), "")
            .key("blocks", if image.height < 32 { 1 } else { 2 }, "")
            .key("attention", Value::Array(attention), "")
            .key("dropout", 0.0, ""),
        Table::new("train")
            .key("steps", steps, format!("for {n} images; selfsi diagnose says whether it was enough"))
            .key("batch", (n as i64 / 4).clamp(1, 64), "")
            .key("ema", if steps < 5000 { 0.995 } else { 0.998 }, "")
            .key("heldout", if n < 500 { 0.2 } else { 0.1 }, "kept out of training, to validate on")
            .key("validate_every", every, "")
            .key("checkpoint_every", every, ""),
        Table::new("restore").key("draws", 16, "of each image"),
    ]
}
