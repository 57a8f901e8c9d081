//! Power spectra along the wavelength axis, in bands.

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;
use rustfft::{FftPlanner, num_complex::Complex};

/// Bands of equal width in log wavenumber.
const BANDS: usize = 16;
/// Powers below this (normalised flux squared, per mode) are numerical noise of f32 spectra.
const FLOOR: f64 = 1e-10;

/// Edges of the bands as mode numbers (cycles per spectrum): band b holds `[edges[b], edges[b+1])`.
/// There are at most 16; the first ones hold single modes.
#[must_use]
pub fn band_edges(pixels: usize) -> Vec<usize> {
    let last = (pixels / 2) as f64;
    let mut edges: Vec<usize> = (0..=BANDS)
        .map(|b| last.powf(b as f64 / BANDS as f64).round() as usize)
        .collect();
    edges.dedup();
    edges
}

/// Mean power per mode in each band, [N, bands], of the rows of `x` [N, D].
///
/// The mean is subtracted and a Hann taper applied, so that a difference between the two ends of
/// a spectrum does not leak into all bands; the taper's loss is made good. White noise of variance
/// σ² has power σ² in every band.
#[must_use]
pub fn band_power(x: ArrayView2<f32>) -> Array2<f32> {
    let d = x.ncols();
    let edges = band_edges(d);
    let bands = edges.len() - 1;
    let taper: Vec<f64> = (0..d)
        .map(|i| 1.0 - (std::f64::consts::TAU * (i as f64 + 0.5) / d as f64).cos())
        .collect();
    let gain: f64 = taper.iter().map(|t| t * t).sum();
    let fft = FftPlanner::new().plan_fft_forward(d);
    let mut power = Array2::zeros((x.nrows(), bands));
    power
        .axis_iter_mut(Axis(0))
        .into_par_iter()
        .zip(x.axis_iter(Axis(0)).into_par_iter())
        .for_each(|(mut out, row)| {
            let mean = row.iter().map(|v| f64::from(*v)).sum::<f64>() / d as f64;
            let mut modes: Vec<Complex<f64>> = row
                .iter()
                .zip(&taper)
                .map(|(v, t)| Complex::new((f64::from(*v) - mean) * t, 0.0))
                .collect();
            fft.process(&mut modes);
            for (b, band) in edges.windows(2).enumerate() {
                let sum: f64 = modes[band[0]..band[1]].iter().map(|m| m.norm_sqr()).sum();
                out[b] = (sum / (gain * (band[1] - band[0]) as f64)) as f32;
            }
        });
    power
}

/// Natural logarithms of band powers, for distances between populations of power spectra.
#[must_use]
pub fn log_power(power: &Array2<f32>) -> Array2<f32> {
    power.mapv(|p| (f64::from(p) + FLOOR).ln() as f32)
}

/// Mean power of `a` divided by the mean power of `b` in each band, `[bands]`.
#[must_use]
pub fn power_ratio(a: &Array2<f32>, b: &Array2<f32>) -> Vec<f64> {
    let mean = |p: &Array2<f32>, k: usize| {
        p.column(k).iter().map(|v| f64::from(*v)).sum::<f64>() / p.nrows() as f64
    };
    (0..a.ncols())
        .map(|k| mean(a, k) / mean(b, k).max(FLOOR))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    #[test]
    fn white_noise_has_its_variance_in_every_band() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let x = Array2::from_shape_fn((4000, 256), |_| {
            let v: f32 = StandardNormal.sample(&mut rng);
            2.0 * v
        });
        let p = band_power(x.view());
        let reference = Array2::from_elem(p.raw_dim(), 4.0f32);
        // The lowest mode loses a third of its power with the mean.
        for (b, r) in power_ratio(&p, &reference).iter().enumerate().skip(1) {
            assert!((r - 1.0).abs() < 0.08, "band {b}: {r}");
        }
    }

    #[test]
    fn a_comb_shows_in_its_own_band_alone() {
        let x = Array2::from_shape_fn((1, 1024), |(_, i)| {
            (std::f32::consts::TAU * i as f32 / 8.0).cos()
        });
        let p = band_power(x.view());
        let edges = band_edges(1024);
        let at = edges
            .windows(2)
            .position(|e| (e[0]..e[1]).contains(&128))
            .unwrap();
        for b in 0..p.ncols() {
            assert_eq!(p[[0, b]] > 0.1, b == at, "band {b}");
        }
    }
}
