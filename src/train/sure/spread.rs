//! How wide the draws are, against those of the Gaussian posterior.

use crate::Result;
use crate::base::tensors::numbers;
use tch::{Device, Tensor};

/// Ranges of ln λ_rest with a factor of their own.
const BINS: usize = 8;
/// Objects of which fewer do not tell how far a factor may be trusted: most show less than their share, a few most of
/// it, and among few these are missing.
const FEWEST: usize = 50;
/// Factors beyond these are no correction any more.
const RANGE: (f64, f64) = (0.25, 2.0);

/// Factors on the deviations of draws, at places along ln λ_rest between which they are interpolated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spread {
    /// ln λ_rest of the first and the last place.
    pub range: (f64, f64),
    pub factors: Vec<f64>,
}

impl Spread {
    /// Draws as wide as the Gaussian posterior's.
    pub fn one() -> Self {
        Self {
            range: (0.0, 1.0),
            factors: vec![1.0],
        }
    }

    /// The factor at ln λ_rest `ln`; at an unknown one, the mean of all.
    pub fn at(&self, ln: Option<f64>) -> f64 {
        let last = self.factors.len() - 1;
        let Some(ln) = ln.filter(|_| last > 0) else {
            return self.factors.iter().sum::<f64>() / self.factors.len() as f64;
        };
        let (from, to) = self.range;
        let place = ((ln - from) / (to - from)).clamp(0.0, 1.0) * last as f64;
        let low = (place as usize).min(last - 1);
        let above = place - low as f64;
        self.factors[low] * (1.0 - above) + self.factors[low + 1] * above
    }

    /// The factors of an object of `d` pixels at these ln λ_rest.
    pub fn of_row(&self, ln: Option<&[f64]>, d: usize) -> Vec<f32> {
        (0..d).map(|j| self.at(ln.map(|ln| ln[j])) as f32).collect()
    }

    /// The factors of objects of `d` pixels at these ln λ_rest, `[n, D]`.
    pub fn of_rows(&self, rest: &[Option<Vec<f64>>], d: i64, device: Device) -> Tensor {
        let rows = rest.iter();
        let flat: Vec<f32> = rows
            .flat_map(|ln| self.of_row(ln.as_deref(), d as usize))
            .collect();
        Tensor::from_slice(&flat).view([-1, d]).to_device(device)
    }

    /// For a file, `[1, 2 + K]`.
    pub fn tensor(&self) -> Tensor {
        let all: Vec<f32> = [self.range.0, self.range.1]
            .iter()
            .chain(&self.factors)
            .map(|v| *v as f32)
            .collect();
        Tensor::from_slice(&all).unsqueeze(0)
    }

    /// From a file.
    ///
    /// # Errors
    /// [`crate::Error::Torch`] if the numbers cannot be copied to the host.
    pub fn of(t: &Tensor) -> Result<Self> {
        let all: Vec<f64> = numbers(&t.to_device(Device::Cpu))?
            .iter()
            .map(|v| f64::from(*v))
            .collect();
        Ok(match all.as_slice() {
            [from, to, factors @ ..] if !factors.is_empty() => Self {
                range: (*from, *to),
                factors: factors.to_vec(),
            },
            _ => Self::one(),
        })
    }
}

/// Sums of the signal that is found and that is expected along ln λ_rest, object by object.
#[derive(Debug)]
pub(crate) struct Tally {
    range: (f64, f64),
    /// Of each object and bin: found, expected.
    objects: Vec<[[f64; 2]; BINS]>,
}

impl Tally {
    pub fn new(range: (f64, f64)) -> Self {
        Self {
            range,
            objects: Vec::new(),
        }
    }

    /// Adds one object's pixels: ln λ_rest, the signal that is found and that is expected.
    pub fn add(&mut self, pixels: impl Iterator<Item = (f64, f64, f64)>) {
        let (from, to) = self.range;
        let mut sums = [[0.0; 2]; BINS];
        for (ln, found, expected) in pixels {
            let bin = ((ln - from) / (to - from) * BINS as f64) as usize;
            let sum = &mut sums[bin.min(BINS - 1)];
            (sum[0], sum[1]) = (sum[0] + found, sum[1] + expected);
        }
        self.objects.push(sums);
    }

    /// √(found / expected) of each bin, drawn towards 1. The ratios are taken to be 1 and a scatter
    /// that all bins share, seen with the standard errors that the scatter from object to object gives
    /// them; each is what is expected of it then, so that a bin that says little for certain stays at 1
    /// unless those that do say that the ratios scatter widely. Of fewer than [`FEWEST`] objects, 1.
    pub fn spread(&self) -> Spread {
        if self.objects.len() < FEWEST {
            return Spread::one();
        }
        let bins: Vec<Option<Ratio>> = (0..BINS).map(|bin| self.ratio(bin)).collect();
        let known: Vec<Ratio> = bins.iter().flatten().copied().collect();
        let scatter = scatter(&known);
        let factor = |bin: &Option<Ratio>| {
            let square = bin.map_or(1.0, |r| 1.0 + r.kept(scatter) * (r.value - 1.0));
            square.max(0.0).sqrt().clamp(RANGE.0, RANGE.1)
        };
        let factors: Vec<f64> = bins.iter().map(factor).collect();
        log::debug!("signal found over expected: {bins:?}, scatter {scatter:.2e}: {factors:.3?}");
        let half = (self.range.1 - self.range.0) / (2 * BINS) as f64;
        Spread {
            range: (self.range.0 + half, self.range.1 - half),
            factors,
        }
    }

    /// What is found over what is expected of a bin; `None` where nothing is expected.
    fn ratio(&self, bin: usize) -> Option<Ratio> {
        let of = |part: usize| self.objects.iter().map(move |o| o[bin][part]);
        let (found, expected) = (of(0).sum::<f64>(), of(1).sum::<f64>());
        if expected <= 0.0 {
            return None;
        }
        let value = found / expected;
        let scatter = of(0).zip(of(1)).map(|(r, v)| (r - value * v).powi(2));
        let error = scatter.sum::<f64>() / expected.powi(2);
        Some(Ratio { value, error })
    }
}

/// A ratio and the square of its standard error.
#[derive(Debug, Clone, Copy)]
struct Ratio {
    value: f64,
    error: f64,
}

impl Ratio {
    /// Which part of its distance from 1 is expected to be real, where ratios have the variance `scatter`.
    fn kept(self, scatter: f64) -> f64 {
        scatter / (scatter + self.error).max(f64::MIN_POSITIVE)
    }
}

/// The variance of ratios about 1 beyond their errors: with it, their squared distances over their
/// variances have the mean 1 (Paule & Mandel 1982); 0 where the errors explain the distances.
fn scatter(ratios: &[Ratio]) -> f64 {
    let distance = |r: &Ratio| (r.value - 1.0).powi(2);
    let excess = |scatter: f64| {
        let share = |r: &Ratio| distance(r) / (scatter + r.error).max(f64::MIN_POSITIVE);
        ratios.iter().map(share).sum::<f64>() - ratios.len() as f64
    };
    let (mut low, mut high) = (0.0, ratios.iter().map(distance).sum::<f64>());
    if excess(low) <= 0.0 {
        return 0.0;
    }
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if excess(middle) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_become_as_wide_as_the_risk_where_that_is_sure() {
        // Twice as wide in the first half of the range; in the second the risk of single objects says
        // nothing for certain.
        let mut tally = Tally::new((7.0, 8.0));
        for object in 0..400 {
            let noise = [40.0, -38.0][object % 2];
            tally.add((0..120).map(|j| {
                let ln = 7.0 + f64::from(j) / 120.0;
                (ln, if ln < 7.5 { 4.0 } else { noise }, 1.0)
            }));
        }
        let spread = tally.spread();
        assert!((spread.at(Some(7.1)) - 2.0).abs() < 1e-9);
        assert!((spread.at(Some(7.9)) - 1.0).abs() < 1e-9);
        assert_eq!(Spread::one().at(None), 1.0);
        tally.objects.truncate(FEWEST - 1);
        assert_eq!(tally.spread(), Spread::one());
        let back = Spread::of(&spread.tensor()).unwrap();
        for ln in [6.0, 7.2, 7.5, 7.77, 9.0] {
            assert!((back.at(Some(ln)) - spread.at(Some(ln))).abs() < 1e-5);
        }
    }

    /// Objects whose risk in the bins is `of(bin)` on average, with the noise `noise(bin)` from one to the
    /// next.
    fn tally(of: impl Fn(usize) -> f64, noise: impl Fn(usize) -> f64) -> Spread {
        let mut tally = Tally::new((0.0, 1.0));
        for object in 0..400 {
            let sign = [1.0, -1.0][object % 2];
            let pixel = |bin: usize| {
                let ln = (bin as f64 + 0.5) / BINS as f64;
                (ln, of(bin) + sign * noise(bin), 1.0)
            };
            tally.add((0..BINS).map(pixel));
        }
        tally.spread()
    }

    #[test]
    fn ratios_that_their_errors_explain_are_not_believed() {
        // Half a standard error above 1, all of them.
        let spread = tally(|_| 1.05, |_| 2.0);
        assert!(spread.factors.iter().all(|f| *f == 1.0), "{spread:?}");
    }

    #[test]
    fn a_doubtful_ratio_is_believed_as_far_as_certain_ones_scatter() {
        // Certain ones are 1.2 and 0.8; the last one is 1.6, give or take 0.4.
        let certain = |bin: usize| [1.2, 0.8][bin % 2];
        let last = |bin| bin == BINS - 1;
        let of = |bin| if last(bin) { 1.6 } else { certain(bin) };
        let spread = tally(of, |bin| if last(bin) { 8.0 } else { 0.02 });
        for (bin, factor) in spread.factors.iter().enumerate().take(BINS - 1) {
            assert!((factor.powi(2) - certain(bin)).abs() < 1e-3, "{spread:?}");
        }
        // With a scatter of 0.2, the ratio's distance from 1 is real to 0.04/(0.04 + 0.16).
        let kept = (spread.factors[BINS - 1].powi(2) - 1.0) / 0.6;
        assert!((kept - 0.2).abs() < 0.05, "{kept}");
    }
}
