//! The lattice of pixels that the arms of a DESI file share.

use std::sync::Arc;

/// How far, in pixels, a centre may lie from the lattice.
const OFF: f64 = 0.01;
/// Pixels of the longest lattice.
const LONGEST: f64 = 1e6;

/// Pixels of equal width in wavelength or in its logarithm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Lattice {
    scale: Scale,
    /// Centre of the first pixel, and width, in Å or log10(λ/Å).
    first: f64,
    step: f64,
    pub pixels: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Angstrom,
    Log10,
}

impl Lattice {
    /// That of DESI's pipeline: 3600 + 0.8 i Å.
    pub const DESI: Self = Self {
        scale: Scale::Angstrom,
        first: 3600.0,
        step: 0.8,
        pixels: 7781,
    };

    /// The lattice that arms with these centres (Å) lie on: DESI's, or another of even steps in Å or in
    /// log10(λ/Å), as co-adding by other steps makes it (`desi_coadd_spectra --log10-step`, `--lin-step`).
    pub fn of(arms: &[Vec<f64>]) -> Option<Self> {
        let all = |lattice: &Self| arms.iter().all(|arm| lattice.place(arm).is_some());
        if all(&Self::DESI) {
            return Some(Self::DESI);
        }
        let scales = [Scale::Angstrom, Scale::Log10].into_iter();
        scales.filter_map(|s| Self::measured(s, arms)).find(all)
    }

    /// The lattice of the longest arm, from the bluest to the reddest centre of all.
    fn measured(scale: Scale, arms: &[Vec<f64>]) -> Option<Self> {
        let longest = arms.iter().max_by_key(|arm| arm.len())?;
        let (one, last) = (scale.of(*longest.first()?), scale.of(*longest.last()?));
        let step = (last - one) / (longest.len().checked_sub(1).filter(|n| *n > 0)? as f64);
        let centres = || arms.iter().flatten().map(|c| scale.of(*c));
        let first = centres().fold(f64::INFINITY, f64::min);
        let pixels = ((centres().fold(f64::NEG_INFINITY, f64::max) - first) / step).round() + 1.0;
        // Not a number, too.
        (step > 0.0 && (2.0..LONGEST).contains(&pixels)).then_some(Self {
            scale,
            first,
            step,
            pixels: pixels as usize,
        })
    }

    /// The pixel at which an arm with these centres (Å) begins; `None` if it is not on the lattice.
    pub fn place(&self, centres: &[f64]) -> Option<usize> {
        let at = |c: f64| (self.scale.of(c) - self.first) / self.step;
        let start = at(*centres.first()?).round();
        let on = |(i, c): (usize, &f64)| (at(*c) - start - i as f64).abs() < OFF;
        let inside = start >= 0.0 && start as usize + centres.len() <= self.pixels;
        (inside && centres.iter().enumerate().all(on)).then_some(start as usize)
    }

    /// Whether both have the same pixels, up to rounding.
    pub fn is(&self, other: &Self) -> bool {
        let near = |a: f64, b: f64| (a - b).abs() < OFF * self.step;
        let last = |l: &Self| l.first + l.step * l.pixels as f64;
        self.scale == other.scale
            && self.pixels == other.pixels
            && near(self.first, other.first)
            && near(last(self), last(other))
    }

    /// Edges of each pixel in log10(λ/Å), vacuum.
    pub fn edges(&self) -> Arc<[[f64; 2]]> {
        let edge = |i: usize| {
            let at = self.first + self.step * (i as f64 - 0.5);
            match self.scale {
                Scale::Angstrom => at.log10(),
                Scale::Log10 => at,
            }
        };
        let pixels = (0..self.pixels).map(|i| [edge(i), edge(i + 1)]);
        pixels.collect()
    }

    /// In words.
    pub fn words(&self) -> String {
        match self.scale {
            Scale::Angstrom => format!("{} + {} i Å", rounded(self.first), rounded(self.step)),
            Scale::Log10 => format!("steps of {} in log10", rounded(self.step)),
        }
    }
}

impl Scale {
    fn of(self, wavelength: f64) -> f64 {
        match self {
            Self::Angstrom => wavelength,
            Self::Log10 => wavelength.log10(),
        }
    }
}

fn rounded(v: f64) -> f64 {
    (v * 1e7).round() / 1e7
}

#[cfg(test)]
mod tests {
    use super::{Lattice, Scale};

    fn even(from: usize, n: usize, centre: impl Fn(f64) -> f64) -> Vec<f64> {
        (from..from + n).map(|i| centre(i as f64)).collect()
    }

    #[test]
    fn arms_are_placed_on_the_lattice_that_they_share() {
        let desi = |i: f64| 3600.0 + 0.8 * i;
        let arms = [even(0, 2751, desi), even(2700, 2326, desi)];
        let found = Lattice::of(&arms).unwrap();
        assert_eq!((found, found.place(&arms[1])), (Lattice::DESI, Some(2700)));

        let log = |i: f64| 10f64.powf(3.5563 + 1e-4 * i);
        let arms = [even(1000, 900, log), even(0, 1100, log)];
        let found = Lattice::of(&arms).unwrap();
        assert_eq!((found.scale, found.pixels), (Scale::Log10, 1900));
        assert_eq!(
            (found.place(&arms[0]), found.place(&arms[1])),
            (Some(1000), Some(0))
        );
        let edges = found.edges();
        assert!((edges[0][0] - (3.5563 - 0.5e-4)).abs() < 1e-9);
        // As 32-bit floats, too.
        let single: Vec<Vec<f64>> = arms
            .iter()
            .map(|a| a.iter().map(|c| f64::from(*c as f32)).collect())
            .collect();
        assert!(Lattice::of(&single).unwrap().is(&found));

        let wide = |i: f64| 3600.0 + 2.0 * i;
        assert_eq!(
            Lattice::of(&[even(0, 900, wide)]).unwrap().words(),
            "3600 + 2 i Å"
        );
    }

    #[test]
    fn what_shares_no_lattice_is_none() {
        let fine = |i: f64| 3600.0 + 0.6 * i;
        let coarse = |i: f64| 5700.0 + 0.8 * i;
        assert_eq!(
            Lattice::of(&[even(0, 900, fine), even(0, 900, coarse)]),
            None
        );
        let bent = |i: f64| 3600.0 + i + 1e-4 * i * i;
        // A single centre between two pixels of DESI's own lattice.
        for arm in [even(0, 900, bent), vec![4000.4], vec![], vec![4000.0; 5]] {
            assert_eq!(Lattice::of(&[arm]), None);
        }
        assert_eq!(Lattice::of(&[vec![f64::NAN; 9]]), None);
        assert_eq!(Lattice::of(&[vec![5000.0, 4999.0, 4998.0]]), None);
    }
}
