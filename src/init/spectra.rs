//! What is seen of spectra: coverage, pixels, noise, line-spread functions, redshifts, levels.

use crate::Result;
use crate::base::statistics::median;
use crate::config::{MaskConfig, NormaliseConfig, SelectConfig, SurveySource};
use crate::data::Spectrum;
use crate::prepare::level;
use crate::survey::PixelMask;
use crate::survey::open::open;
use crate::survey::spectra::Survey;

/// Spectra that are looked at, about, and rows that are read at a time.
const LOOKED_AT: usize = 512;
const READ: usize = 64;
/// A level has to be this many σ significant.
pub(super) const SIGNIFICANT: f64 = 5.0;

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
    /// Bluest and reddest good pixel of each, log10(λ/Å).
    ends: Vec<[f64; 2]>,
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
        width: f64::NAN,
        lsf: f64::NAN,
        snr: f64::NAN,
    };
    let (mut widths, mut lsf, mut snr) = (Vec::new(), Vec::new(), Vec::new());
    for chunk in spread(survey.len().div_ceil(READ)) {
        if seen.spectra.len() >= LOOKED_AT {
            break;
        }
        let rows = chunk * READ..((chunk + 1) * READ).min(survey.len());
        seen.looked_at += rows.len();
        for spectrum in read(&*survey, rows, &mut seen)? {
            let pixels = spectrum.grid.pixels(spectrum.flux.len());
            let good = |i: &usize| spectrum.ivar[*i] > 0.0;
            let good: Vec<usize> = (0..pixels.len()).filter(good).collect();
            let edges = good.iter().flat_map(|i| pixels[*i]);
            let low = edges.clone().fold(f64::INFINITY, f64::min);
            let high = edges.fold(f64::NEG_INFINITY, f64::max);
            if good.is_empty() {
                continue;
            }
            seen.ends.push([low, high]);
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
    seen.snr = median(snr);
    seen.lsf = median(lsf);
    Ok(seen)
}

/// The spectra of `rows` that are read; what is known of their objects goes into `seen`.
fn read(
    survey: &dyn Survey,
    rows: std::ops::Range<usize>,
    seen: &mut Seen,
) -> Result<Vec<Spectrum>> {
    let mask = PixelMask::new(&MaskConfig::default())?;
    let items = survey.read(rows, &mask, &SelectConfig::default())?;
    let mut spectra = Vec::new();
    for item in items {
        if let Some(spectrum) = item.spectrum {
            seen.lacks_lsf += usize::from(item.lacks_lsf);
            seen.redshifts.push(item.object.z);
            spectra.push(spectrum);
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
            let mut ends: Vec<f64> = self.ends.iter().map(|e| e[end]).collect();
            ends.sort_by(f64::total_cmp);
            let i = (part * ends.len() as f64) as usize;
            10f64.powf(ends.get(i).copied().unwrap_or(f64::NAN))
        };
        [at(0, 0.9), at(1, 0.1)]
    }

    /// The window of a tenth of `from` (Å, in log λ) to normalise by: where most spectra have a significant
    /// level, outside of `grid` if that is as good; and the part of the spectra that have one.
    pub fn window(&self, from: [f64; 2], grid: [f64; 2]) -> ([f64; 2], f64) {
        const WINDOWS: usize = 10;
        let step = (from[1] / from[0]).ln() / WINDOWS as f64;
        let edge = |i: usize| (from[0] * (step * i as f64).exp() / 10.0).round() * 10.0;
        let windows = (0..WINDOWS).map(|i| [edge(i), edge(i + 1)]);
        let rated = windows.map(|w| (w, self.significance(w)));
        let outside = |w: [f64; 2]| w[1] <= grid[0] || w[0] >= grid[1];
        let value = |(w, (part, median)): &([f64; 2], (f64, f64))| {
            // Of windows in which as many are significant, the one of the best S/N.
            let part = (20.0 * part).round() + f64::from(u8::from(outside(*w)));
            (part, *median)
        };
        let best = rated.max_by(|a, b| {
            let ((a, x), (b, y)) = (value(a), value(b));
            a.total_cmp(&b).then(x.total_cmp(&y))
        });
        best.map_or((from, 0.0), |(w, (part, _))| (w, part))
    }

    /// Which part of the spectra has a significant level in `window`, and the median of level over error.
    fn significance(&self, [min, max]: [f64; 2]) -> (f64, f64) {
        let window = NormaliseConfig::Window {
            min,
            max,
            snr_min: f64::NEG_INFINITY,
        };
        let ratio = |s: &Spectrum| level(&window, s, None).map_or(0.0, |l| l.value / l.error);
        let ratios: Vec<f64> = self.spectra.iter().map(ratio).collect();
        let some = ratios.iter().filter(|r| **r >= SIGNIFICANT).count();
        (some as f64 / ratios.len().max(1) as f64, median(ratios))
    }
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
