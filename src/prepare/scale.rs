//! The scale that brings pixel values to order 1: given, recorded, or measured in one pass.

use super::chunks::ranges;
use super::impossible::mask_impossible_pixels;
use super::set::{ImageSet, ImageSetHeader};
use super::stretched::{is_good, problem};
use crate::base::ahead::ahead;
use crate::config::{Config, ImageConfig, NormaliseConfig};
use crate::data::PixelScale;
use crate::survey::{ImageSource, RawImages};
use crate::{Error, Result};
use rayon::prelude::*;
use serde::Serialize;
use std::path::Path;
use std::thread;

/// Chunks that wait to be measured.
const AHEAD: usize = 1;

/// Where a scale comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ScaleFrom {
    /// normalise.mean and normalise.std.
    Config,
    /// What `selfsi simulate` wrote into the file.
    File,
    /// The good pixels of the usable images.
    Measured,
}

/// The scale for the images of `source`: the one of `[normalise]` where it is given, else the one
/// recorded in the file (unless the config asks for another softening), else measured: mean and
/// standard deviation of the stretched good pixels, per channel. `progress` receives (rows, all rows).
///
/// # Errors
/// [`Error::Input`] if the images cannot be read, or a channel is constant; [`Error::Config`] if
/// `[normalise]` or `[image]` is not for images.
pub fn pixel_scale(
    config: &Config,
    source: &ImageSource,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<(PixelScale, ScaleFrom)> {
    let image = crate::survey::images::image_config(config)?;
    let (mean, std, softening) = pixels(&config.normalise)?;
    if let (Some(mean), Some(std)) = (mean, std) {
        let scale = PixelScale {
            softening,
            mean: mean.clone(),
            std: std.clone(),
        };
        return Ok((scale, ScaleFrom::Config));
    }
    if let Some(scale) = source.scale()
        && (softening.is_none() || softening == scale.softening)
    {
        return Ok((scale.clone(), ScaleFrom::File));
    }
    let scale = measure(source, image, softening, progress)?;
    Ok((scale, ScaleFrom::Measured))
}

/// `config` with the scale of a prepared set written out, so that new data can be brought to the
/// scale that a run was trained on.
///
/// # Errors
/// [`Error::Input`] if the set was prepared with another shape or scale than the config gives.
pub fn with_scale_of(config: &Config, set: &ImageSet) -> Result<Config> {
    let image = crate::survey::images::image_config(config)?;
    let layout = &set.header().layout;
    let differs = |what: &str, is: String, expected: String| {
        let fix = "prepare the set again with this config";
        Err(Error::input(set.path(), what, is, expected, fix))
    };
    let ours = [image.channels, image.height, image.width];
    let theirs = [layout.channels, layout.height, layout.width];
    if ours != theirs {
        return differs(
            "shape",
            format!("images [C, H, W] = {theirs:?}"),
            format!("{ours:?} as in [image]"),
        );
    }
    let (mean, std, softening) = pixels(&config.normalise)?;
    let scale = &layout.scale;
    let same = mean.is_none_or(|m| *m == scale.mean)
        && std.is_none_or(|s| *s == scale.std)
        && (softening == scale.softening || (softening.is_none() && mean.is_none()));
    if !same {
        return differs(
            "mean, std, softening",
            "not normalised as [normalise] says".into(),
            "the same scale".into(),
        );
    }
    Ok(Config {
        normalise: NormaliseConfig::Pixels {
            mean: Some(scale.mean.clone()),
            std: Some(scale.std.clone()),
            softening: scale.softening,
        },
        ..config.clone()
    })
}

type Given<'a> = (Option<&'a Vec<f64>>, Option<&'a Vec<f64>>, Option<f64>);

fn pixels(normalise: &NormaliseConfig) -> Result<Given<'_>> {
    match normalise {
        NormaliseConfig::Pixels {
            mean,
            std,
            softening,
        } => Ok((mean.as_ref(), std.as_ref(), *softening)),
        _ => Err(Error::config(
            "config",
            "normalise.kind",
            "not for images",
            "give kind = \"pixels\"",
        )),
    }
}

/// Number, mean and summed squared deviations of some values.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    n: f64,
    mean: f64,
    deviations: f64,
}

impl Moments {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut m = Self::default();
        for v in values {
            m.n += 1.0;
            let from_old = v - m.mean;
            m.mean += from_old / m.n;
            m.deviations += from_old * (v - m.mean);
        }
        m
    }

    /// Both together (Chan, Golub & LeVeque 1979).
    fn and(self, other: Self) -> Self {
        if other.n == 0.0 {
            return self;
        }
        let n = self.n + other.n;
        let apart = other.mean - self.mean;
        Self {
            n,
            mean: self.mean + apart * other.n / n,
            deviations: self.deviations + other.deviations + apart * apart * self.n * other.n / n,
        }
    }
}

fn measure(
    source: &ImageSource,
    image: &ImageConfig,
    softening: Option<f64>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<PixelScale> {
    let all = source.len();
    let mut total = vec![Moments::default(); image.channels];
    let mut first: Option<(i32, String)> = None;
    thread::scope(|scope| {
        let rows = || ranges::<ImageSetHeader>(all, image.channels * image.height * image.width);
        for (rows, raw) in rows().zip(ahead(scope, AHEAD, rows().map(|r| source.read(r)))) {
            let mut raw = raw?;
            mask_impossible_pixels(&mut raw);
            if first.is_none() {
                first = (0..rows.len()).find_map(|i| problem(&raw, i));
            }
            // In the order of the rows: the sum does not depend on the threads.
            let each: Vec<Vec<Moments>> = (0..rows.len())
                .into_par_iter()
                .map(|i| row_moments(&raw, i, image, softening))
                .collect();
            for row in each {
                for (t, m) in total.iter_mut().zip(row) {
                    *t = t.and(m);
                }
            }
            progress(rows.end, all);
        }
        Ok::<(), Error>(())
    })?;
    let std: Vec<f64> = total.iter().map(|m| (m.deviations / m.n).sqrt()).collect();
    if let Some(channel) = std.iter().position(|s| !(*s > 0.0 && s.is_finite())) {
        let problem = if total[channel].n == 0.0 {
            let why = first.map(|(_, reason)| format!("; the first that is left out: {reason}"));
            let why = why.unwrap_or_default();
            format!("no usable image has a good pixel in channel {channel}{why}")
        } else {
            format!("channel {channel} is the same everywhere: it has no standard deviation")
        };
        return Err(Error::input(
            Path::new(&source.origin(0)),
            "",
            problem,
            "images that differ",
            "check the images and [image], or give normalise.mean and normalise.std",
        ));
    }
    Ok(PixelScale {
        softening,
        mean: total.iter().map(|m| m.mean).collect(),
        std,
    })
}

/// Per channel, of the good pixels of row `i`; nothing for an image that is left out.
fn row_moments(
    raw: &RawImages,
    i: usize,
    image: &ImageConfig,
    softening: Option<f64>,
) -> Vec<Moments> {
    if problem(raw, i).is_some() {
        return vec![Moments::default(); image.channels];
    }
    let plane = image.height * image.width;
    let stretch = |v: f32| softening.map_or(f64::from(v), |s| (f64::from(v) / s).asinh());
    let good = |j: &usize| is_good(raw.pixels[[i, *j]], raw.ivar.as_ref().map(|v| v[[i, *j]]));
    (0..image.channels)
        .map(|c| {
            let pixels = (c * plane..(c + 1) * plane).filter(good);
            Moments::of(pixels.map(|j| stretch(raw.pixels[[i, j]])))
        })
        .collect()
}
