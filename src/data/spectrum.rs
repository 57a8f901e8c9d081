//! One spectrum on the pixels of its survey.

use super::air::air_to_vacuum;
use super::extras::Extras;
use std::sync::Arc;

/// The step of every SDSS and BOSS co-added spectrum in log10 wavelength.
pub const SDSS_STEP: f64 = 1e-4;

/// How far the steps about a gap are looked at, on either side.
const NEAR: usize = 5;
/// A step this many times the usual one about it is a gap: no pixel covers it.
const GAP: f64 = 2.5;
/// Where most steps are even, to this part of one, so is one of two of them: a pixel is missing.
const EVEN: f64 = 0.1;
const MOST: f64 = 0.7;

/// Where the pixels of a survey lie: vacuum wavelengths.
#[derive(Debug, Clone, PartialEq)]
pub enum NativeGrid {
    /// Pixel i is centred on log10(λ/Å) = 1e-4 × (first + i): all SDSS and BOSS co-adds.
    Sdss {
        /// Number of the first pixel.
        first: i64,
    },
    /// The two edges of each pixel, log10(λ/Å), monotonic; between pixels there may be gaps.
    Pixels(Arc<[[f64; 2]]>),
}

/// How pixel edges follow from pixel centres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Centres {
    /// The centres are log10 of the wavelength: edges lie halfway in log10.
    Log10,
    /// The centres are wavelengths in Å: edges lie halfway in Å.
    Angstrom,
}

impl NativeGrid {
    /// The grid with these pixel centres; `None` unless there are two or more, finite, positive
    /// (in Å) and strictly monotonic. Edges lie halfway between neighbours, except where these are
    /// several usual steps apart: there each pixel is as wide as the others on its side, and what lies
    /// between belongs to none.
    #[must_use]
    pub fn from_centres(centres: &[f64], kind: Centres, air: bool) -> Option<Self> {
        let n = centres.len();
        let positive = |v: &f64| v.is_finite() && (kind == Centres::Log10 || *v > 0.0);
        if n < 2 || !centres.iter().all(positive) {
            return None;
        }
        let up = centres[1] > centres[0];
        if !centres
            .windows(2)
            .all(|w| (w[1] > w[0]) == up && w[1] != w[0])
        {
            return None;
        }
        let mut pixels = vec![[0.0; 2]; n];
        // The outer edges lie as if a centre followed at the distance of the last.
        pixels[0][0] = 1.5 * centres[0] - 0.5 * centres[1];
        pixels[n - 1][1] = 1.5 * centres[n - 1] - 0.5 * centres[n - 2];
        for (i, gap) in gaps(centres).into_iter().enumerate() {
            let (one, next) = (centres[i], centres[i + 1]);
            let middle = 0.5 * (one + next);
            (pixels[i][1], pixels[i + 1][0]) = match gap {
                None => (middle, middle),
                Some([before, after]) => (one + before, next - after),
            };
            match gap {
                // A pixel alone at an end.
                Some([before, _]) if i == 0 => pixels[0][0] = one - before,
                Some([_, after]) if i == n - 2 => pixels[n - 1][1] = next + after,
                _ => {}
            }
        }
        let vacuum = |edge: f64| match (kind, air) {
            (Centres::Log10, false) => edge,
            (Centres::Log10, true) => air_to_vacuum(10f64.powf(edge)).log10(),
            (Centres::Angstrom, false) => edge.log10(),
            (Centres::Angstrom, true) => air_to_vacuum(edge).log10(),
        };
        let pixels: Arc<[[f64; 2]]> = pixels.into_iter().map(|p| p.map(vacuum)).collect();
        pixels
            .iter()
            .flatten()
            .all(|e| e.is_finite())
            .then_some(Self::Pixels(pixels))
    }

    /// Edges of each of the first `n` pixels, log10(λ/Å), `[n]`.
    #[must_use]
    pub fn pixels(&self, n: usize) -> Vec<[f64; 2]> {
        match self {
            Self::Sdss { first } => {
                let edge = |i: usize| SDSS_STEP * (*first as f64 + i as f64 - 0.5);
                (0..n).map(|i| [edge(i), edge(i + 1)]).collect()
            }
            Self::Pixels(pixels) => pixels.iter().copied().take(n).collect(),
        }
    }

    /// The gaps between the pixels, each from its blue to its red end, log10(λ/Å).
    #[must_use]
    pub fn gaps(&self) -> Vec<[f64; 2]> {
        let Self::Pixels(pixels) = self else {
            return Vec::new();
        };
        let apart = pixels.windows(2).filter(|w| w[0][1] != w[1][0]);
        let ends = apart.map(|w| [w[0][1].min(w[1][0]), w[0][1].max(w[1][0])]);
        ends.collect()
    }
}

/// Between which neighbours of the monotonic `centres` there is a gap, [n − 1]: half the usual step before
/// it and after it, with their sign; `None` where there is none.
fn gaps(centres: &[f64]) -> Vec<Option<[f64; 2]>> {
    let steps: Vec<f64> = centres.windows(2).map(|w| w[1] - w[0]).collect();
    // The lower one of two in the middle: a lone pixel has a gap on either side.
    let usual = |near: &[f64]| {
        let mut sizes: Vec<f64> = near.iter().map(|s| s.abs()).collect();
        sizes.sort_unstable_by(f64::total_cmp);
        sizes.get(sizes.len().saturating_sub(1) / 2).copied()
    };
    let gap = |i: usize| {
        let near = [
            i.saturating_sub(NEAR)..i,
            i + 1..steps.len().min(i + 1 + NEAR),
        ];
        let [before, after] = near.clone().map(|n| usual(&steps[n]));
        let (before, after) = (before.or(after)?, after.or(before)?);
        let half = 0.5 * steps[i].signum();
        let times = steps[i].abs() / before.max(after);
        let is_gap = times > GAP
            || (times - 2.0).abs() < EVEN && is_even(near.into_iter().flatten().map(|k| steps[k]));
        is_gap.then_some([half * before, half * after])
    };
    (0..steps.len()).map(gap).collect()
}

/// Whether most of some steps are the same.
fn is_even(steps: impl Iterator<Item = f64>) -> bool {
    let mut sizes: Vec<f64> = steps.map(f64::abs).collect();
    sizes.sort_unstable_by(f64::total_cmp);
    let Some(usual) = sizes.get(sizes.len().saturating_sub(1) / 2) else {
        return false;
    };
    let same = sizes.iter().filter(|s| (*s / usual - 1.0).abs() < EVEN);
    same.count() as f64 >= MOST * sizes.len() as f64
}

/// One spectrum as its survey gives it, its bad pixels marked.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrum {
    /// Its pixels.
    pub grid: NativeGrid,
    /// Flux density per Å, `[n]`; meaningless where `ivar` is 0.
    pub flux: Vec<f32>,
    /// Inverse variance, `[n]`; 0 where masked.
    pub ivar: Vec<f32>,
    /// σ of the line-spread function in pixels of `grid`, `[n]`, 0 where unknown; or empty.
    pub lsf: Vec<f32>,
    /// What else the file holds, where a channel takes it.
    pub extras: Extras,
}

impl Spectrum {
    /// Masks (ivar = 0, flux = 0) the pixels whose flux or ivar is NaN or infinite, whose ivar is
    /// not above `ivar_min`, or which `bad` names; gives how many for which reason.
    pub fn mask(&mut self, ivar_min: f64, bad: impl Fn(usize) -> bool) -> Masked {
        let mut masked = Masked::default();
        for (i, (f, v)) in self.flux.iter_mut().zip(&mut self.ivar).enumerate() {
            if masked.count(*f, *v, ivar_min, bad(i)) {
                (*f, *v) = (0.0, 0.0);
            }
        }
        masked
    }
}

/// How many pixels of a spectrum are masked for which reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Masked {
    /// Flux or ivar is NaN.
    pub nan: usize,
    /// Flux or ivar is infinite: more than a number of single precision can be, perhaps.
    pub infinite: usize,
    /// Ivar is 0 or less.
    pub unweighted: usize,
    /// Ivar is not above the least that counts.
    pub faint: usize,
    /// The mask of the file says that the pixel is bad.
    pub marked: usize,
}

impl Masked {
    /// Counts a pixel, for the first reason that holds; whether there is one.
    pub fn count(&mut self, flux: f32, ivar: f32, ivar_min: f64, bad: bool) -> bool {
        let reason = match (flux, ivar) {
            (f, v) if f.is_nan() || v.is_nan() => &mut self.nan,
            // Where nothing counts, an infinite flux is none.
            (_, v) if v <= 0.0 => &mut self.unweighted,
            (f, v) if f.is_infinite() || v.is_infinite() => &mut self.infinite,
            (_, v) if f64::from(v) <= ivar_min => &mut self.faint,
            _ if bad => &mut self.marked,
            _ => return false,
        };
        *reason += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(centres: &[f64]) -> NativeGrid {
        NativeGrid::from_centres(centres, Centres::Log10, false).unwrap()
    }

    #[test]
    fn edges_lie_halfway_and_pixels_touch_on_every_grid_without_gaps() {
        let even: Vec<f64> = (0..30).map(|i| 3.6 + 1e-4 * f64::from(i)).collect();
        let falling: Vec<f64> = even.iter().rev().copied().collect();
        // Steps of two arms, 0.2 and 0.6 Å wide, and pixels that jitter.
        let arms: Vec<f64> = (0..60)
            .map(|i| 0.2 * f64::from(i.min(30) + 3 * (i - 30).max(0)))
            .collect();
        let arms: Vec<f64> = arms.iter().map(|w| (5000.0 + w).log10()).collect();
        let jitter: Vec<f64> = (0..30)
            .map(|i| 3.6 + 1e-4 * (f64::from(i) + 0.3 * f64::from(i % 3)))
            .collect();
        // Steps of one and two units in turn, as of rounded wavelengths.
        let rounded: Vec<f64> = (0..30)
            .map(|i| 3.6 + 1e-4 * (1.5 * f64::from(i)).round())
            .collect();
        for centres in [even, falling, arms, jitter, rounded] {
            let grid = grid(&centres);
            let pixels = grid.pixels(centres.len());
            for (k, p) in pixels.windows(2).enumerate() {
                assert_eq!(p[0][1], 0.5 * (centres[k] + centres[k + 1]));
                assert_eq!(p[0][1], p[1][0]);
            }
            assert_eq!(pixels[0][0], 1.5 * centres[0] - 0.5 * centres[1]);
            assert!(grid.gaps().is_empty());
        }
    }

    #[test]
    fn no_pixel_covers_a_gap_wherever_it_is() {
        let at = |i: i64| 3.6 + 1e-4 * i as f64;
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
        // Missing: 3 and 4; 20; 22; 40 to 89; 91 to 99 (90 is alone); 120 to 899 (900 is alone, the last).
        let missing = [3..5, 20..21, 22..23, 40..90, 91..100, 120..900];
        let kept = |i: &i64| missing.iter().all(|m| !m.contains(i));
        let centres: Vec<f64> = (0..=900).filter(kept).map(at).collect();
        for up in [true, false] {
            let mut centres = centres.clone();
            if !up {
                centres.reverse();
            }
            let grid = grid(&centres);
            for (c, [a, b]) in centres.iter().zip(grid.pixels(centres.len())) {
                close((b - a).abs(), 1e-4);
                close(0.5 * (a + b), *c);
            }
            let mut found = grid.gaps();
            found.sort_by(|a, b| a[0].total_cmp(&b[0]));
            assert_eq!(found.len(), missing.len());
            for (found, missing) in found.iter().zip(&missing) {
                close(found[0], at(missing.start) - 0.5e-4);
                close(found[1], at(missing.end) - 0.5e-4);
            }
        }
    }
}
