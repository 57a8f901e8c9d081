//! What a channel does to each Fourier mode, to the extent that it is linear: Y = H X + noise.

use super::fourier::Mirrored;
use crate::config::{LatentUse, PsfFrom, StageConfig};
use ndarray::{Array2, ArrayView1};

/// Directions that a mean kernel is averaged over.
const DIRECTIONS: usize = 60;

/// What comes with one plane of an observation, or holds for all.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// Direction of a motion blur, radians; without it the mean kernel over all directions is taken.
    pub angle: Option<f64>,
    /// Variance of photon noise of gain 1.
    pub photons: f64,
    /// Point-spread function [P, P] of sum 1.
    pub psf: Option<&'a [f32]>,
    /// Mean variance of the recorded noise.
    pub variance: f64,
    /// One unit of the stages' levels.
    pub unit: f64,
}

impl Default for Told<'_> {
    fn default() -> Self {
        Self {
            angle: None,
            photons: 0.0,
            psf: None,
            variance: 0.0,
            unit: 1.0,
        }
    }
}

/// Transfer, noise and offset of a channel, in the modes of [`Mirrored`].
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// H of each mode, real: the kernels are symmetric about their centre.
    pub transfer: Vec<f64>,
    /// Expected |noise|² of each mode.
    pub noise: Vec<f64>,
    /// What is added to every pixel (the mean of additive Poisson noise).
    pub offset: f64,
}

impl Response {
    /// Of `stages`, in their order: a blur also smooths the noise of the stages before it. A PSF counts
    /// as if it were the mean of itself and of itself turned by half a turn. Masks, saturation, JPEG and
    /// tomography are no part of it.
    #[must_use]
    pub fn of(stages: &[StageConfig], modes: &Mirrored, told: Told<'_>) -> Self {
        let Told {
            angle,
            photons,
            psf,
            variance,
            unit,
        } = told;
        let white = modes.white();
        let mut response = Self {
            transfer: vec![1.0; modes.modes()],
            noise: vec![0.0; modes.modes()],
            offset: 0.0,
        };
        for stage in stages {
            match stage {
                StageConfig::Noise(noise) => {
                    let recorded = noise.from.is_recorded();
                    let own = (noise.sigma * unit).powi(2);
                    let power = match noise.kernel.len() {
                        0 => white.clone(),
                        side => {
                            let of = |(i, j): (usize, usize)| noise.kernel[i][j];
                            let kernel = Array2::from_shape_fn((side, side), of);
                            let sum = kernel.iter().map(|v| v * v).sum::<f64>();
                            let transfer = modes.transfer(&kernel);
                            let both = white.iter().zip(&transfer);
                            both.map(|(w, h)| w * h * h / sum).collect()
                        }
                    };
                    response.add(&power, if recorded { variance } else { own });
                }
                StageConfig::Psf(config) => {
                    if let (PsfFrom::Hdu, Some(psf)) = (config.from, psf) {
                        let side = psf.len().isqrt();
                        let kernel = Array2::from_shape_fn((side, side), |(i, j)| {
                            f64::from(psf[i * side + j])
                        });
                        response.blur(&modes.transfer(&kernel));
                    }
                }
                StageConfig::Photon { gain } => response.add(&white, photons / gain),
                StageConfig::Poisson { rate } => {
                    response.add(&white, rate * unit * unit);
                    response.offset += rate * unit;
                }
                StageConfig::Blur { sigma } => {
                    response.blur(&modes.transfer(&gaussian_kernel(*sigma)));
                }
                StageConfig::Motion { length, .. } => {
                    response.blur(&modes.transfer(&motion_kernel(*length, angle)));
                }
                _ => {}
            }
        }
        response
    }

    fn add(&mut self, white: &[f64], variance: f64) {
        let noise = self.noise.iter_mut().zip(white);
        noise.for_each(|(n, w)| *n += variance * w);
    }

    fn blur(&mut self, transfer: &[f64]) {
        for (k, h) in transfer.iter().enumerate() {
            self.transfer[k] *= h;
            self.noise[k] *= h * h;
        }
    }
}

/// The responses of the planes of some images.
#[derive(Debug, Clone, Copy)]
pub struct Responses<'a> {
    all: &'a [Response],
    /// How many there are for each image, its channels one after the other.
    each: usize,
}

impl<'a> Responses<'a> {
    /// `each` for every image, or one for all.
    #[must_use]
    pub fn new(all: &'a [Response], each: usize) -> Self {
        Self { all, each }
    }

    /// Of channel `c` of image `i`.
    #[must_use]
    pub fn of(&self, i: usize, c: usize) -> &'a Response {
        let at = i * self.each + c.min(self.each - 1);
        &self.all[at.min(self.all.len() - 1)]
    }
}

impl<'a> From<&'a [Response]> for Responses<'a> {
    /// One for all images, or one for each.
    fn from(all: &'a [Response]) -> Self {
        Self::new(all, 1)
    }
}

impl<'a, const N: usize> From<&'a [Response; N]> for Responses<'a> {
    fn from(all: &'a [Response; N]) -> Self {
        Self::new(all, 1)
    }
}

impl<'a> From<&'a Vec<Response>> for Responses<'a> {
    fn from(all: &'a Vec<Response>) -> Self {
        Self::new(all, 1)
    }
}

/// The Gaussian kernel of a blur stage: 2⌈3σ⌉ + 1 pixels, of sum 1.
fn gaussian_kernel(sigma: f64) -> Array2<f64> {
    let reach = (3.0 * sigma).ceil();
    let size = 2 * reach as usize + 1;
    let weight = |i: usize| (-0.5 * ((i as f64 - reach) / sigma).powi(2)).exp();
    let kernel = Array2::from_shape_fn((size, size), |(i, j)| weight(i) * weight(j));
    let sum = kernel.sum();
    kernel / sum
}

/// The kernel of a motion stage: a line of `length` pixels about the centre, turned by `angle` from
/// the direction of rising column to the direction of falling row. A pixel at u along the line and v beside
/// it has the weight max(1 − |v|, 0) · clamp((length + 1)/2 − |u|, 0, 1). The mean over all
/// directions where the angle is unknown; of sum 1.
fn motion_kernel(length: usize, angle: Option<f64>) -> Array2<f64> {
    let centre = (length / 2) as f64;
    let end = (length + 1) as f64 / 2.0;
    let one = |angle: f64| {
        let (sin, cos) = angle.sin_cos();
        let kernel = Array2::from_shape_fn((length, length), |(i, j)| {
            let (x, y) = (j as f64 - centre, centre - i as f64);
            let (along, beside) = (x * cos + y * sin, y * cos - x * sin);
            (1.0 - beside.abs()).max(0.0) * (end - along.abs()).clamp(0.0, 1.0)
        });
        let sum = kernel.sum();
        kernel / sum
    };
    match angle {
        Some(angle) => one(angle),
        None => {
            let turn = |k: usize| std::f64::consts::PI * k as f64 / DIRECTIONS as f64;
            (0..DIRECTIONS)
                .map(|k| one(turn(k)))
                .fold(Array2::zeros((length, length)), |sum, k| sum + k)
                / DIRECTIONS as f64
        }
    }
}

/// The direction of a motion blur in radians out of what comes with an observation: the numbers of
/// the stages that the network knows of, in their order, directions in units of π.
#[must_use]
pub fn motion_angle(stages: &[StageConfig], vector: ArrayView1<f32>) -> Option<f64> {
    let told = |latent: LatentUse| latent != LatentUse::Hidden;
    let mut numbers = vector.iter();
    for stage in stages {
        match stage {
            StageConfig::Motion { latent, .. } if told(*latent) => {
                return numbers.next().map(|v| f64::from(*v) * std::f64::consts::PI);
            }
            StageConfig::Jpeg { latent, .. } if told(*latent) => {
                numbers.next()?;
            }
            _ => {}
        }
    }
    None
}
