//! A covariance estimated from noisy spectra, regular where the sample alone is too noisy to say.
//!
//! Spectra vary in two ways: a few broad modes shared by all pixels (slope, line strengths) and
//! local structure (the forest, unresolved absorption) that correlates near pixels only and changes
//! slowly along the spectrum. The sample's eigenvectors beyond the significant ones are noise, and
//! would spread the local variance evenly over all pixels: the quiet red side would get some of
//! the forest's.

use super::linalg::{eigen, recompose};
use ndarray::{Array1, Array2, s};
use rayon::prelude::*;

/// A mode is kept while its variance in the other half of the sample is this many standard errors
/// above zero.
const SIGNIFICANT: f64 = 3.0;
/// Local structure reaches this many pixels (to zero, as a raised cosine) …
const REACH: usize = 32;
/// … and is averaged along the spectrum with a Gaussian of this σ, pixels.
const WIDTH: f64 = 24.0;

/// The covariance behind two `halves` of a sample (each less its noise), [D, D]. `noise` is the
/// mean noise covariance and `spectra` the number of equally weighted spectra in both halves.
pub(crate) fn structured(
    halves: &[Array2<f64>; 2],
    noise: &Array2<f64>,
    spectra: f64,
) -> Array2<f64> {
    let [a, b] = halves;
    let (one, other) = rayon::join(
        || broad_modes(a, b, noise, spectra),
        || broad_modes(b, a, noise, spectra),
    );
    let broad = (one + other) * 0.5;
    let rest = (a + b) * 0.5 - &broad;
    broad + local(&rest)
}

/// Eigenvectors of one half with the variances that the other gives them: those that are significant.
fn broad_modes(
    vectors_from: &Array2<f64>,
    values_from: &Array2<f64>,
    noise: &Array2<f64>,
    spectra: f64,
) -> Array2<f64> {
    let (_, v) = eigen(vectors_from);
    let variances: Vec<f64> = v
        .columns()
        .into_iter()
        .map(|mode| {
            let of = |c: &Array2<f64>| mode.dot(&c.dot(&mode));
            (of(values_from), of(noise))
        })
        .take_while(|(signal, noise)| {
            // Each half holds half the spectra.
            let error = (4.0 / spectra).sqrt() * (signal.abs() + noise);
            *signal > SIGNIFICANT * error
        })
        .map(|(signal, _)| signal)
        .collect();
    recompose(
        &v.slice(s![.., ..variances.len()]).to_owned(),
        &variances.into(),
    )
}

/// The diagonals near the main one, each averaged along the spectrum.
fn local(rest: &Array2<f64>) -> Array2<f64> {
    let d = rest.nrows();
    let diagonals: Vec<Vec<f64>> = (0..REACH.min(d))
        .into_par_iter()
        .map(|lag| {
            let taper = 0.5 + 0.5 * (std::f64::consts::PI * lag as f64 / REACH as f64).cos();
            let diagonal: Array1<f64> = (0..d - lag).map(|i| rest[[i, i + lag]] * taper).collect();
            averaged(&diagonal)
        })
        .collect();
    let mut out = Array2::zeros((d, d));
    for (lag, diagonal) in diagonals.iter().enumerate() {
        for (i, v) in diagonal.iter().enumerate() {
            out[[i, i + lag]] = *v;
            out[[i + lag, i]] = *v;
        }
    }
    out
}

/// Gaussian average; beyond the ends nothing is assumed.
fn averaged(x: &Array1<f64>) -> Vec<f64> {
    let reach = (4.0 * WIDTH) as usize;
    let weight = |i: usize, j: usize| (-0.5 * (i.abs_diff(j) as f64 / WIDTH).powi(2)).exp();
    (0..x.len())
        .map(|i| {
            let (from, to) = (i.saturating_sub(reach), (i + reach + 1).min(x.len()));
            let (sum, total) = (from..to).fold((0.0, 0.0), |(sum, total), j| {
                let w = weight(i, j);
                (sum + w * x[j], total + w)
            });
            sum / total
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::StandardNormal;

    /// One broad mode, and local structure in the first half of the pixels alone, under noise of
    /// the same size: both are found, and the quiet half stays quiet.
    #[test]
    fn broad_and_local_structure_are_told_apart_and_from_noise() {
        let (d, n, noise_sd) = (128, 2000, 1.0);
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mut normal = || rng.sample::<f64, _>(StandardNormal);
        let mut halves = [Array2::<f64>::zeros((d, d)), Array2::zeros((d, d))];
        for k in 0..n {
            let broad = normal();
            let local: Vec<f64> = (0..=d).map(|_| normal()).collect();
            let x: Array1<f64> = (0..d)
                .map(|i| {
                    let forest = if i < d / 2 {
                        0.5 * (local[i] + local[i + 1])
                    } else {
                        0.0
                    };
                    broad * (i as f64 / 20.0).cos() + forest + noise_sd * normal()
                })
                .collect();
            let column = x.view().insert_axis(ndarray::Axis(1));
            halves[k % 2] += &(column.dot(&column.t()) * (2.0 / n as f64));
        }
        let noise = Array2::<f64>::eye(d) * noise_sd * noise_sd;
        let halves = halves.map(|h| h - &noise);
        let c = structured(&halves, &noise, n as f64);
        let truth = |i: usize, j: usize| {
            let both = i < d / 2 && j < d / 2;
            let forest = match i.abs_diff(j) {
                0 if both => 0.5,
                1 if both => 0.25,
                _ => 0.0,
            };
            (i as f64 / 20.0).cos() * (j as f64 / 20.0).cos() + forest
        };
        let raw = (&halves[0] + &halves[1]) * 0.5;
        let error = |c: &Array2<f64>, from: usize| {
            let sum: f64 = (from..d)
                .flat_map(|i| (from..d).map(move |j| (i, j)))
                .map(|(i, j)| (c[[i, j]] - truth(i, j)).powi(2))
                .sum();
            (sum / (d - from).pow(2) as f64).sqrt()
        };
        assert!(
            error(&c, 0) < 0.8 * error(&raw, 0),
            "{} {}",
            error(&c, 0),
            error(&raw, 0)
        );
        let quiet = (96..d)
            .map(|i| (c[[i, i]] - truth(i, i)).abs())
            .fold(0.0, f64::max);
        assert!(quiet < 0.1, "{quiet}");
    }
}
