//! The classical methods that a user could have instead, chosen by the channel. What parameter they
//! have is tuned on the truth, which flatters them.

use super::fourier::Mirrored;
use super::inpaint::{Smoothness, inpaint};
use super::response::{Response, Responses, Told, motion_angle};
use super::richardson_lucy::RichardsonLucy;
use super::wiener::Wiener;
use crate::config::{ForwardConfig, ImageConfig, LatentUse, PsfFrom, StageConfig, StageUnits};
use crate::data::{ImageBlock, PixelScale, RowBlock};
use crate::evaluate::population::rmse;
use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

/// Images that a parameter is tuned on.
const TUNED_ON: usize = 256;
/// Ratio of successive widths of the smoothing, and the least, pixels.
const WIDTHS: (f64, f64) = (1.1, 0.2);
/// Floors of the Wiener filter, see [`Wiener::apply`].
const FLOORS: [f64; 8] = [0.0, 1e-5, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1];
/// Most iterations of Richardson–Lucy, and after how many without gain the search ends.
const ITERATIONS: (usize, usize) = (300, 15);
/// What is added under the sky before Richardson–Lucy, and taken off again: so many standard deviations of the
/// noise. Without it the noise of the sky, which the iteration keeps from being negative, piles up as light.
const PEDESTAL: f64 = 5.0;

/// Restorations by one method.
#[derive(Debug, Clone)]
pub struct Restored {
    /// The method, as in the table.
    pub name: String,
    /// Normalised, [N, D].
    pub images: Array2<f32>,
}

/// Observations, the channel that made them, and the truth of the scored ones; all normalised.
#[derive(Debug)]
pub struct Task<'a> {
    /// [C, H, W] of every image.
    pub shape: ImageConfig,
    /// How the pixels were brought to order 1.
    pub scale: &'a PixelScale,
    /// F.
    pub forward: &'a ForwardConfig,
    /// The scored observations.
    pub scored: &'a ImageBlock,
    /// The observations that the power spectrum is learned from.
    pub learning: &'a ImageBlock,
    /// Clean images of the scored ones, [N, D].
    pub truth: ArrayView2<'a, f32>,
}

/// The observations first, then every method that applies; and in words why others do not.
#[must_use]
pub fn baselines(task: &Task) -> (Vec<Restored>, Vec<String>) {
    let noise;
    let stages: Option<&[StageConfig]> = match task.forward {
        ForwardConfig::Stages { stages, .. } => Some(stages),
        ForwardConfig::Gaussian { sigma } => {
            noise = [StageConfig::noise(*sigma)];
            Some(&noise)
        }
        ForwardConfig::Quasar { .. } | ForwardConfig::Command { .. } => None,
    };
    let mut rows = vec![Restored {
        name: "observed".to_owned(),
        images: task.scored.pixels.clone(),
    }];
    let mut left_out = Vec::new();
    let (filled, smoothness) = fill_in(task, &mut rows);
    let modes = Mirrored::new(task.shape.height, task.shape.width);
    rows.push(smoothing(task, &filled, &modes));
    let hidden =
        |s: &StageConfig| matches!(s, StageConfig::Mask(m) if m.latent == LatentUse::Hidden);
    let nonlinear = |s: &StageConfig| {
        matches!(
            s,
            StageConfig::Jpeg { .. } | StageConfig::Rays { .. } | StageConfig::Undersample { .. }
        )
    };
    match stages {
        None => left_out.push(
            "Wiener filter and Richardson–Lucy, because the channel is a program whose blur and noise they do not know"
                .to_owned(),
        ),
        Some(stages) if stages.iter().any(nonlinear) => left_out.push(
            "Wiener filter and Richardson–Lucy, because JPEG, tomography and binning are no blur".to_owned(),
        ),
        Some(stages) => {
            let learning = match smoothness {
                Some(s) => inpaint(task.learning.pixels.view(), task.learning.ivar.view(), task.shape, s),
                None => task.learning.pixels.clone(),
            };
            rows.extend(deconvolved(task, stages, &filled, &learning, &modes));
        }
    }
    if stages.is_some_and(|s| s.iter().any(hidden)) {
        left_out.push("inpainting, because the mask is hidden".to_owned());
    }
    (rows, left_out)
}

/// Both ways of inpainting where pixels are lost; the better one's images go on to the filters.
fn fill_in(task: &Task, rows: &mut Vec<Restored>) -> (Array2<f32>, Option<Smoothness>) {
    let lost = |block: &ImageBlock| block.ivar.iter().any(|v| *v <= 0.0);
    if !lost(task.scored) && !lost(task.learning) {
        return (task.scored.pixels.clone(), None);
    }
    let fill = |s| {
        inpaint(
            task.scored.pixels.view(),
            task.scored.ivar.view(),
            task.shape,
            s,
        )
    };
    let (membrane, plate) = (fill(Smoothness::Harmonic), fill(Smoothness::Biharmonic));
    let error = |images: &Array2<f32>| rmse(images.view(), task.truth);
    let best = if error(&membrane) <= error(&plate) {
        (membrane.clone(), Some(Smoothness::Harmonic))
    } else {
        (plate.clone(), Some(Smoothness::Biharmonic))
    };
    rows.extend(
        [("harmonic", membrane), ("biharmonic", plate)].map(|(how, images)| Restored {
            name: format!("inpainting, {how}"),
            images,
        }),
    );
    best
}

/// Gaussian smoothing of the best width (0: none helps).
fn smoothing(task: &Task, filled: &Array2<f32>, modes: &Mirrored) -> Restored {
    let widest = task.shape.height.min(task.shape.width) as f64 / 2.0;
    let widths =
        std::iter::successors(Some(WIDTHS.1), |s| Some(s * WIDTHS.0)).take_while(|s| *s < widest);
    let smooth = |images: ArrayView2<f32>, sigma: f64| {
        filter(images, task.shape, modes, &modes.gaussian(sigma))
    };
    let sigma = best([0.0].into_iter().chain(widths), |sigma| {
        rmse(smooth(first(filled), *sigma).view(), first(&task.truth))
    });
    let sigma = sigma.unwrap_or(0.0);
    Restored {
        name: format!("Gaussian smoothing, σ = {sigma:.2} px"),
        images: smooth(filled.view(), sigma),
    }
}

/// Wiener filter, and Richardson–Lucy where there is a blur.
fn deconvolved(
    task: &Task,
    stages: &[StageConfig],
    filled: &Array2<f32>,
    learning: &Array2<f32>,
    modes: &Mirrored,
) -> Vec<Restored> {
    let photons = photon_variance(task);
    let in_file = task.scale.softening.is_some()
        || matches!(
            task.forward,
            ForwardConfig::Stages {
                units: Some(StageUnits::File),
                ..
            }
        );
    let told = Told {
        photons,
        unit: if in_file {
            task.scale.slope(0.0, 0)
        } else {
            1.0
        },
        ..Told::default()
    };
    let of_each = stages.iter().any(of_each_image);
    let each = if of_each { task.shape.channels } else { 1 };
    let responses = |block: &ImageBlock| -> Vec<Response> {
        if of_each {
            return each_plane(stages, block, task, told, modes);
        }
        let of = |angle| Response::of(stages, modes, Told { angle, ..told });
        let vector = &block.vector;
        let angles = vector.axis_iter(Axis(0)).map(|v| motion_angle(stages, v));
        match angles.collect::<Option<Vec<f64>>>() {
            Some(each) if !each.is_empty() => each.into_par_iter().map(|a| of(Some(a))).collect(),
            _ => vec![of(None)],
        }
    };
    let is_motion = |s: &StageConfig| matches!(s, StageConfig::Motion { .. });
    let scored = responses(task.scored);
    let own = Responses::new(&scored, each);
    let motion = stages.iter().any(is_motion);
    let kernel = if motion && scored.len() == 1 && task.scored.len() > 1 {
        ", mean kernel"
    } else {
        ""
    };

    let learned = Wiener::learn(
        learning.view(),
        Responses::new(&responses(task.learning), each),
        task.shape,
        modes,
    );
    let wiener =
        |images: ArrayView2<f32>, floor| learned.apply(images, own, floor, task.shape, modes);
    let floor = best(FLOORS, |floor| {
        rmse(wiener(first(filled), *floor).view(), first(&task.truth))
    });
    let mut rows = vec![Restored {
        name: format!("Wiener filter{kernel}"),
        images: wiener(filled.view(), floor.unwrap_or(0.0)),
    }];
    let blurs = |s: &StageConfig| matches!(s, StageConfig::Blur { .. } | StageConfig::Psf(_));
    if motion || stages.iter().any(blurs) {
        let dark = f64::from(task.truth.iter().copied().fold(f32::INFINITY, f32::min));
        for (over, pedestal) in [("", 0.0), (" over a pedestal", PEDESTAL)] {
            let light = Light { dark, pedestal };
            let lucy = |images: ArrayView2<f32>, truth, steps| {
                lucy(images, truth, steps, light, own, task.shape, modes)
            };
            let (_, errors) = lucy(first(filled), Some(first(&task.truth)), ITERATIONS.0);
            let steps = best(0..errors.len(), |k| errors[*k]).map_or(1, |k| k + 1);
            rows.push(Restored {
                name: format!("Richardson–Lucy{over}, {steps} iterations{kernel}"),
                images: lucy(filled.view(), None, steps).0,
            });
        }
    }
    rows
}

/// Whether a stage is another one for each image.
fn of_each_image(stage: &StageConfig) -> bool {
    match stage {
        StageConfig::Noise(noise) => noise.from.is_recorded(),
        StageConfig::Psf(psf) => psf.from == PsfFrom::Hdu,
        _ => false,
    }
}

/// The response of each plane of `block`, by its own PSF and mean noise.
fn each_plane(
    stages: &[StageConfig],
    block: &ImageBlock,
    task: &Task,
    told: Told<'_>,
    modes: &Mirrored,
) -> Vec<Response> {
    let (c, plane) = (task.shape.channels, task.shape.height * task.shape.width);
    let of = |k: usize| {
        let (i, channel) = (k / c, k % c);
        let psf = block.psf.row(i).to_slice().unwrap_or_default();
        let side2 = psf.len() / c;
        let ivar = block.ivar.row(i);
        let known = ivar.iter().skip(channel * plane).take(plane);
        let known: Vec<f64> = known
            .filter(|v| **v > 0.0 && v.is_finite())
            .map(|v| 1.0 / f64::from(*v))
            .collect();
        let variance = known.iter().sum::<f64>() / known.len().max(1) as f64;
        let psf = (side2 > 0).then(|| &psf[channel * side2..(channel + 1) * side2]);
        let angle = motion_angle(stages, block.vector.row(i));
        let told = Told {
            psf,
            variance,
            angle,
            ..told
        };
        Response::of(stages, modes, told)
    };
    (0..block.len() * c).into_par_iter().map(of).collect()
}

/// Mean variance of photon noise of gain 1 in normalised pixels: v (dn/dv)² at pixel value v.
fn photon_variance(task: &Task) -> f64 {
    let plane = task.shape.height * task.shape.width;
    let pixels = task.scored.pixels.indexed_iter().map(|((_, k), n)| {
        let v = task.scale.restore(f64::from(*n), k / plane);
        v.max(0.0) * task.scale.slope(v, k / plane).powi(2)
    });
    pixels.sum::<f64>() / task.scored.pixels.len().max(1) as f64
}

/// What Richardson–Lucy takes for light.
#[derive(Clone, Copy)]
struct Light {
    /// The value of none.
    dark: f64,
    /// Added to all, in standard deviations of the noise.
    pedestal: f64,
}

/// `steps` of Richardson–Lucy; with `truth`, also the RMSE after each step, until it has not fallen for a while.
fn lucy(
    images: ArrayView2<f32>,
    truth: Option<ArrayView2<f32>>,
    steps: usize,
    light: Light,
    responses: Responses<'_>,
    shape: ImageConfig,
    modes: &Mirrored,
) -> (Array2<f32>, Vec<f64>) {
    let plane = shape.height * shape.width;
    // The mode of wavenumber 0 has passed every blur: its noise is that of a pixel.
    let white = modes.white()[0];
    let dark = |p: usize| {
        let response = responses.of(p / shape.channels, p % shape.channels);
        light.dark - light.pedestal * (response.noise[0] / white).sqrt()
    };
    let mut planes: Vec<RichardsonLucy> = (0..images.nrows() * shape.channels)
        .into_par_iter()
        .map(|p| {
            let (i, first) = (p / shape.channels, p % shape.channels * plane);
            let response = responses.of(i, p % shape.channels);
            let light = |k: usize| f64::from(images[[i, first + k]]) - response.offset - dark(p);
            RichardsonLucy::new(modes, &response.transfer, light)
        })
        .collect();
    let collect = |planes: &[RichardsonLucy]| {
        let pixels = planes.iter().enumerate();
        let pixels = pixels.flat_map(|(p, plane)| {
            let dark = dark(p);
            plane.pixels().map(move |v| v + dark)
        });
        let values: Vec<f32> = pixels.map(|v| v as f32).collect();
        Array2::from_shape_vec(images.raw_dim(), values).unwrap_or_default()
    };
    let mut errors = Vec::new();
    for _ in 0..steps {
        planes.par_iter_mut().for_each(RichardsonLucy::step);
        if let Some(truth) = truth {
            errors.push(rmse(collect(&planes).view(), truth));
            let lowest = best(0..errors.len(), |k| errors[*k]).unwrap_or(0);
            if errors.len() > lowest + ITERATIONS.1 {
                break;
            }
        }
    }
    (collect(&planes), errors)
}

/// Every plane of images [N, D] with its modes multiplied by `factor`.
#[must_use]
pub fn filter(
    images: ArrayView2<f32>,
    shape: ImageConfig,
    modes: &Mirrored,
    factor: &[f64],
) -> Array2<f32> {
    let plane = shape.height * shape.width;
    let mut out = images.to_owned();
    out.axis_iter_mut(Axis(0))
        .into_par_iter()
        .for_each(|mut row| {
            for c in 0..shape.channels {
                let whole = modes.mirror(|k| f64::from(row[c * plane + k]));
                let filtered = modes.filter(&whole, factor);
                for (k, v) in modes.crop(&filtered).enumerate() {
                    row[c * plane + k] = v as f32;
                }
            }
        });
    out
}

/// The candidate of the smallest finite score.
fn best<T>(candidates: impl IntoIterator<Item = T>, score: impl Fn(&T) -> f64) -> Option<T> {
    candidates
        .into_iter()
        .map(|c| (score(&c), c))
        .filter(|(s, _)| s.is_finite())
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, c)| c)
}

/// The rows that parameters are tuned on.
fn first<S: ndarray::Data<Elem = f32>>(
    images: &ndarray::ArrayBase<S, ndarray::Ix2>,
) -> ArrayView2<'_, f32> {
    images.slice(s![..images.nrows().min(TUNED_ON), ..])
}
