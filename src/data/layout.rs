//! What the D numbers of a row are: a spectrum on the common grid, or an image.

use super::grid::LogGrid;
use ndarray::Array2;

/// What the D numbers of a row are.
#[derive(Debug, Clone, PartialEq)]
pub enum Layout {
    /// Pixels along a wavelength grid.
    Spectra {
        /// Their wavelengths.
        grid: LogGrid,
        /// Correlation of the noise of pixel i with pixel i+1 caused by regridding, `[D]`.
        noise_rho: Vec<f32>,
    },
    /// Pixels of an image, channel by channel, row by row.
    Images(ImageLayout),
}

/// Shape of an image, how its values were brought to order 1, and what comes with it.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageLayout {
    /// C.
    pub channels: usize,
    /// H.
    pub height: usize,
    /// W.
    pub width: usize,
    /// How the values were brought to order 1.
    pub scale: PixelScale,
    /// Numbers K that describe each image's corruption.
    pub vector: usize,
    /// Planes P, of the image's height and width, that describe it.
    pub planes: usize,
    /// Pixels along a side of the point-spread function that comes with each channel of each image, odd;
    /// 0: none does.
    pub psf: usize,
}

impl Layout {
    /// D.
    #[must_use]
    pub fn pixels(&self) -> usize {
        match self {
            Self::Spectra { grid, .. } => grid.pixels,
            Self::Images(image) => image.pixels(),
        }
    }
}

impl ImageLayout {
    /// D = C · H · W.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Axes of n images in a file, slowest first: [n, C, H, W], or [n, H, W] for one channel.
    #[must_use]
    pub fn axes(&self, n: usize) -> Vec<usize> {
        if self.channels == 1 {
            vec![n, self.height, self.width]
        } else {
            vec![n, self.channels, self.height, self.width]
        }
    }

    /// Values [n, D] in the file's units, normalised.
    #[must_use]
    pub fn normalised(&self, values: &Array2<f32>) -> Array2<f32> {
        let plane = self.height * self.width;
        let value = |((_, j), v): ((usize, usize), &f32)| {
            self.scale.normalise(f64::from(*v), j / plane) as f32
        };
        let all = values.indexed_iter().map(value).collect();
        Array2::from_shape_vec(values.raw_dim(), all).unwrap_or_default()
    }

    /// Numbers of an image's point-spread functions, C · P².
    #[must_use]
    pub fn psf_numbers(&self) -> usize {
        self.channels * self.psf * self.psf
    }

    /// [n, C, H, W] for a view of n rows.
    #[must_use]
    pub fn shape(&self, n: i64) -> [i64; 4] {
        [
            n,
            self.channels as i64,
            self.height as i64,
            self.width as i64,
        ]
    }
}

/// Normalised value = (s(v) − mean)/std with s(v) = asinh(v/softening), or s(v) = v without it.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelScale {
    /// Softening of the asinh stretch, in the file's units.
    pub softening: Option<f64>,
    /// One per channel.
    pub mean: Vec<f64>,
    /// One per channel, positive.
    pub std: Vec<f64>,
}

impl PixelScale {
    /// The normalised value of `v` in `channel`.
    #[must_use]
    pub fn normalise(&self, v: f64, channel: usize) -> f64 {
        let stretched = self.softening.map_or(v, |s| (v / s).asinh());
        (stretched - self.mean[channel]) / self.std[channel]
    }

    /// The value in the file's units.
    #[must_use]
    pub fn restore(&self, normalised: f64, channel: usize) -> f64 {
        let stretched = normalised * self.std[channel] + self.mean[channel];
        self.softening.map_or(stretched, |s| s * stretched.sinh())
    }

    /// The file's units in one unit of a noise level: where the stretch is linear, a noise level is one of
    /// the normalised values. It does not depend on the value: what is told of a pixel's noise says nothing of
    /// its light.
    #[must_use]
    pub fn linear_unit(&self, channel: usize) -> f64 {
        1.0 / self.slope(0.0, channel)
    }

    /// d(normalised)/dv at `v`: a small difference in the file's units times this is one of normalised
    /// values.
    #[must_use]
    pub fn slope(&self, v: f64, channel: usize) -> f64 {
        let stretch = self.softening.map_or(1.0, |s| 1.0 / v.hypot(s));
        stretch / self.std[channel]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stretch_is_undone_and_its_slope_is_the_derivative() {
        for softening in [None, Some(0.3)] {
            let scale = PixelScale {
                softening,
                mean: vec![0.1, -0.4],
                std: vec![2.0, 0.5],
            };
            for v in [-3.0, 0.0, 0.02, 1e4] {
                let n = scale.normalise(v, 1);
                assert!((scale.restore(n, 1) - v).abs() < 1e-9 * (1.0 + v.abs()));
                let h = 1e-5 * (1.0 + v.abs());
                let numeric = (scale.normalise(v + h, 1) - scale.normalise(v - h, 1)) / (2.0 * h);
                assert!((scale.slope(v, 1) / numeric - 1.0).abs() < 1e-5);
            }
        }
    }
}
