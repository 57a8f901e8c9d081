//! What is seen of spectra: coverage, pixels, noise, line-spread functions, redshifts, levels.

use crate::Result;
use crate::base::statistics::median;
use crate::config::{MaskConfig, NormaliseConfig, SelectConfig, SurveySource};
use crate::data::Spectrum;
use crate::prepare::{even, level};
use crate::survey::PixelMask;
use crate::survey::open::open;
use crate::survey::spectra::Survey;

/// Spectra that are looked at, about, and rows that are read at a time.
const LOOKED_AT: usize = 512;
const READ: usize = 64;
/// A level has to be this many σ significant.
pub(super) const SIGNIFICANT: f64 = 5.0;
/// Steps in log10 λ that differ by less, relatively, are the same, and are given to this digit.
const SAME: f64 = 1e-6;
const DIGIT: f64 = 1e-12;

/// What a sample of a survey holds.
#[derive(Debug)]
pub(super) struct Seen {
    /// Rows of the survey, and those among them that were looked at.
    pub rows: usize,
    pub looked_at: usize,
    /// Of these, spectra that can be used.
    spectra: Vec<Spectrum>,
    /// Redshifts of these, as far as they are known.
    pub redshifts: Vec<f64>,
    /// How many of them have no line-spread function.
    pub lacks_lsf: usize,
    /// Bluest and reddest good pixel of each, log10(λ/Å), and its redshift.
    ends: Vec<([f64; 2], f64)>,
    /// Whether their pixels are even in log λ, and all of one width.
    pub is_even: bool,
    /// Median width of a pixel, dex.
    pub width: f64,
    /// Median σ of the line-spread function, in the files' pixels.
    pub lsf: f64,
    /// Median S/N of a good pixel.
    pub snr: f64,
}

/// Looks at the survey: all of it, or chunks that are spread over it until there are enough spectra.
///
/// # Errors
/// [`crate::Error::Input`] if it cannot be read.
pub(super) fn seen(source: &SurveySource) -> Result<Seen> {
    let survey = open(source)?;
    let mut seen = Seen {
        rows: survey.len(),
        looked_at: 0,
        spectra: Vec::new(),
        redshifts: Vec::new(),
        lacks_lsf: 0,
        ends: Vec::new(),
        is_even: false,
        width: f64::NAN,
        lsf: f64::NAN,
        snr: f64::NAN,
    };
    let (mut widths, mut lsf, mut snr) = (Vec::new(), Vec::new(), Vec::new());
    let mut steps = Vec::new();
    for chunk in spread(survey.len().div_ceil(READ)) {
        if seen.spectra.len() >= LOOKED_AT {
            break;
        }
        let rows = chunk * READ..((chunk + 1) * READ).min(survey.len());
        seen.looked_at += rows.len();
        for (spectrum, z) in read(&*survey, rows, &mut seen)? {
            let pixels = spectrum.grid.pixels(spectrum.flux.len());
            steps.push(even(&pixels));
            let good = |i: &usize| spectrum.ivar[*i] > 0.0;
            let good: Vec<usize> = (0..pixels.len()).filter(good).collect();
            let edges = good.iter().flat_map(|i| pixels[*i]);
            let low = edges.clone().fold(f64::INFINITY, f64::min);
            let high = edges.fold(f64::NEG_INFINITY, f64::max);
            if good.is_empty() {
                continue;
            }
            seen.ends.push(([low, high], z));
            widths.push(median(pixels.iter().map(|[a, b]| (b - a).abs())));
            let ratio =
                |i: &usize| f64::from(spectrum.flux[*i]) * f64::from(spectrum.ivar[*i]).sqrt();
            snr.push(median(good.iter().map(ratio)));
            let known = spectrum.lsf.iter().filter(|l| **l > 0.0);
            lsf.push(median(known.map(|l| f64::from(*l))));
            seen.spectra.push(spectrum);
        }
    }
    lsf.retain(|l| l.is_finite());
    seen.width = median(widths);
    let step = steps.first().copied().flatten();
    let same = |a: &Option<f64>| a.zip(step).is_some_and(|(a, b)| (a / b - 1.0).abs() < SAME);
    if let Some(step) = step.filter(|_| steps.iter().all(same)) {
        // To the last digit, for a grid of whole pixels.
        (seen.is_even, seen.width) = (true, (step / DIGIT).round() * DIGIT);
    }
    seen.snr = median(snr);
    seen.lsf = median(lsf);
    Ok(seen)
}

/// The spectra of `rows` that are read, with their redshifts; what is known of their objects goes into `seen`.
fn read(
    survey: &dyn Survey,
    rows: std::ops::Range<usize>,
    seen: &mut Seen,
) -> Result<Vec<(Spectrum, f64)>> {
    let mask = PixelMask::new(&MaskConfig::default())?;
    let items = survey.read(rows, &mask, &SelectConfig::default())?;
    let mut spectra = Vec::new();
    for item in items {
        if let Some(spectrum) = item.spectrum {
            seen.lacks_lsf += usize::from(item.lacks_lsf);
            seen.redshifts.push(item.object.z);
            spectra.push((spectrum, item.object.z));
        }
    }
    Ok(spectra)
}

/// 0..n in an order in which the first ones are spread over all.
fn spread(n: usize) -> impl Iterator<Item = usize> {
    let golden = (n as f64 * 0.618) as usize;
    let coprime = |s: &usize| gcd(*s, n.max(1)) == 1;
    let step = (golden.max(1)..).find(coprime).unwrap_or(1);
    (0..n).map(move |i| i * step % n)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Seen {
    /// How many spectra were looked at.
    pub fn spectra(&self) -> usize {
        self.spectra.len()
    }

    /// How many spectra the survey has that can be used, as far as the sample tells.
    pub fn usable(&self) -> usize {
        let part = self.spectra() as f64 / self.looked_at.max(1) as f64;
        (part * self.rows as f64).round() as usize
    }

    /// What at least nine spectra in ten cover on either side, Å.
    pub fn coverage(&self) -> [f64; 2] {
        let at = |end: usize, part: f64| {
            let mut ends: Vec<f64> = self.ends.iter().map(|(e, _)| e[end]).collect();
            ends.sort_by(f64::total_cmp);
            let i = (part * ends.len() as f64) as usize;
            10f64.powf(ends.get(i).copied().unwrap_or(f64::NAN))
        };
        [at(0, 0.9), at(1, 0.1)]
    }

    /// First and last rest wavelength that each spectrum of known redshift shows, Å.
    pub fn at_rest(&self) -> Vec<[f64; 2]> {
        let known = self.ends.iter().filter(|(_, z)| z.is_finite() && *z > -1.0);
        known
            .map(|(e, z)| e.map(|l| 10f64.powf(l) / (1.0 + z)))
            .collect()
    }

    /// The window to normalise by, Å, and which part of the spectra has a significant level in it: of those
    /// in which nearly as many have one as anywhere, one outside of `grid`, and the reddest.
    pub fn window(&self, grid: [f64; 2]) -> ([f64; 2], f64) {
        let covered = self.coverage();
        let outside = [[grid[1], covered[1]], [covered[0], grid[0]]];
        let inside = [grid[0].max(covered[0]), grid[1].min(covered[1])];
        let rated = |ranges: &[[f64; 2]]| -> Vec<([f64; 2], f64)> {
            let windows = ranges.iter().flat_map(|r| windows(*r));
            windows.map(|w| (w, self.significant(w))).collect()
        };
        let (outside, inside) = (rated(&outside), rated(&[inside]));
        let parts = outside.iter().chain(&inside).map(|(_, part)| *part);
        let best = parts.fold(0.0, f64::max);
        let good = |all: &[([f64; 2], f64)]| {
            let good = all.iter().filter(|(_, part)| *part >= 0.95 * best);
            good.max_by(|(a, _), (b, _)| a[0].total_cmp(&b[0])).copied()
        };
        let found = good(&outside).or_else(|| good(&inside));
        found.unwrap_or((covered, 0.0))
    }

    /// Which part of the spectra has a significant level in `window`.
    fn significant(&self, [min, max]: [f64; 2]) -> f64 {
        let window = NormaliseConfig::Window {
            min,
            max,
            snr_min: SIGNIFICANT,
        };
        let some = self
            .spectra
            .iter()
            .filter(|s| level(&window, s, 0.0, None).is_ok());
        some.count() as f64 / self.spectra().max(1) as f64
    }
}

/// Windows of about a fifth in ln λ that fill a range, Å; none of what is too short.
fn windows([low, high]: [f64; 2]) -> Vec<[f64; 2]> {
    let length = (high / low).ln();
    if length.is_nan() || length < 0.05 {
        return Vec::new();
    }
    let n = (length / 0.2).round().max(1.0);
    let edge = |i: f64| low * (length * i / n).exp();
    let inner = |i: usize| {
        let i = i as f64;
        [
            (edge(i) / 10.0).ceil() * 10.0,
            (edge(i + 1.0) / 10.0).floor() * 10.0,
        ]
    };
    (0..n as usize).map(inner).collect()
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn chunks_are_spread_and_each_comes_once() {
        for n in [1, 2, 7, 10, 64] {
            let mut all: Vec<usize> = spread(n).collect();
            all.sort_unstable();
            assert!(all.iter().copied().eq(0..n), "{n}");
        }
        assert_eq!(spread(0).count(), 0);
        let first: Vec<usize> = spread(100).take(4).collect();
        assert!(
            first.windows(2).all(|w| w[0].abs_diff(w[1]) > 20),
            "{first:?}"
        );
    }
}
