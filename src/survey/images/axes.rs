//! Which axis of an array of images is which.

use crate::config::ImageConfig;
use crate::{Error, Result};
use ndarray::Array2;
use std::path::Path;

/// Where the channels are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// [C, H, W], or [H, W] for one channel.
    First,
    /// [H, W, C].
    Last,
}

/// How an array holds its images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Axes {
    /// Number of images.
    pub n: usize,
    pub order: Order,
}

impl Axes {
    /// Axes (slowest first) of an array at `place` of the file `path`: [N, H, W], [N, C, H, W] or
    /// [N, H, W, C], or the same without N for a single image.
    ///
    /// # Errors
    /// [`Error::Input`] naming both shapes if they are not those of `image`, or fit both orders.
    pub fn of(shape: &[usize], image: &ImageConfig, path: &Path, place: &str) -> Result<Self> {
        let (c, h, w) = (image.channels, image.height, image.width);
        let order = |axes: &[usize]| match (axes == [c, h, w], axes == [h, w, c]) {
            (true, true) => Err("fits both [C, H, W] and [H, W, C]"),
            (true, false) => Ok(Order::First),
            (false, true) => Ok(Order::Last),
            (false, false) => Err("of another shape"),
        };
        let found = match shape {
            [a, b] if c == 1 && [*a, *b] == [h, w] => Ok((1, Order::First)),
            [n, a, b] if c == 1 && [*a, *b] == [h, w] => Ok((*n, Order::First)),
            [_, _, _] => order(shape).map(|o| (1, o)),
            [n, rest @ ..] if rest.len() == 3 => order(rest).map(|o| (*n, o)),
            _ => Err("not an array of images"),
        };
        found
            .map(|(n, order)| Self { n, order })
            .map_err(|problem| {
                Error::input(
                    path,
                    place,
                    format!("shape {shape:?}: {problem}"),
                    format!("images of [image]: {c} channels, height {h}, width {w}"),
                    "set image.channels, image.height and image.width, or give another file",
                )
            })
    }

    /// `flat`, images one after the other, as [n, D], channel by channel.
    ///
    /// # Errors
    /// [`Error::Input`] if it does not hold whole images.
    pub fn rows(self, flat: Vec<f32>, image: &ImageConfig, path: &Path) -> Result<Array2<f32>> {
        let (c, plane) = (image.channels, image.height * image.width);
        let d = c * plane;
        let n = flat.len() / d;
        let flat = match self.order {
            Order::First => flat,
            Order::Last => {
                let mut out = vec![0.0; flat.len()];
                for (from, to) in flat.chunks_exact(d).zip(out.chunks_exact_mut(d)) {
                    for (p, pixel) in from.chunks_exact(c).enumerate() {
                        for (k, v) in pixel.iter().enumerate() {
                            to[k * plane + p] = *v;
                        }
                    }
                }
                out
            }
        };
        Array2::from_shape_vec((n, d), flat)
            .map_err(|e| Error::input(path, "", e, "whole images", "copy the file again"))
    }
}
