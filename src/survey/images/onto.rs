//! How the pixels of a file come onto the grid of `[image]`.

use super::axes::Axes;
use super::sky::Sky;
use crate::config::ImageConfig;
use crate::{Error, Result};
use ndarray::Array2;
use std::path::Path;

/// The middle of a larger image, or larger pixels repeated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Onto {
    /// Shape of an image in the file.
    pub file: ImageConfig,
    image: ImageConfig,
    /// The first row and column that are taken.
    from: [usize; 2],
    /// Pixels of the grid along a side of one of the file's.
    spread: usize,
}

impl Onto {
    /// Of an array of `shape` (slowest axis first) at `place` of `path`. Its images are of the shape of `image`, or,
    /// where that is `coarse` > 1 times finer than the detector, of as many fewer pixels; with `image.fit` they may
    /// be larger.
    ///
    /// # Errors
    /// [`Error::Input`] naming both shapes if they are of another.
    pub fn of(
        shape: &[usize],
        image: &ImageConfig,
        coarse: usize,
        path: &Path,
        place: &str,
    ) -> Result<(Axes, Self)> {
        let whole = Self {
            file: *image,
            image: *image,
            from: [0, 0],
            spread: 1,
        };
        let other = match Axes::of(shape, image, path, place) {
            Ok(axes) => return Ok((axes, whole)),
            Err(e) if coarse <= 1 && !image.fit => return Err(e),
            Err(e) => e,
        };
        let detector = ImageConfig {
            height: image.height / coarse,
            width: image.width / coarse,
            ..*image
        };
        for [height, width] in planes(shape, image.channels) {
            let file = ImageConfig {
                height,
                width,
                ..*image
            };
            let exact = [height, width] == [detector.height, detector.width];
            let larger = image.fit && height >= detector.height && width >= detector.width;
            if let Ok(axes) = Axes::of(shape, &file, path, place)
                && (exact || larger)
            {
                let middle = |of: usize, part: usize| (of - part) / 2;
                let from = [
                    middle(height, detector.height),
                    middle(width, detector.width),
                ];
                let onto = Self {
                    file,
                    from,
                    spread: coarse,
                    ..whole
                };
                return Ok((axes, onto));
            }
        }
        Err(match coarse {
            1 => other,
            _ => Error::input(
                path,
                place,
                format!("shape {shape:?}"),
                format!(
                    "{} channels, height {}, width {} as in [image], or {} × {} pixels of the detector: \
                     forward.stages has an undersample of factor {coarse}",
                    image.channels, image.height, image.width, detector.height, detector.width
                ),
                "set image.height and image.width to the factor times those of the files",
            ),
        })
    }

    /// Images [n, D of the file] as [n, D].
    pub fn rows(&self, raw: Array2<f32>) -> Array2<f32> {
        let (file, image) = (&self.file, &self.image);
        if (file.height, file.width) == (image.height, image.width) {
            return raw;
        }
        let plane = image.height * image.width;
        Array2::from_shape_fn((raw.nrows(), image.channels * plane), |(i, j)| {
            let (c, y, x) = (j / plane, j % plane / image.width, j % image.width);
            let y = self.from[0] + y / self.spread;
            let x = self.from[1] + x / self.spread;
            raw[[i, (c * file.height + y) * file.width + x]]
        })
    }

    /// Where such an image is on the sky.
    pub fn sky(&self, sky: Sky) -> Sky {
        let moved = |wcs: crate::data::Wcs| {
            let wcs = match self.from {
                [0, 0] => wcs,
                [y, x] => wcs.cropped([x, y]),
            };
            match self.spread {
                1 => wcs,
                factor => wcs.finer(factor),
            }
        };
        Sky {
            wcs: sky.wcs.map(moved),
            ..sky
        }
    }

    /// What is done, in words, where anything is.
    pub fn note(&self) -> Option<String> {
        let ImageConfig { height, width, .. } = self.file;
        let grid = [self.image.height, self.image.width].map(|n| n / self.spread);
        let cut = [height, width] != grid;
        let cut = cut.then(|| format!("they are cut from {height} × {width} pixels to the middle"));
        let spread = (self.spread > 1).then(|| {
            let factor = self.spread;
            format!("each of their pixels is {factor} × {factor} of the grid")
        });
        let all: Vec<String> = cut.into_iter().chain(spread).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

/// What may be height and width in an array of images of `channels`.
fn planes(shape: &[usize], channels: usize) -> Vec<[usize; 2]> {
    match *shape {
        [h, w] if channels == 1 => vec![[h, w]],
        [n, h, w] if channels == 1 => vec![[h, w], [n, h]],
        [c, h, w] if c == channels => vec![[h, w]],
        [h, w, c] if c == channels => vec![[h, w]],
        [_, c, h, w] if c == channels => vec![[h, w]],
        [_, h, w, c] if c == channels => vec![[h, w]],
        _ => Vec::new(),
    }
}
