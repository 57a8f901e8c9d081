//! A feature of a restoration: pixels that rise above what surrounds them.

/// Pixels at each end of a run whose mean is the continuum there.
const SIDE: usize = 3;

/// Peaks of a restoration at most, the most significant ones.
const PEAKS: usize = 6;
/// A peak is listed where, unchanged by F, it would be seen at this significance.
const SIGNIFICANCE: f64 = 3.0;

/// The name of a feature that is none of the strong lines.
pub(super) const PEAK: &str = "peak";

/// An emission feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// A line's name, or `peak`.
    pub name: &'static str,
    /// Its highest pixel.
    pub peak: usize,
    /// Its pixels, ascending.
    pub pixels: Vec<usize>,
    /// What is there without it.
    pub base: Base,
}

/// What is under a feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// Of a spectrum: the chord between the two ends.
    Chord,
    /// Of an image: the plane through the pixels about it, which are `width` in a row.
    Plane {
        /// The pixels that touch it from outside.
        rim: Vec<usize>,
        /// W.
        width: usize,
    },
}

impl Feature {
    /// A feature of a spectrum, in its pixels `from..=to`.
    #[must_use]
    pub fn run(name: &'static str, peak: usize, from: usize, to: usize) -> Self {
        Self {
            name,
            peak,
            pixels: (from..=to).collect(),
            base: Base::Chord,
        }
    }

    /// Its first pixel.
    #[must_use]
    pub fn from(&self) -> usize {
        self.pixels.first().copied().unwrap_or(self.peak)
    }

    /// Its last pixel.
    #[must_use]
    pub fn to(&self) -> usize {
        self.pixels.last().copied().unwrap_or(self.peak)
    }

    /// The restoration `x` `[D]` without this feature: never above its base.
    #[must_use]
    pub fn removed(&self, x: &[f32]) -> Vec<f32> {
        let mut out = x.to_vec();
        for (i, level) in self.pixels.iter().zip(self.level(x)) {
            out[*i] = out[*i].min(level);
        }
        out
    }

    /// The base at its pixels, in the unit of `x` `[D]`.
    fn level(&self, x: &[f32]) -> Vec<f32> {
        match &self.base {
            Base::Chord => self.chord(x),
            Base::Plane { rim, width } => plane(x, rim, &self.pixels, *width),
        }
    }

    fn chord(&self, x: &[f32]) -> Vec<f32> {
        let (from, to) = (self.from(), self.to());
        let mean = |v: &[f32]| v.iter().sum::<f32>() / v.len() as f32;
        let left = mean(&x[from.saturating_sub(SIDE - 1)..=from]);
        let right = mean(&x[to..=(to + SIDE - 1).min(x.len() - 1)]);
        let width = (to - from).max(1) as f32;
        let at = |i: usize| left + (right - left) * i as f32 / width;
        (0..=to - from).map(at).collect()
    }

    /// Of the peak above its base, in the unit of `x` `[D]`.
    #[must_use]
    pub fn height(&self, x: &[f32]) -> f64 {
        f64::from(x[self.peak] - self.removed(x)[self.peak])
    }

    /// Whether it is one of the strong lines.
    #[must_use]
    pub fn is_line(&self) -> bool {
        self.name != PEAK
    }

    /// How much of this feature of `x` `[D]` is in `truth` `[D]`: 1 all of it, 0 nothing. Both in
    /// excess of their bases; NaN where `x` has no excess.
    #[must_use]
    pub fn true_share(&self, x: &[f32], truth: &[f32]) -> f64 {
        let (no_x, no_truth) = (self.removed(x), self.removed(truth));
        let (dot, square) = self.pixels.iter().fold((0.0, 0.0), |(dot, square), &i| {
            let (a, b) = (f64::from(x[i] - no_x[i]), f64::from(truth[i] - no_truth[i]));
            (dot + a * b, square + a * a)
        });
        dot / square
    }

    /// How significant the excess over the base would be in noise of `scale` [D], were it observed
    /// as it is.
    fn significance(&self, x: &[f32], scale: &[f32]) -> f64 {
        let without = self.removed(x);
        let part = |&i: &usize| f64::from((x[i] - without[i]) / scale[i]).powi(2);
        self.pixels.iter().map(part).sum::<f64>().sqrt()
    }
}

/// The most significant ones of the `peaks` of `x` `[D]`, where the noise of the observation is `scale` `[D]`.
pub(super) fn most_significant(
    peaks: impl Iterator<Item = Feature>,
    x: &[f32],
    scale: &[f32],
) -> impl Iterator<Item = Feature> {
    let mut found: Vec<(f64, Feature)> = peaks
        .map(|f| (f.significance(x, scale), f))
        .filter(|(s, _)| *s >= SIGNIFICANCE)
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.into_iter().take(PEAKS).map(|(_, f)| f)
}

/// The plane through the pixels `rim` of `x` by least squares, at the pixels `at`; all in one plane of rows of
/// `width`. The mean where the rim does not fix a slope.
fn plane(x: &[f32], rim: &[usize], at: &[usize], width: usize) -> Vec<f32> {
    let place = |i: usize| [(i / width) as f64, (i % width) as f64];
    let n = rim.len().max(1) as f64;
    let mean = |f: &dyn Fn(usize) -> f64| rim.iter().map(|i| f(*i)).sum::<f64>() / n;
    let centre = [mean(&|i| place(i)[0]), mean(&|i| place(i)[1])];
    let level = mean(&|i| f64::from(x[i]));
    let from = |i: usize| [place(i)[0] - centre[0], place(i)[1] - centre[1]];
    let [mut yy, mut yx, mut xx, mut yv, mut xv] = [0.0; 5];
    for &i in rim {
        let ([dy, dx], v) = (from(i), f64::from(x[i]) - level);
        yy += dy * dy;
        yx += dy * dx;
        xx += dx * dx;
        yv += dy * v;
        xv += dx * v;
    }
    let det = yy * xx - yx * yx;
    let slope = if det > 1e-9 * (yy + xx).powi(2) {
        [(yv * xx - xv * yx) / det, (xv * yy - yv * yx) / det]
    } else {
        [0.0; 2]
    };
    let value = |&i: &usize| (level + slope[0] * from(i)[0] + slope[1] * from(i)[1]) as f32;
    at.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bump_on_a_tilted_plane_is_removed_down_to_the_plane() {
        let (h, w) = (9, 11);
        let tilted = |i: usize| 1.0 + 0.1 * (i / w) as f32 - 0.05 * (i % w) as f32;
        let sky: Vec<f32> = (0..h * w).map(tilted).collect();
        let pixels: Vec<usize> = (3..6)
            .flat_map(|y| (4..7).map(move |x| y * w + x))
            .collect();
        let rim = (2..7)
            .flat_map(|y| (3..8).map(move |x| y * w + x))
            .filter(|i| !pixels.contains(i))
            .collect();
        let mut x = sky.clone();
        pixels.iter().for_each(|i| x[*i] += 2.0);
        let feature = Feature {
            name: PEAK,
            peak: 4 * w + 5,
            pixels,
            base: Base::Plane { rim, width: w },
        };
        let off = feature
            .removed(&x)
            .iter()
            .zip(&sky)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(off < 1e-5, "{off}");
        assert!((feature.height(&x) - 2.0).abs() < 1e-5);
        assert!((feature.true_share(&x, &sky)).abs() < 1e-5);
    }
}
