//! The noise of spectra measured on themselves: differences of neighbouring pixels, where the signal is
//! smooth, against the inverse variances.
//!
//! With noise of scale s against 1/√ivar and correlations ρ_k between pixels k apart, the second
//! difference y_i − (y_{i−k} + y_{i+k})/2 has the variance s² (3/2 − 2 ρ_k + ρ_2k/2) where the noise is even. Four
//! strides k tell s and three correlations; ρ beyond [`LAGS`] is taken to be none. All in the pixels of the file:
//! what regridding does to noise comes after.

use super::noise_law::{LAGS, NoiseBand};
use crate::data::{NativeGrid, Spectrum};
use crate::survey::item::Item;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Width of a band, log10 of the wavelength.
const BAND: f64 = 0.05;
/// A band of fewer pixels is not measured: the scale of so many is known to 2 %.
const FEWEST: u64 = 2000;
const STRIDES: usize = LAGS + 1;
/// Cells per standard deviation in which differences are counted, and how many there are.
const CELLS: f64 = 64.0;
const COUNTED: usize = 640;
/// Half of the differences of Gaussian noise are smaller than so many standard deviations.
const HALF: f64 = 0.674_489_75;
/// The noise of two pixels within this factor is even enough.
const EVEN: f64 = 2.0;
/// Pixels on either side whose mean is the signal, and its S/N beyond which it is not smooth enough.
const NEAR: usize = 12;
const SNR_MAX: f64 = 10.0;
/// Bluewards of this rest wavelength (Å) the forest is no smooth signal.
const FOREST: f64 = 1230.0;

/// Counts of |second difference| over its standard deviation, by band and stride.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts(BTreeMap<i64, Vec<u64>>);

/// The noise of some spectra, and of the differences of spectra of one object.
#[derive(Debug, Clone, Default)]
pub(super) struct NoiseTally {
    single: Counts,
    repeats: Counts,
    /// Pairs of spectra of one object.
    pub pairs: usize,
}

impl NoiseTally {
    /// Of the spectra of `items`; those of one name that follow each other are also compared.
    pub fn of(items: &[Item]) -> Self {
        let one = |item: &Item| {
            let mut counts = Counts::default();
            if let Some(s) = &item.spectrum {
                counts.add(s, item.object.z);
            }
            counts
        };
        let all: Vec<Counts> = items.par_iter().map(one).collect();
        let mut tally = Self::default();
        all.iter().for_each(|c| tally.single.merge(c));
        let mut i = 0;
        while i + 1 < items.len() {
            match difference(&items[i], &items[i + 1]) {
                Some(s) => {
                    tally.repeats.add(&s, f64::NAN);
                    tally.pairs += 1;
                    i += 2;
                }
                None => i += 1,
            }
        }
        tally
    }

    pub fn merge(&mut self, other: &Self) {
        self.single.merge(&other.single);
        self.repeats.merge(&other.repeats);
        self.pairs += other.pairs;
    }

    /// What the spectra say, band by band, those of too few pixels left out.
    pub fn bands(&self) -> Vec<NoiseBand> {
        self.single.bands()
    }

    /// What all bands say together.
    pub fn whole(&self) -> Option<NoiseBand> {
        self.single.whole()
    }

    /// What the differences of spectra of one object say.
    pub fn repeated(&self) -> Option<NoiseBand> {
        self.repeats.whole()
    }
}

impl Counts {
    /// Adds the second differences of `s`, an object at redshift `z`.
    fn add(&mut self, s: &Spectrum, z: f64) {
        let n = s.flux.len();
        let pixels = s.grid.pixels(n);
        let middle = |i: usize| 0.5 * (pixels[i][0] + pixels[i][1]);
        let blue = match z.is_finite() && z > -1.0 {
            true => (FOREST * (1.0 + z)).log10(),
            false => f64::NEG_INFINITY,
        };
        let smooth = smooth(s);
        let variance = |i: usize| 1.0 / f64::from(s.ivar[i]);
        for k in 1..=STRIDES {
            for i in (k..n.saturating_sub(k)).filter(|i| smooth[*i]) {
                // Whatever lies between must be there: over a gap nothing is smooth.
                if (i - k..=i + k).any(|j| s.ivar[j] <= 0.0) {
                    continue;
                }
                let (loglam, step) = (middle(i), middle(i + 1) - middle(i));
                let far = middle(i + k) - middle(i - k);
                let even = (far / (2.0 * k as f64 * step) - 1.0).abs() < 0.1;
                let [a, v, b] = [i - k, i, i + k].map(variance);
                if loglam < blue || !even || a.max(b).max(v) > EVEN * a.min(b).min(v) {
                    continue;
                }
                let flux = |j: usize| f64::from(s.flux[j]);
                let d = flux(i) - 0.5 * (flux(i - k) + flux(i + k));
                let t = d.abs() / (v + 0.25 * (a + b)).sqrt();
                let band = self.0.entry((loglam / BAND).floor() as i64);
                let cells = band.or_insert_with(|| vec![0; STRIDES * COUNTED]);
                cells[(k - 1) * COUNTED + ((t * CELLS) as usize).min(COUNTED - 1)] += 1;
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        for (band, theirs) in &other.0 {
            let ours = self.0.entry(*band);
            let ours = ours.or_insert_with(|| vec![0; STRIDES * COUNTED]);
            ours.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
        }
    }

    fn bands(&self) -> Vec<NoiseBand> {
        let edges = |b: i64| [b, b + 1].map(|e| 10f64.powf(e as f64 * BAND));
        let found = self.0.iter().map(|(b, cells)| solved(cells, edges(*b)));
        found.flatten().collect()
    }

    fn whole(&self) -> Option<NoiseBand> {
        let mut all = vec![0; STRIDES * COUNTED];
        for cells in self.0.values() {
            all.iter_mut().zip(cells).for_each(|(a, b)| *a += b);
        }
        let (first, last) = (self.0.keys().next()?, self.0.keys().last()?);
        let edges = [*first, *last + 1].map(|e| 10f64.powf(e as f64 * BAND));
        solved(&all, edges)
    }
}

/// Scale and correlations that the `cells` of one band tell; `None` if there are too few.
fn solved(cells: &[u64], wavelength: [f64; 2]) -> Option<NoiseBand> {
    let strides: Vec<&[u64]> = cells.chunks(COUNTED).collect();
    let pixels = strides.iter().map(|c| c.iter().sum()).min()?;
    if pixels < FEWEST {
        return None;
    }
    // Variances over that of even white noise, 3/2 of a pixel's.
    let v: Vec<f64> = strides.iter().map(|c| 1.5 * scatter(c).powi(2)).collect();
    // ρ_4 and beyond are none.
    let s2 = v[3] / 1.5;
    let third = 0.5 * (1.5 - v[2] / s2);
    let second = 0.5 * (1.5 - v[1] / s2);
    let first = 0.5 * (1.5 + 0.5 * second - v[0] / s2);
    Some(NoiseBand {
        wavelength,
        pixels,
        scale: s2.sqrt(),
        rho: [first, second, third],
    })
}

/// Robust standard deviation of what was counted in `cells`: from their median, in proportion within its cell.
fn scatter(cells: &[u64]) -> f64 {
    let half = 0.5 * cells.iter().sum::<u64>() as f64;
    let mut below = 0.0;
    for (k, n) in cells.iter().enumerate() {
        let n = *n as f64;
        if below + n >= half && n > 0.0 {
            return (k as f64 + (half - below) / n) / CELLS / HALF;
        }
        below += n;
    }
    COUNTED as f64 / CELLS / HALF
}

/// Where the mean S/N of the pixels around is low enough for the signal to be smooth beside its noise.
fn smooth(s: &Spectrum) -> Vec<bool> {
    let snr = s.flux.iter().zip(&s.ivar).map(|(f, v)| match *v > 0.0 {
        true => f64::from(*f) * f64::from(*v).sqrt(),
        false => 0.0,
    });
    let mut sums = vec![(0.0, 0.0)];
    for (snr, v) in snr.zip(&s.ivar) {
        let (sum, n) = sums[sums.len() - 1];
        sums.push((sum + snr, n + f64::from(u8::from(*v > 0.0))));
    }
    let n = s.flux.len();
    let low = |i: usize| {
        let (from, to) = (sums[i.saturating_sub(NEAR)], sums[(i + NEAR + 1).min(n)]);
        (to.0 - from.0).abs() < SNR_MAX * (to.1 - from.1)
    };
    (0..n).map(low).collect()
}

/// The difference of two spectra of one object on the same pixels, the second scaled to the first;
/// `None` if they are not such, or one spectrum twice.
fn difference(a: &Item, b: &Item) -> Option<Spectrum> {
    let (one, other) = (a.spectrum.as_ref()?, b.spectrum.as_ref()?);
    if a.object.name.is_empty() || a.object.name != b.object.name {
        return None;
    }
    let shift = match (&one.grid, &other.grid) {
        (NativeGrid::Sdss { first: a }, NativeGrid::Sdss { first: b }) => a - b,
        (NativeGrid::Pixels(a), NativeGrid::Pixels(b)) if Arc::ptr_eq(a, b) => 0,
        _ => return None,
    };
    let pair = |i: usize| {
        let j = usize::try_from(i as i64 + shift).ok()?;
        let (v, w) = (one.ivar[i], *other.ivar.get(j)?);
        let [f, g, v, w] = [one.flux[i], other.flux[j], v, w].map(f64::from);
        (v > 0.0 && w > 0.0).then_some((f, g, v, w))
    };
    let pairs: Vec<_> = (0..one.flux.len()).map(pair).collect();
    let seen = || pairs.iter().flatten();
    if seen().filter(|(f, g, ..)| f == g).count() * 2 >= seen().count() {
        return None;
    }
    let (with, own) = seen().fold((0.0, 0.0), |(with, own), (f, g, v, w)| {
        let weight = 1.0 / (1.0 / v + 1.0 / w);
        (with + weight * f, own + weight * g)
    });
    // Of two spectra without light the ratio says nothing.
    let ratio = with / own;
    let k = if (0.2..5.0).contains(&ratio) {
        ratio
    } else {
        1.0
    };
    let mut s = one.clone();
    for ((f, v), pair) in s.flux.iter_mut().zip(&mut s.ivar).zip(pairs) {
        (*f, *v) = pair.map_or((0.0, 0.0), |(a, b, v, w)| {
            ((a - k * b) as f32, (1.0 / (1.0 / v + k * k / w)) as f32)
        });
    }
    Some(s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Object;
    use rand::{RngExt, SeedableRng};
    use rand_distr::StandardNormal;

    /// Spectra of `signal` whose noise is `scale` as wide as ivar says and averaged over two pixels in the
    /// part `share`; of the names that `name` gives.
    fn items(
        n: usize,
        scale: f32,
        share: f32,
        signal: fn(usize, usize) -> f32,
        name: fn(usize) -> String,
    ) -> Vec<Item> {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        let mut item = |row: usize| {
            let white: Vec<f32> = (0..3001).map(|_| rng.sample(StandardNormal)).collect();
            let norm = (1.0 + share * share).sqrt();
            let noise = |i: usize| scale * (white[i] + share * white[i + 1]) / norm;
            Item {
                spectrum: Some(Spectrum {
                    grid: NativeGrid::Sdss { first: 36000 },
                    flux: (0..3000).map(|i| signal(row, i) + 0.5 * noise(i)).collect(),
                    ivar: vec![4.0; 3000],
                    lsf: vec![],
                    extras: Default::default(),
                }),
                ..Item::of(Object {
                    name: name(row),
                    ..Object::default()
                })
            }
        };
        (0..n).map(&mut item).collect()
    }

    fn own(row: usize) -> String {
        format!("object {row}")
    }

    fn close(found: &NoiseBand, scale: f64, rho: [f64; 3], by: f64) {
        assert!((found.scale / scale - 1.0).abs() < by, "{found:?}");
        for (found, rho) in found.rho.iter().zip(rho) {
            assert!((found - rho).abs() < by, "{found} {rho}");
        }
    }

    #[test]
    fn the_scale_and_the_correlation_of_noise_are_found_beneath_a_smooth_signal() {
        let quasar = |row: usize, i: usize| {
            let line = (-0.5 * ((i as f32 - 1500.0) / 20.0).powi(2)).exp();
            (1.0 + row as f32 % 3.0) * (1.0 + 1e-4 * i as f32) + 2.0 * line
        };
        for (scale, share) in [(1.0f32, 0.0f32), (0.85, 0.09), (1.2, -0.3)] {
            let tally = NoiseTally::of(&items(100, scale, share, quasar, own));
            let rho = f64::from(share / (1.0 + share * share));
            close(
                &tally.whole().unwrap(),
                scale.into(),
                [rho, 0.0, 0.0],
                0.015,
            );
            assert!(tally.bands().len() >= 6 && tally.repeated().is_none());
            for band in tally.bands() {
                close(&band, scale.into(), [rho, 0.0, 0.0], 0.06);
            }
        }
    }

    #[test]
    fn outliers_and_bright_structure_do_not_change_it() {
        let odd = |row: usize, i: usize| match i {
            i if i % 97 == 0 => 50.0,
            // At S/N 40 every line is structure.
            i if i > 2000 => 20.0 + 5.0 * ((i + row) as f32).sin(),
            _ => 1.0,
        };
        let tally = NoiseTally::of(&items(100, 0.9, 0.0, odd, own));
        let whole = tally.whole().unwrap();
        assert!((whole.scale / 0.9 - 1.0).abs() < 0.06, "{whole:?}");
        let beyond = 10f64.powf(3.6 + 0.2);
        assert!(tally.bands().iter().all(|b| b.wavelength[0] < beyond));
    }

    #[test]
    fn repeats_tell_the_noise_under_a_signal_that_is_not_smooth() {
        let forest = |row: usize, i: usize| {
            let jagged = ((i * i) as f32).sin();
            (1.0 + 0.2 * (row % 2) as f32) * (2.0 + jagged)
        };
        let same = |row: usize| format!("object {}", row / 2);
        let tally = NoiseTally::of(&items(40, 0.9, 0.2, forest, same));
        assert_eq!(tally.pairs, 20);
        close(
            &tally.repeated().unwrap(),
            0.9,
            [0.2 / 1.04, 0.0, 0.0],
            0.02,
        );
        assert!(tally.whole().unwrap().scale > 1.2);
    }

    #[test]
    fn one_spectrum_twice_is_no_repeat_and_few_pixels_tell_nothing() {
        let flat = |_: usize, _: usize| 1.0;
        let mut twice = items(1, 1.0, 0.0, flat, own);
        twice.extend(items(1, 1.0, 0.0, flat, own));
        assert_eq!(NoiseTally::of(&twice).pairs, 0);
        let few = &twice[..1];
        assert!(NoiseTally::of(few).bands().is_empty());
        assert!(NoiseTally::of(&[]).whole().is_none());
    }

    #[test]
    fn parts_of_a_survey_are_counted_in_any_order() {
        let all = items(30, 1.1, 0.1, |_, _| 1.0, own);
        let whole = NoiseTally::of(&all);
        let mut parts = NoiseTally::of(&all[20..]);
        parts.merge(&NoiseTally::of(&all[..20]));
        assert_eq!(parts.bands(), whole.bands());
    }
}
