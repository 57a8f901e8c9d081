//! The noise of images that come without: the scatter of their background.

use crate::base::statistics::median;
use crate::data::ImageLayout;
use crate::survey::RawImages;
use ndarray::Array2;
use rayon::prelude::*;

/// Pixels further from the median, in standard deviations, are light of objects.
const CLIP: f64 = 3.0;
const ROUNDS: usize = 20;
/// Standard deviations of a normal distribution in its median absolute deviation.
const MAD: f64 = 1.482_602_218_505_602;
/// By how much clipping at ±[`CLIP`] lessens the standard deviation of normal noise.
const CLIPPED: f64 = 0.986_578_477_541_6;

/// Standard deviation of the pixels of `values` that are background: what is left when all beyond three
/// standard deviations from the median is left out, again and again. NaN of fewer than two pixels.
pub(super) fn background_scatter(values: &[f64]) -> f64 {
    let mut kept: Vec<f64> = values.to_vec();
    let mut middle = median(kept.iter().copied());
    let mut sigma = MAD * median(kept.iter().map(|v| (v - middle).abs()));
    for _ in 0..ROUNDS {
        let before = kept.len();
        kept.retain(|v| (v - middle).abs() <= CLIP * sigma);
        if kept.len() < 2 {
            return f64::NAN;
        }
        middle = median(kept.iter().copied());
        let n = kept.len() as f64;
        let mean = kept.iter().sum::<f64>() / n;
        let variance = kept.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
        sigma = variance.sqrt() / CLIPPED;
        if kept.len() == before {
            break;
        }
    }
    sigma
}

/// Gives the pixels of unknown noise the scatter of the background of their channel of their image; how
/// many images it was measured in. One whose background has no scatter says so among its problems.
pub(super) fn fill_noise(raw: &mut RawImages, layout: &ImageLayout) -> usize {
    let plane = layout.height * layout.width;
    let RawImages {
        pixels,
        ivar,
        problems,
        ..
    } = raw;
    let all = ivar.get_or_insert_with(|| Array2::from_elem(pixels.raw_dim(), f32::INFINITY));
    let rows = pixels.outer_iter().zip(all.outer_iter_mut()).zip(problems);
    let rows: Vec<_> = rows.collect();
    rows.into_par_iter()
        .map(|((pixels, mut ivar), problem)| {
            let mut measured = false;
            for c in 0..layout.channels {
                let inside = c * plane..(c + 1) * plane;
                let good = |j: &usize| pixels[*j].is_finite() && ivar[*j] > 0.0;
                if problem.is_some() || !inside.clone().any(|j| good(&j) && ivar[j].is_infinite()) {
                    continue;
                }
                let values = inside.clone().filter(good).map(|j| f64::from(pixels[j]));
                let sigma = background_scatter(&values.collect::<Vec<_>>());
                if !(sigma > 0.0 && sigma.is_finite()) {
                    *problem = Some("its background has no scatter to take for its noise".into());
                    continue;
                }
                measured = true;
                let weight = (1.0 / (sigma * sigma)) as f32;
                for j in inside {
                    if ivar[j].is_infinite() {
                        ivar[j] = weight;
                    }
                }
            }
            usize::from(measured)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::background_scatter;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::StandardNormal;

    #[test]
    fn the_scatter_is_that_of_the_noise_whatever_a_tenth_of_the_pixels_holds() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let noise: Vec<f64> = (0..40_000)
            .map(|_| 5.0 + 0.3 * rng.sample::<f64, _>(StandardNormal))
            .collect();
        assert!((background_scatter(&noise) / 0.3 - 1.0).abs() < 0.01);
        let mut lit = noise.clone();
        for v in lit.iter_mut().take(4000) {
            *v += 50.0 * rng.random::<f64>();
        }
        assert!((background_scatter(&lit) / 0.3 - 1.0).abs() < 0.03);
        assert_eq!(background_scatter(&[2.0; 50]), 0.0);
        assert!(background_scatter(&[1.0]).is_nan());
    }
}
