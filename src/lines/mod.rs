//! The strong emission lines and their measurement: peak height, centroid, equivalent width.
//!
//! Truth, restorations and single draws are all measured in the same way, in the rest frame given by
//! the object's redshift. The spectrum is first smoothed: by 1000 km/s (σ) for broad lines, by 600 km/s for
//! N V on the wing of Lyα, by 300 km/s for [O III]; then, inside the line's window,
//!
//! - the *height* is the maximum above the local continuum,
//! - the *centroid* is the excess-weighted mean wavelength of the pixels around the maximum that
//!   rise above half of the height,
//! - the *equivalent width* is ∫ (F − F_c)/F_c dλ over the window, rest frame, positive for emission; of any
//!   line, in the spectrum smoothed by 300 km/s.
//!
//! The smoothing is for the sake of the height: the maximum over a window is the higher the more noise there
//! is from pixel to pixel, and a draw has more of it than the truth. Where a weak line is smoothed by its own
//! width, as many independent values are left in its window in both. A Gaussian line of σ = 2000 km/s loses
//! 11 % of its height by it.
//!
//! The local continuum F_c is the straight line between the mean fluxes of two side bands, or the
//! mean flux of one where the other side is unusable: Lyα has the forest on its blue side and N V on
//! its red one, so its continuum is that near 1285 Å; C IV's red side leaves the spectrum early. N V
//! sits on Lyα's red wing: its "continuum" is the chord from 1228–1231 Å, on the wing, to
//! 1255–1260 Å, beyond the line, so that its height is what N V adds to the wing (0 or less: no bump
//! at all, and then no centroid). A line is not measured (NaN) when a part of its window or side
//! bands is outside the spectrum, or the redshift is not a positive number; it has no equivalent
//! width where its continuum falls to 1 % of its height or below (no continuum is seen there, and the
//! width would be a division by nothing). C III] holds Si III], which is rarely told apart from it; [O III]
//! sits on the red wing of Hβ, as N V on that of Lyα, and is measured like it. Where a spectrum is a part of
//! a longer one, what is beyond it is NaN in the flux, and lines that reach there are not measured.

mod draws;

pub use draws::{Measured, MeasuredLines, NO_LINES, Quantity, over_draws};

use ndarray::ArrayView1;

/// Laboratory vacuum wavelength of Lyman α, Å.
pub const LYMAN_ALPHA: f64 = 1215.67;
/// Speed of light, km/s.
pub const C_KMS: f64 = 299_792.458;
/// Smoothing before measuring, σ in km/s: of broad lines …
pub const BROAD_KMS: f64 = 1000.0;
/// … of N V, where more would bring Lyα's wing into its baseline, …
const WING_KMS: f64 = 600.0;
/// … and of narrow ones, and for every width.
const NARROW_KMS: f64 = 300.0;
/// A continuum at or below this part of the line's height is none to measure a width by.
const CONTINUUM_MIN: f64 = 0.01;

/// An emission line and where to measure it; wavelengths in Å, rest frame, vacuum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EmissionLine {
    /// Its name in text.
    pub name: &'static str,
    /// Its name in columns of tables.
    pub key: &'static str,
    /// Laboratory wavelength (of a doublet: the mean).
    pub rest: f64,
    /// Blue and red end of the pixels that belong to the line.
    pub window: [f64; 2],
    /// Bands on the blue and the red side that the local continuum is read from.
    pub baseline: [Option<[f64; 2]>; 2],
    /// σ of the smoothing before its height and centroid are measured, km/s.
    pub smoothing: f64,
}

/// The lines that are measured.
pub const LINES: [EmissionLine; 8] = [
    EmissionLine {
        name: "Lyα",
        key: "LYA",
        rest: LYMAN_ALPHA,
        window: [1205.0, 1230.0],
        baseline: [None, Some([1278.0, 1292.0])],
        smoothing: BROAD_KMS,
    },
    EmissionLine {
        name: "N V",
        key: "NV",
        rest: 1240.81,
        window: [1231.0, 1255.0],
        baseline: [Some([1228.0, 1231.0]), Some([1255.0, 1260.0])],
        smoothing: WING_KMS,
    },
    EmissionLine {
        name: "Si IV",
        key: "SIIV",
        rest: 1396.76,
        window: [1375.0, 1420.0],
        baseline: [Some([1345.0, 1355.0]), Some([1432.0, 1445.0])],
        smoothing: BROAD_KMS,
    },
    EmissionLine {
        name: "C IV",
        key: "CIV",
        rest: 1549.06,
        window: [1515.0, 1575.0],
        baseline: [Some([1450.0, 1470.0]), None],
        smoothing: BROAD_KMS,
    },
    EmissionLine {
        name: "C III]",
        key: "CIII",
        rest: 1908.73,
        window: [1865.0, 1950.0],
        baseline: [Some([1830.0, 1845.0]), Some([1975.0, 2000.0])],
        smoothing: BROAD_KMS,
    },
    EmissionLine {
        name: "Mg II",
        key: "MGII",
        rest: 2798.75,
        window: [2750.0, 2850.0],
        baseline: [Some([2690.0, 2710.0]), Some([2890.0, 2910.0])],
        smoothing: BROAD_KMS,
    },
    EmissionLine {
        name: "Hβ",
        key: "HB",
        rest: 4862.68,
        window: [4800.0, 4930.0],
        baseline: [Some([4740.0, 4760.0]), Some([5080.0, 5110.0])],
        smoothing: BROAD_KMS,
    },
    EmissionLine {
        name: "[O III]",
        key: "OIII",
        rest: 5008.24,
        window: [4990.0, 5028.0],
        baseline: [Some([4975.0, 4985.0]), Some([5032.0, 5042.0])],
        smoothing: NARROW_KMS,
    },
];

/// One measured line; NaN where it cannot be measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measurement {
    /// Maximum above the local continuum, in the flux's unit.
    pub height: f64,
    /// Å, rest frame.
    pub centroid: f64,
    /// Equivalent width, Å, rest frame, positive for emission.
    pub width: f64,
}

const NOT_MEASURED: Measurement = Measurement {
    height: f64::NAN,
    centroid: f64::NAN,
    width: f64::NAN,
};

/// Measures every line of [`LINES`] in `flux` `[D]` at `wavelength` `[D]` (observed, Å, evenly spaced in
/// log) of an object at redshift `z`.
#[must_use]
pub fn measure(wavelength: &[f64], flux: ArrayView1<f32>, z: f64) -> [Measurement; LINES.len()] {
    if wavelength.len() < 2 || !(z > 0.0 && z.is_finite()) {
        return [NOT_MEASURED; LINES.len()];
    }
    let rest: Vec<f64> = wavelength.iter().map(|w| w / (1.0 + z)).collect();
    let widths = [NARROW_KMS, WING_KMS, BROAD_KMS];
    let smoothed = widths.map(|kms| Smoothed::new(wavelength, &rest, flux, kms));
    let by = |kms: f64| widths.iter().position(|w| *w >= kms).unwrap_or(0);
    LINES.map(|line| line.measured_in(&smoothed[by(line.smoothing)], &smoothed[0]))
}

impl EmissionLine {
    /// In a spectrum smoothed for heights and in the same smoothed for widths.
    fn measured_in(&self, s: &Smoothed<'_>, for_width: &Smoothed<'_>) -> Measurement {
        let [low, high] = self.extent();
        if s.rest[0] > low || s.rest[s.rest.len() - 1] < high {
            return NOT_MEASURED;
        }
        let line = self.line(s);
        let highest = |a: &usize, b: &usize| line[*a].excess.total_cmp(&line[*b].excess);
        match (0..line.len()).max_by(highest) {
            Some(peak) if line[peak].excess.is_finite() => Measurement {
                height: line[peak].excess,
                centroid: centroid(&line, peak),
                width: equivalent_width(&self.line(for_width), line[peak].excess, s.step),
            },
            _ => NOT_MEASURED,
        }
    }

    /// The pixels of its window.
    fn line(&self, s: &Smoothed<'_>) -> Vec<Pixel> {
        let continuum = self.continuum(s);
        let pixel = |(x, flux)| Pixel {
            x,
            continuum: continuum(x),
            excess: flux - continuum(x),
        };
        s.pixels(self.window).map(pixel).collect()
    }

    /// The local continuum as a function of the rest wavelength.
    fn continuum(&self, s: &Smoothed<'_>) -> impl Fn(f64) -> f64 + use<> {
        let middle = |band: [f64; 2]| 0.5 * (band[0] + band[1]);
        let (at, level, slope) = match self.baseline {
            [Some(a), Some(b)] => {
                let [blue, red] = [s.level(a), s.level(b)];
                let slope = (red - blue) / (middle(b) - middle(a));
                (middle(a), blue, slope)
            }
            [Some(a), None] | [None, Some(a)] => (middle(a), s.level(a), 0.0),
            [None, None] => (0.0, 0.0, 0.0),
        };
        move |x| level + slope * (x - at)
    }

    /// From the bluest to the reddest wavelength that the measurement needs.
    fn extent(&self) -> [f64; 2] {
        let bands = self.baseline.iter().flatten().chain([&self.window]);
        bands.fold([f64::INFINITY, 0.0], |e, b| {
            [e[0].min(b[0]), e[1].max(b[1])]
        })
    }
}

/// A pixel of a line's window.
struct Pixel {
    /// Rest wavelength, Å.
    x: f64,
    continuum: f64,
    /// Flux above the continuum.
    excess: f64,
}

/// Mean wavelength of the pixels about `peak` above half of its height, weighted by the excess.
fn centroid(line: &[Pixel], peak: usize) -> f64 {
    let height = line[peak].excess;
    if height <= 0.0 {
        return f64::NAN;
    }
    let above = |i: &usize| line[*i].excess >= 0.5 * height;
    let from = (0..=peak).rev().take_while(above).last().unwrap_or(peak);
    let to = (peak..line.len()).take_while(above).last().unwrap_or(peak);
    let part = &line[from..=to];
    let weight: f64 = part.iter().map(|p| p.excess).sum();
    part.iter().map(|p| p.x * p.excess).sum::<f64>() / weight
}

/// ∫ excess/continuum dλ of a line of this `height`; `step` is the width of the pixels in ln λ.
fn equivalent_width(line: &[Pixel], height: f64, step: f64) -> f64 {
    let least = CONTINUUM_MIN * height.max(0.0);
    // Also a continuum that is NaN ends here.
    if !line.iter().all(|p| p.continuum > least) {
        return f64::NAN;
    }
    let terms = line.iter().map(|p| p.excess / p.continuum * p.x * step);
    terms.sum()
}

/// A spectrum in the rest frame, smoothed where it is asked for: lines cover a part of it.
struct Smoothed<'a> {
    /// Å, [D].
    rest: &'a [f64],
    flux: ArrayView1<'a, f32>,
    /// The Gaussian at so many pixels from its middle.
    kernel: Vec<f64>,
    /// Step in ln λ.
    step: f64,
}

impl<'a> Smoothed<'a> {
    /// By `kms`, σ.
    fn new(wavelength: &[f64], rest: &'a [f64], flux: ArrayView1<'a, f32>, kms: f64) -> Self {
        let d = wavelength.len();
        let step = (wavelength[d - 1] / wavelength[0]).ln() / (d - 1) as f64;
        let sigma = kms / C_KMS / step;
        let reach = (4.0 * sigma).ceil() as usize;
        let weight = |k: usize| (-0.5 * (k as f64 / sigma).powi(2)).exp();
        Self {
            rest,
            flux,
            kernel: (0..=reach).map(weight).collect(),
            step,
        }
    }

    /// The smoothed flux of pixel `i`.
    fn at(&self, i: usize) -> f64 {
        let reach = self.kernel.len() - 1;
        let (mut sum, mut norm) = (0.0, 0.0);
        for j in i.saturating_sub(reach)..=(i + reach).min(self.flux.len() - 1) {
            let k = self.kernel[i.abs_diff(j)];
            sum += k * f64::from(self.flux[j]);
            norm += k;
        }
        sum / norm
    }

    /// Rest wavelength and flux of the pixels in `band`.
    fn pixels(&self, band: [f64; 2]) -> impl Iterator<Item = (f64, f64)> {
        let from = self.rest.partition_point(|x| *x < band[0]);
        let to = self.rest.partition_point(|x| *x <= band[1]);
        (from..to).map(|i| (self.rest[i], self.at(i)))
    }

    /// Mean flux in `band`; NaN if no pixel lies in it.
    fn level(&self, band: [f64; 2]) -> f64 {
        let (mut sum, mut n) = (0.0, 0.0);
        for (_, flux) in self.pixels(band) {
            sum += flux;
            n += 1.0;
        }
        sum / n
    }
}
