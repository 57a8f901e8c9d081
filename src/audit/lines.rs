//! The emission features of a restored spectrum: the strong lines, and any peak above its local
//! continuum.

use super::feature::{Feature, PEAK, most_significant};
use crate::lines::{EmissionLine, LINES};

/// σ in pixels of the smoothing before peaks are looked for.
const SMOOTHING: f64 = 1.5;
/// The features of `x` `[D]`, normalised flux, of an object at redshift `z`, where the noise of the
/// observation is `scale` `[D]` (infinite where masked): every strong line inside the spectrum that is not
/// masked throughout, then the most significant peaks that are not such a line.
#[must_use]
pub fn features(wavelength: &[f64], x: &[f32], scale: &[f32], z: f64) -> Vec<Feature> {
    let mut found = lines(wavelength, x, scale, z);
    let windows: Vec<(usize, usize)> = found.iter().map(|f| (f.from(), f.to())).collect();
    let is_line = |f: &Feature| {
        let of = |(from, to): &(usize, usize)| {
            (*from..=*to).contains(&f.peak) && 3 * (f.to() - f.from()) > to - from
        };
        windows.iter().any(of)
    };
    let peaks = peaks(&smoothed(x)).into_iter();
    let peaks = peaks.filter(|f| !is_line(f) && 4 * (f.to() - f.from()) < x.len());
    found.extend(most_significant(peaks, x, scale));
    found
}

/// The strong lines whose windows are inside the spectrum and of which some pixel was observed.
fn lines(wavelength: &[f64], x: &[f32], scale: &[f32], z: f64) -> Vec<Feature> {
    let last = wavelength.len() - 1;
    let feature = |line: &EmissionLine| {
        let [low, high] = line.window.map(|w| w * (1.0 + z));
        let inside = wavelength[0] <= low && high <= wavelength[last];
        let from = wavelength.partition_point(|w| *w < low);
        let to = wavelength.partition_point(|w| *w <= high).saturating_sub(1);
        let peak = (from..=to).max_by(|a, b| x[*a].total_cmp(&x[*b]));
        let seen = || scale[from..=to].iter().any(|s| s.is_finite());
        peak.filter(|_| inside && to > from + 2 && seen())
            .map(|peak| Feature::run(line.name, peak, from, to))
    };
    LINES.iter().filter_map(feature).collect()
}

/// Every local maximum of `s` with the pixels around it that rise above the base of its prominence
/// by a tenth of the latter.
fn peaks(s: &[f64]) -> Vec<Feature> {
    let top = |i: &usize| s[*i] > s[i - 1] && s[*i] >= s[i + 1];
    let feature = |peak: usize| {
        let lowest = |side: &mut dyn Iterator<Item = usize>| {
            side.take_while(|i| s[*i] <= s[peak])
                .fold(s[peak], |low, i| low.min(s[i]))
        };
        let base = lowest(&mut (0..peak).rev()).max(lowest(&mut (peak + 1..s.len())));
        let level = base + 0.1 * (s[peak] - base);
        let from = (0..peak).rev().find(|i| s[*i] <= level).unwrap_or(0);
        let to = (peak..s.len()).find(|i| s[*i] <= level);
        Feature::run(PEAK, peak, from, to.unwrap_or(s.len() - 1))
    };
    (1..s.len().saturating_sub(1))
        .filter(top)
        .map(feature)
        .collect()
}

/// `x` [D] smoothed by a Gaussian that the edges cut.
fn smoothed(x: &[f32]) -> Vec<f64> {
    let reach = (4.0 * SMOOTHING) as usize;
    let kernel = |k: usize| (-0.5 * (k as f64 / SMOOTHING).powi(2)).exp();
    let value = |i: usize| {
        let near = i.saturating_sub(reach)..=(i + reach).min(x.len() - 1);
        let (sum, norm) = near.fold((0.0, 0.0), |(sum, norm), j| {
            let k = kernel(i.abs_diff(j));
            (sum + k * f64::from(x[j]), norm + k)
        });
        sum / norm
    };
    (0..x.len()).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wavelength(n: usize) -> Vec<f64> {
        (0..n).map(|i| 4000.0 * (4.7e-4 * i as f64).exp()).collect()
    }

    fn bump(x: &mut [f32], at: f64, width: f64, height: f32) {
        for (i, v) in x.iter_mut().enumerate() {
            *v += height * (-0.5 * ((i as f64 - at) / width).powi(2)).exp() as f32;
        }
    }

    #[test]
    fn a_bump_on_a_sloping_continuum_is_found_and_removed() {
        let continuum: Vec<f32> = (0..1024).map(|i| 1.0 + 0.2 * i as f32 / 1024.0).collect();
        let mut x = continuum.clone();
        bump(&mut x, 300.0, 5.0, 1.0);
        let found = features(&wavelength(1024), &x, &[0.3; 1024], f64::NAN);
        assert_eq!(found.len(), 1, "{found:?}");
        let f = &found[0];
        assert_eq!((f.name, f.peak), ("peak", 300));
        let (from, to) = (f.from(), f.to());
        assert!(from < 292 && to > 308 && from > 270 && to < 330);
        let removed = f.removed(&x);
        let rest = removed.iter().zip(&continuum).map(|(a, b)| (a - b).abs());
        assert!(rest.fold(0.0, f32::max) < 0.12);
    }

    #[test]
    fn the_share_of_a_feature_that_is_true_is_one_for_itself_and_none_for_nothing() {
        let (mut x, mut half) = (vec![1.0f32; 512], vec![3.0f32; 512]);
        bump(&mut x, 200.0, 4.0, 1.0);
        bump(&mut half, 200.0, 4.0, 0.5);
        let f = &features(&wavelength(512), &x, &[0.1; 512], f64::NAN)[0];
        let shares = [&x, &half, &vec![1.0; 512]].map(|t| f.true_share(&x, t));
        for (share, exact) in shares.into_iter().zip([1.0, 0.5, 0.0]) {
            assert!((share - exact).abs() < 1e-3, "{share} for {exact}");
        }
    }

    #[test]
    fn peaks_that_noise_would_hide_are_not_listed() {
        let mut x = vec![1.0f32; 512];
        bump(&mut x, 200.0, 3.0, 0.1);
        assert!(features(&wavelength(512), &x, &[1.0; 512], f64::NAN).is_empty());
        assert_eq!(
            features(&wavelength(512), &x, &[0.05; 512], f64::NAN).len(),
            1
        );
    }

    #[test]
    fn the_strong_lines_are_named_at_the_redshift_of_the_object() {
        let x = vec![1.0f32; 1024];
        let names: Vec<_> = features(&wavelength(1024), &x, &[1.0; 1024], 3.0)
            .into_iter()
            .map(|f| f.name)
            .collect();
        assert_eq!(names, ["Lyα", "N V", "Si IV", "C IV"]);
        // Lyα alone and N V are inside at z = 4.0.
        assert_eq!(features(&wavelength(1024), &x, &[1.0; 1024], 4.0).len(), 2);
    }
}
