//! What is known of an observation besides its pixels: the latent M of the method.

use super::anchor::Anchor;
use crate::base::random::Rows;
use crate::base::rows::repeated;
use tch::{Device, Kind, Tensor};

/// Variance of what a channel does to a pixel besides adding noise (smoothing, tilt), in normalised
/// flux, roughly.
const STRUCTURE_VARIANCE: f64 = 0.1;

/// What comes with a batch of observations. The first three are [B, D], one number per pixel.
#[derive(Debug)]
pub struct Latent {
    /// 1 where the pixel was observed, 0 where it is masked.
    pub good: Tensor,
    /// Standard deviation of the noise in normalised flux; 1 at masked pixels, which hold
    /// standard normals, and 0 where no noise level is known. Of images whose values are stretched: in the
    /// unit in which the stretch is linear ([`PixelScale::linear_unit`]).
    ///
    /// [`PixelScale::linear_unit`]: crate::data::PixelScale::linear_unit
    pub sigma: Tensor,
    /// Width of the line-spread function, σ in pixels; 0 where unknown.
    pub lsf: Tensor,
    /// Numbers that describe the corruption (blur direction, JPEG quality), [B, K]; K = 0 for none.
    pub vector: Tensor,
    /// Planes that describe it (measured Fourier modes), [B, P · H · W]; P = 0 for none.
    pub planes: Tensor,
    /// The point-spread function of each channel, [B, C · P · P]; no numbers where none comes with the
    /// observations.
    pub psf: Tensor,
    /// The lines of the sky that was subtracted from spectra, normalised as the flux, [B, D]; no numbers
    /// where none come.
    pub sky: Tensor,
    /// The resolution matrix of spectra by rows, K numbers for each pixel, [B, D · K]; K = 0 where none comes.
    pub resolution: Tensor,
    /// What the flux of spectra was divided by, in the unit of the files, [B, 1]; 1 where nothing tells.
    pub norm: Tensor,
    /// ln(1 + z) of the object, [B, 1]; NaN where the redshift is unknown. No channel changes it.
    pub redshift: Tensor,
    /// Standard deviation of `redshift`, [B, 1]; NaN where unknown. Of recorded observations alone.
    pub redshift_error: Tensor,
    /// What a Gaussian population says of the clean rows, where the path begins there.
    pub anchor: Option<Anchor>,
}

impl Latent {
    /// From inverse variances (0 = masked) and widths, both [B, D].
    #[must_use]
    pub fn from_ivar(ivar: &Tensor, lsf: &Tensor) -> Self {
        let good = ivar.gt(0.0).to_kind(Kind::Float);
        // rsqrt of 0 is infinite: masked pixels are replaced before it is taken.
        let sigma = (ivar + good.ones_like() - &good).rsqrt();
        Self::of_pixels(good, sigma, lsf.shallow_clone())
    }

    /// From what is known per pixel, each [B, D]; neither vector, planes nor redshift.
    #[must_use]
    pub fn of_pixels(good: Tensor, sigma: Tensor, lsf: Tensor) -> Self {
        let none = || good.new_zeros([good.size()[0], 0], (Kind::Float, good.device()));
        Self {
            vector: none(),
            planes: none(),
            psf: none(),
            sky: none(),
            resolution: none(),
            norm: good.new_ones([good.size()[0], 1], (Kind::Float, good.device())),
            redshift: unknown(&good),
            redshift_error: unknown(&good),
            good,
            sigma,
            lsf,
            anchor: None,
        }
    }

    /// The same of objects with these `redshift`, ln(1 + z) [B, 1].
    #[must_use]
    pub fn at(self, redshift: &Tensor) -> Self {
        Self {
            redshift: redshift.shallow_clone(),
            ..self
        }
    }

    /// The same of spectra with the level, the sky and the resolution matrix of `recorded`.
    #[must_use]
    pub fn carrying(self, recorded: &Self) -> Self {
        Self {
            norm: recorded.norm.shallow_clone(),
            sky: recorded.sky.shallow_clone(),
            resolution: recorded.resolution.shallow_clone(),
            ..self
        }
    }

    /// The same with the standard deviations `error` [B, 1] of ln(1 + z).
    #[must_use]
    pub fn unsure_by(self, error: &Tensor) -> Self {
        Self {
            redshift_error: error.shallow_clone(),
            ..self
        }
    }

    /// The same, anchored.
    #[must_use]
    pub fn on(self, anchor: Anchor) -> Self {
        Self {
            anchor: Some(anchor),
            ..self
        }
    }

    /// Rows `index` (int64 `[n]`) of this batch.
    #[must_use]
    pub fn select(&self, index: &Tensor) -> Self {
        self.map(|t| t.index_select(0, index))
    }

    /// The rows in the order of their redshifts, int64 `[B]`: a network shares work among rows of about one
    /// redshift.
    pub fn by_redshift(&self) -> Tensor {
        self.redshift.view([-1]).argsort_stable(true, 0, false)
    }

    /// The `n` rows from `start` on.
    #[must_use]
    pub fn narrow(&self, start: i64, n: i64) -> Self {
        self.map(|t| t.narrow(0, start, n))
    }

    /// On another device.
    #[must_use]
    pub fn to_device(&self, device: Device) -> Self {
        self.map(|t| t.to_device(device))
    }

    /// Another handle on the same tensors.
    #[must_use]
    pub fn shallow_clone(&self) -> Self {
        self.map(Tensor::shallow_clone)
    }

    /// Each row `copies` times in a row.
    #[must_use]
    pub fn repeat(&self, copies: i64) -> Self {
        self.map(|t| repeated(t, copies))
    }

    /// This latent where `mine` [B, 1] (bool) holds, the other elsewhere.
    #[must_use]
    pub fn or_else(&self, mine: &Tensor, other: &Self) -> Self {
        self.with(other, |a, b| a.where_self(mine, b))
    }

    /// The rows of all `parts`, one after the other.
    #[must_use]
    pub fn concatenate(parts: &[&Self]) -> Self {
        let cat = |f: &dyn Fn(&Self) -> &Tensor| {
            Tensor::cat(&parts.iter().map(|p| f(p)).collect::<Vec<_>>(), 0)
        };
        Self {
            good: cat(&|l| &l.good),
            sigma: cat(&|l| &l.sigma),
            lsf: cat(&|l| &l.lsf),
            vector: cat(&|l| &l.vector),
            planes: cat(&|l| &l.planes),
            psf: cat(&|l| &l.psf),
            sky: cat(&|l| &l.sky),
            resolution: cat(&|l| &l.resolution),
            norm: cat(&|l| &l.norm),
            redshift: cat(&|l| &l.redshift),
            redshift_error: cat(&|l| &l.redshift_error),
            // A batch is anchored when it is used, and not before it is put together.
            anchor: None,
        }
    }

    fn with(&self, other: &Self, f: impl Fn(&Tensor, &Tensor) -> Tensor) -> Self {
        Self {
            good: f(&self.good, &other.good),
            sigma: f(&self.sigma, &other.sigma),
            lsf: f(&self.lsf, &other.lsf),
            vector: f(&self.vector, &other.vector),
            planes: f(&self.planes, &other.planes),
            psf: f(&self.psf, &other.psf),
            sky: f(&self.sky, &other.sky),
            resolution: f(&self.resolution, &other.resolution),
            norm: f(&self.norm, &other.norm),
            redshift: f(&self.redshift, &other.redshift),
            redshift_error: f(&self.redshift_error, &other.redshift_error),
            anchor: (self.anchor.as_ref().zip(other.anchor.as_ref())).map(|(a, b)| a.with(b, &f)),
        }
    }

    /// How far the channel moves each pixel, roughly: the root of σ² and a constant, [B, D]. A
    /// pixel under a sky line and a quiet one look alike in this unit.
    pub fn scale(&self) -> Tensor {
        (self.sigma.square() + STRUCTURE_VARIANCE).sqrt()
    }

    /// Puts standard normals on the masked pixels of `y` [B, D]: they carry no flux, and the
    /// transport can turn them into whatever the population holds there.
    pub fn fill_masked(&self, y: &Tensor, random: &Rows) -> Tensor {
        let noise = random.normal(0, y.size()[1]);
        y * &self.good + noise * (1.0 - &self.good)
    }

    fn map(&self, f: impl Fn(&Tensor) -> Tensor) -> Self {
        self.with(self, |t, _| f(t))
    }
}

/// A NaN for each row of `good`.
fn unknown(good: &Tensor) -> Tensor {
    Tensor::full([good.size()[0], 1], f64::NAN, (Kind::Float, good.device()))
}
