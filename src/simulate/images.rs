//! Observations of clean images.

use super::image_file::{Block, ImageFile};
use crate::base::random::{Purpose, Rows};
use crate::base::tensors::{matrix, tensor};
use crate::config::{Config, ImageConfig, SurveySource};
use crate::data::{Bands, ImageLayout, Layout, PixelScale};
use crate::forward;
use crate::forward::Latent;
use crate::prepare::pixel_scale;
use crate::survey::{ImageSource, RawImages};
use crate::{Error, Result};
use ndarray::{Array2, Zip};
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// Images in memory at a time.
const ROWS: usize = 256;

/// [`super::simulate`] for images of any source: F acts on normalised values, and the scale is
/// undone: a value by the inverse of the stretch, a noise level by its slope at 0. Missing
/// pixels stay missing.
pub(super) fn simulate(
    config: &Config,
    image: &ImageConfig,
    clean: &Path,
    out: &Path,
    device: Device,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<usize> {
    let SurveySource::Images {
        datasets,
        unit,
        filters,
        ..
    } = &config.survey.source
    else {
        return Err(Error::config(
            "simulate",
            "survey.source.kind",
            "spectra, where images are needed",
            "give kind = \"images\"",
        ));
    };
    let source = ImageSource::open(&[clean.to_path_buf()], &datasets.of_clean(), image)?;
    let (scale, _) = pixel_scale(config, &source, progress)?;
    let mut layout = ImageLayout {
        channels: image.channels,
        height: image.height,
        width: image.width,
        scale,
        vector: 0,
        planes: 0,
        psf: source.psf(),
    };
    // Nothing can be kept of observations that there are not yet.
    let first = config.forward.first();
    let model = forward::build(&first, &Layout::Images(layout.clone()), device)?;
    (layout.vector, layout.planes) = model.widths();
    let n = source.len();
    let bands = Bands::of(image.channels, unit, filters);
    let mut target = ImageFile::create(out, &layout, &bands, &config.to_toml()?, n)?;
    for start in (0..n).step_by(ROWS) {
        let end = (start + ROWS).min(n);
        let raw = source.read(start..end)?;
        let (x, good) = normalised(&raw, &layout);
        let (psf, sigma) = (tensor(&raw.psf, device), recorded(&raw, &layout));
        let (x, good) = (tensor(&x, device), tensor(&good, device));
        // A masked pixel counts as noise of variance 1.
        let sigma = sigma.map_or_else(|| good.zeros_like(), |s| tensor(&s, device));
        let sigma = &sigma * &good + (1.0 - &good);
        let nothing = Latent {
            psf,
            ..Latent::of_pixels(good.shallow_clone(), sigma, good.zeros_like())
        };
        let rows = Tensor::arange_start(start as i64, end as i64, (Kind::Int64, device));
        let random = Rows::new(config.seed, Purpose::Simulate, 0, &rows);
        let (y, latent) = model.observe(&x, &nothing, &random)?;
        let ivar = latent.sigma.square().reciprocal() * &latent.good;
        // An unknown level is infinite, and 0 · ∞ at a masked pixel is not.
        let ivar = ivar.where_self(&latent.good.gt(0.0), &ivar.zeros_like());
        let mut block = Block {
            images: matrix(&y)?,
            ivar: matrix(&ivar)?,
            vector: matrix(&latent.vector)?,
            planes: matrix(&latent.planes)?,
            psf: matrix(&latent.psf)?,
        };
        to_file_units(&mut block, &layout.scale, image.height * image.width);
        let rows = start..end;
        target.write(
            &source.names()[rows.clone()],
            &source.labels()[rows],
            &block,
        )?;
        progress(end, n);
    }
    target.finish()?;
    Ok(n)
}

/// Normalised pixels (0 where missing) and which of them there are (1, else 0), both [n, D].
fn normalised(raw: &RawImages, layout: &ImageLayout) -> (Array2<f32>, Array2<f32>) {
    let plane = layout.height * layout.width;
    let good = raw.pixels.mapv(|v| f32::from(u8::from(v.is_finite())));
    let mut x = raw.pixels.clone();
    Zip::indexed(&mut x).par_for_each(|(_, j), v| {
        *v = match v.is_finite() {
            true => layout.scale.normalise(f64::from(*v), j / plane) as f32,
            false => 0.0,
        };
    });
    (x, good)
}

/// The noise levels that come with clean images, which a channel may take; 0 where unknown.
fn recorded(raw: &RawImages, layout: &ImageLayout) -> Option<Array2<f32>> {
    let plane = layout.height * layout.width;
    let mut sigma = raw.ivar.clone()?;
    for ((_, j), v) in sigma.indexed_iter_mut() {
        let known = *v > 0.0 && v.is_finite();
        let slope = layout.scale.slope(0.0, j / plane) as f32;
        *v = if known { slope / v.sqrt() } else { 0.0 };
    }
    Some(sigma)
}

/// Undoes the scale; what is masked becomes NaN.
fn to_file_units(block: &mut Block, scale: &PixelScale, plane: usize) {
    Zip::indexed(&mut block.images)
        .and(&mut block.ivar)
        .par_for_each(|(_, j), v, ivar| {
            if *ivar == 0.0 {
                *v = f32::NAN;
                return;
            }
            let channel = j / plane;
            let value = scale.restore(f64::from(*v), channel);
            let slope = scale.slope(0.0, channel);
            *v = value as f32;
            *ivar = (f64::from(*ivar) * slope * slope) as f32;
        });
}
