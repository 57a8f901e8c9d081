//! The noise of a survey against what its inverse variances say, by wavelength.

use crate::data::Spectrum;
use serde::Serialize;

/// Lags, in native pixels, at which noise may be correlated.
pub const LAGS: usize = 3;

/// What was measured in one band of observed wavelengths.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NoiseBand {
    /// Blue and red end, Å.
    pub wavelength: [f64; 2],
    /// Pixels that it rests on.
    pub pixels: u64,
    /// Standard deviation of the noise over 1/√ivar.
    pub scale: f64,
    /// Correlation of the noise with that of the pixels 1, 2 and 3 further on.
    pub rho: [f64; LAGS],
}

/// Scale and correlations of the noise of native pixels as functions of the wavelength: between the
/// middles of bands in proportion, beyond them as in the last one.
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseLaw {
    /// log10 of the middle of each band, ascending; never empty.
    middles: Vec<f64>,
    /// Scale and correlations.
    values: Vec<[f64; 1 + LAGS]>,
}

impl NoiseLaw {
    /// Through `bands`, which ascend; `None` if there are none.
    #[must_use]
    pub fn through(bands: &[NoiseBand]) -> Option<Self> {
        let middle = |b: &NoiseBand| 0.5 * (b.wavelength[0].log10() + b.wavelength[1].log10());
        let [a, b, c] = [0, 1, 2].map(|k| move |n: &NoiseBand| n.rho[k]);
        (!bands.is_empty()).then(|| Self {
            middles: bands.iter().map(middle).collect(),
            values: bands.iter().map(|n| [n.scale, a(n), b(n), c(n)]).collect(),
        })
    }

    /// At `loglam`, log10 of the wavelength in Å.
    fn at(&self, loglam: f64) -> [f64; 1 + LAGS] {
        let above = self.middles.partition_point(|m| *m < loglam);
        let last = self.middles.len() - 1;
        if above == 0 || above > last {
            return self.values[above.min(last)];
        }
        let (low, high) = (self.middles[above - 1], self.middles[above]);
        let part = (loglam - low) / (high - low);
        std::array::from_fn(|k| {
            self.values[above - 1][k] * (1.0 - part) + self.values[above][k] * part
        })
    }

    /// Correlations of the noise at `loglam` with that of the next pixels.
    #[must_use]
    pub fn rho(&self, loglam: f64) -> [f64; LAGS] {
        let [_, rho @ ..] = self.at(loglam);
        rho
    }

    /// Divides the inverse variances of `spectrum` by the square of the scale.
    pub fn correct(&self, spectrum: &mut Spectrum) {
        let pixels = spectrum.grid.pixels(spectrum.flux.len());
        for (v, [a, b]) in spectrum.ivar.iter_mut().zip(pixels) {
            let scale = self.at(0.5 * (a + b))[0];
            *v = (f64::from(*v) / (scale * scale)) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::NativeGrid;

    fn band(wavelength: [f64; 2], scale: f64) -> NoiseBand {
        NoiseBand {
            wavelength,
            pixels: 1,
            scale,
            rho: [0.5 * scale, 0.0, 0.0],
        }
    }

    #[test]
    fn a_law_is_that_of_a_band_in_its_middle_and_goes_on_beyond_the_last() {
        let law = NoiseLaw::through(&[band([1e3, 1e4], 1.0), band([1e4, 1e5], 2.0)]).unwrap();
        for (loglam, scale) in [(0.0, 1.0), (3.5, 1.0), (4.0, 1.5), (4.5, 2.0), (9.0, 2.0)] {
            assert!((law.at(loglam)[0] - scale).abs() < 1e-12);
            assert!((law.rho(loglam)[0] - 0.5 * scale).abs() < 1e-12);
        }
        assert!(NoiseLaw::through(&[]).is_none());
    }

    #[test]
    fn noise_twice_as_wide_has_a_quarter_of_the_inverse_variance() {
        let law = NoiseLaw::through(&[band([1e3, 1e4], 2.0)]).unwrap();
        let mut s = Spectrum {
            grid: NativeGrid::Sdss { first: 36000 },
            flux: vec![3.0; 3],
            ivar: vec![4.0, 0.0, 8.0],
            lsf: vec![],
            extras: Default::default(),
        };
        law.correct(&mut s);
        assert_eq!((s.flux, s.ivar), (vec![3.0; 3], vec![1.0, 0.0, 2.0]));
    }
}
