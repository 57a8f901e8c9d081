//! Populations of images as they are declared before the observations are asked for more.

use super::image_population::ImagePopulation;
use super::joint::eigen;
use crate::forward::{Latent, LinearImages};
use std::f64::consts::TAU;
use tch::{Device, Kind, Tensor};

/// Values of an image, at most: the covariance of its pixels is decomposed.
const LARGEST: i64 = 4096;
/// Part of the variance that the modes hold, and how many there are at most.
const HELD: f64 = 0.999;
const MOST: i64 = 192;
/// Less than this part of the variance must not be held by so many.
const LEAST_HELD: f64 = 0.97;

/// Images that the mean light is found from, and rounds of it.
const LIGHTS: i64 = 256;
const ROUNDS: usize = 25;
/// Scatter of the logarithm of the sizes, and of either component of the ellipticity.
const SIZES: f64 = 0.35;
const SHEAR: f64 = 0.22;
/// Scatter of the light over its mean besides, and of the sky over the mean of all.
const UNEVEN: f64 = 0.6;
const SKY: f64 = 0.02;
/// Scales of the light's structure: parts of its variance, and widths of their Gaussian correlation, pixels.
const SCALES: [(f64, f64); 3] = [(0.5, 0.5), (0.3, 1.5), (0.2, 4.0)];
/// Correlation of the light in two channels.
const COLOURS: f64 = 0.9;
/// White variance in all modes of pixels, over the mean one.
const WHITE: f64 = 1e-3;

/// A population whose modes are the coordinates, and whether its members have amplitudes.
pub(super) struct Declared {
    pub start: ImagePopulation,
    pub bright: bool,
}

/// Of light on a dark sky, behind point-spread functions: its mean by the iteration of image space that keeps it
/// positive (Daube-Witherspoon & Muehllehner 1986), over all images together, whose seeing differs. Its members
/// are larger and smaller, rounder and flatter, and each pixel scatters by a part of the mean light there besides,
/// the more alike the nearer.
pub(super) fn lights(
    y: &Tensor,
    latent: &Latent,
    (channel, dark): (&LinearImages, &Tensor),
    [channels, height, width]: [i64; 3],
    erased: f64,
) -> Result<Declared, String> {
    fits(y.size()[1])?;
    let n = y.size()[0].min(LIGHTS);
    let sigma = channel.sigma(latent);
    let weight = |i: i64| &latent.good.narrow(0, i, 1) / sigma.narrow(0, i, 1).square();
    let light = |i: i64| (y.narrow(0, i, 1) - dark) * latent.good.narrow(0, i, 1);
    let sum = |of: &dyn Fn(i64) -> Tensor| (1..n).fold(of(0), |sum, i| sum + of(i));
    let good = sum(&|i| latent.good.narrow(0, i, 1)).clamp_min(1.0);
    let mean = sum(&light) / good;
    let level = mean.mean(Kind::Float);
    if level.double_value(&[]) <= 0.0 {
        return Err("their mean light is not above zero".to_owned());
    }
    let mut mean = mean.maximum(&(&level * 1e-3));
    let all = |t: &Tensor| t.sum(Kind::Float);
    // Amplitudes by the mean as it is seen; a bright image's own shape counts as noise.
    let each: Vec<(Tensor, Tensor, Latent)> = (0..n)
        .map(|i| {
            let (w, y) = (weight(i), light(i));
            let a = (all(&(&w * &y * &mean)) / all(&(&w * mean.square()))).clamp_min(1e-2);
            let own = (&mean * &a * UNEVEN).square() * latent.good.narrow(0, i, 1);
            let w = &w / (&w * own + 1.0);
            (w, a, latent.narrow(i, 1))
        })
        .collect();
    let through = |image: &dyn Fn(usize) -> Tensor| {
        sum(&|i| {
            let (w, a, latent) = &each[i as usize];
            channel.back(&(w * a * image(i as usize)), latent)
        })
    };
    let wanted = through(&|i| light(i as i64)).clamp_min(0.0);
    for _ in 0..ROUNDS {
        let found = through(&|i| channel.seen(&mean, &each[i].2) * &each[i].1);
        mean = &mean * &wanted / found.clamp_min(1e-30);
    }
    let scatter = (smooth(&mean, [channels, height, width]) * UNEVEN + level * SKY) * erased.sqrt();
    let index = Tensor::arange(channels * height * width, (Kind::Int64, Device::Cpu));
    let place = |t: Tensor| t.to_kind(Kind::Double).unsqueeze(1);
    let plane = index.remainder(height * width);
    let row = place(plane.divide_scalar_mode(width, "floor"));
    let column = place(plane.remainder(width));
    let band = place(index.divide_scalar_mode(height * width, "floor"));
    let apart = |t: &Tensor| (t - t.tr()).square();
    let distance = apart(&row) + apart(&column);
    let alike = SCALES
        .iter()
        .fold(distance.zeros_like(), |sum, (part, width)| {
            sum + (&distance * (-0.5 / (width * width))).exp() * *part
        });
    let same = apart(&band).eq(0.0).to_kind(Kind::Double) * (1.0 - COLOURS) + COLOURS;
    let scatter = scatter.to_kind(Kind::Double);
    let covariance = alike * same * scatter.tr() * scatter
        + of_deformed(&mean, [channels, height, width]) * erased;
    Ok(Declared {
        start: ImagePopulation {
            dark: dark.shallow_clone(),
            // Wings tell the flux, though they hold little of the variance.
            modes: modes(&covariance, MOST)?,
            mean,
            amplitudes: Tensor::ones([1, 2], (Kind::Float, Device::Cpu)),
        },
        bright: true,
    })
}

/// The covariance [D, D] of the light `mean` [1, D] made larger and smaller about the middle and flattened in all
/// directions, its sum as it was.
fn of_deformed(mean: &Tensor, [channels, height, width]: [i64; 3]) -> Tensor {
    // The middles of parts of equal probability, of a normal law and of the length of two.
    let sizes = [
        -1.593, -0.967, -0.589, -0.282, 0.0, 0.282, 0.589, 0.967, 1.593,
    ];
    let lengths = [0.459, 0.845, 1.177, 1.552, 2.146];
    let turned = |k: usize| f64::from(k as u32) * TAU / 8.0;
    let mut rows = Vec::new();
    for size in sizes {
        for (length, k) in lengths.iter().flat_map(|l| (0..8).map(move |k| (l, k))) {
            let (e1, e2) = (
                SHEAR * length * turned(k).cos(),
                SHEAR * length * turned(k).sin(),
            );
            let scale = (SIZES * size).exp() * (1.0 - e1 * e1 - e2 * e2).sqrt();
            // Where a pixel of the deformed image lies in the one before, in halves of its axes.
            let tall = height as f64 / width as f64;
            let [a, b, c, d] = [1.0 - e1, -e2 * tall, -e2 / tall, 1.0 + e1].map(|v| v / scale);
            rows.extend([a, b, 0.0, c, d, 0.0].map(|v| v as f32));
        }
    }
    let each = Tensor::from_slice(&rows).view([-1, 2, 3]);
    let n = each.size()[0];
    let grid = Tensor::affine_grid_generator(&each, [n, channels, height, width], false);
    let image = mean.view([1, channels, height, width]);
    let (bilinear, dark_beyond) = (0, 0);
    let image = image.expand([n, -1, -1, -1], false).contiguous();
    let made = image.grid_sampler_2d(&grid, bilinear, dark_beyond, false);
    let made = made.flatten(1, -1).to_kind(Kind::Double);
    let sum = |t: &Tensor| t.sum_dim_intlist([1i64].as_slice(), true, Kind::Double);
    let made = &made * sum(mean) / sum(&made);
    let about = &made - made.mean_dim([0i64].as_slice(), true, Kind::Double);
    about.tr().matmul(&about) / n as f64
}

/// Of any images: mean and covariance of the pixels that are seen, less the noise.
pub(super) fn pixels(
    y: &Tensor,
    latent: &Latent,
    channel: &LinearImages,
    erased: f64,
) -> Result<Declared, String> {
    let d = y.size()[1];
    fits(d)?;
    let double = |t: &Tensor| t.to_kind(Kind::Double);
    let (y, good) = (double(y), double(&latent.good));
    let sum = |t: &Tensor| t.sum_dim_intlist([0i64].as_slice(), true, Kind::Double);
    let count = sum(&good).clamp_min(1.0);
    let mean = sum(&(&y * &good)) / &count;
    let residual = (y - &mean) * &good;
    let noise = sum(&(double(&channel.sigma(latent)).square() * &good)) / count;
    let pairs = good.tr().matmul(&good).clamp_min(1.0);
    let covariance = residual.tr().matmul(&residual) / pairs - noise.view([-1]).diag(0);
    let level = covariance.diag(0).clamp_min(0.0).mean(Kind::Double);
    let white = Tensor::eye(d, (Kind::Double, Device::Cpu)) * level * (WHITE * erased);
    let (values, vectors) = eigen(&covariance);
    let covariance = (&vectors * values.clamp_min(0.0)).matmul(&vectors.tr()) + white;
    let single = mean.to_kind(Kind::Float);
    Ok(Declared {
        start: ImagePopulation {
            dark: single.zeros_like(),
            modes: modes(&covariance, 1)?,
            mean: single,
            amplitudes: Tensor::ones([1, 2], (Kind::Float, Device::Cpu)),
        },
        bright: false,
    })
}

fn fits(values: i64) -> Result<(), String> {
    match values <= LARGEST {
        true => Ok(()),
        false => Err(format!(
            "an image has {values} values, and the covariance of more than {LARGEST} is not learned"
        )),
    }
}

/// The leading modes times their standard deviations, [K, D]; `least` of them, if there are as many.
fn modes(covariance: &Tensor, least: i64) -> Result<Tensor, String> {
    let (values, vectors) = eigen(covariance);
    let (values, vectors) = (values.clamp_min(0.0).flip([0]), vectors.flip([1]));
    let part = values.cumsum(0, Kind::Double) / values.sum(Kind::Double).clamp_min(1e-300);
    let all = values.size()[0];
    let needed = part.lt(HELD).sum(Kind::Int64).int64_value(&[]) + 1;
    let k = match all <= MOST {
        true => all,
        false => needed.max(least).min(MOST),
    };
    let held = part.double_value(&[k - 1]);
    if held < LEAST_HELD {
        return Err(format!(
            "{k} modes hold {:.0} % of their variance: they have too much structure for a Gaussian start",
            100.0 * held
        ));
    }
    let scaled = vectors.narrow(1, 0, k) * values.narrow(0, 0, k).sqrt();
    Ok(scaled.tr().to_kind(Kind::Float).contiguous())
}

/// Images [1, D], each pixel's mean with its neighbours.
fn smooth(x: &Tensor, [channels, height, width]: [i64; 3]) -> Tensor {
    let weights = Tensor::from_slice(&[0.25f32, 0.5, 0.25]);
    let kernel = weights
        .view([3, 1])
        .matmul(&weights.view([1, 3]))
        .view([1, 1, 3, 3]);
    x.view([channels, 1, height, width])
        .replication_pad2d([1, 1, 1, 1])
        .conv2d(&kernel, None::<Tensor>, 1, 0, 1, 1)
        .view([1, -1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_and_flatter_light_keeps_its_sum_and_is_alike_in_all_directions() {
        let (side, middle) = (16i64, 7.5);
        let pixel = |k: i64| {
            let (y, x) = ((k / side) as f64 - middle, (k % side) as f64 - middle);
            (-(x * x + y * y) / 8.0).exp() as f32
        };
        let light: Vec<f32> = (0..side * side).map(pixel).collect();
        let mean = Tensor::from_slice(&light).view([1, -1]);
        let found = of_deformed(&mean, [1, side, side]);
        let value = |t: &Tensor| t.double_value(&[]);
        // No part of the scatter is one of the sum.
        assert!(value(&found.sum(Kind::Double)).abs() < 1e-6 * value(&found.trace()));
        let scatter = found.diag(0).sqrt().view([side, side]);
        let turned = scatter.rot90(1, [0, 1]);
        assert!(value(&(&scatter - turned).abs().max()) < 0.02 * value(&scatter.max()));
        // The wings scatter by more of their light than the middle does.
        let part = scatter / mean.view([side, side]);
        let at = |y: i64, x: i64| part.double_value(&[y, x]);
        assert!(at(8, 13) > 2.0 * at(8, 8), "{} {}", at(8, 13), at(8, 8));
        // Channels grow together.
        let both = of_deformed(&Tensor::cat(&[&mean, &mean], 1), [2, side, side]);
        let [own, other] = [0, side * side].map(|from| {
            let rows = both.narrow(0, 0, side * side);
            rows.narrow(1, from, side * side)
        });
        assert!(value(&(own - other).abs().max()) < 1e-9);
    }
}
