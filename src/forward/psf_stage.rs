//! The stage that convolves with a PSF: where each row's comes from.

use super::passing::Passing;
use super::psf;
use crate::base::random::Rows;
use crate::config::{LatentUse, PsfConfig, PsfFrom};
use crate::data::ImageLayout;
use crate::survey::psfs_of_file;
use crate::{Error, Result};
use tch::{Device, Kind, Tensor};

/// See [`PsfConfig`].
#[derive(Debug)]
pub(super) struct PsfStage {
    latent: LatentUse,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// Each row's own, [C, P, P]; PSFs to draw from where it is not kept, [N, C · P · P].
    Own {
        channels: i64,
        side: i64,
        bank: Option<Tensor>,
    },
    /// [N, 1, P, P].
    File(Tensor),
    /// Range of the full widths at half maximum in pixels, pixels in one unit of a recorded one, the
    /// Moffat profile's exponent, and P.
    Profile {
        range: [f64; 2],
        pixels: f64,
        beta: Option<f64>,
        side: i64,
    },
}

impl PsfStage {
    /// # Errors
    /// [`Error::Input`] if the file of PSFs cannot be read or does not fit, [`Error::Config`] if the images
    /// come without.
    pub fn new(
        config: &PsfConfig,
        key: &str,
        layout: &ImageLayout,
        device: Device,
    ) -> Result<Self> {
        let plane = [layout.height, layout.width];
        let source = match (config.from, &config.file, config.fwhm) {
            (PsfFrom::Hdu, ..) if layout.psf == 0 => {
                return Err(Error::config(
                    "config",
                    key,
                    "from = \"hdu\", but the images come without PSFs",
                    "give files with an HDU or dataset PSF (survey.source.datasets.psf names another) and prepare them again, or another `from`",
                ));
            }
            (PsfFrom::Hdu, ..) => Source::Own {
                channels: layout.channels as i64,
                side: layout.psf as i64,
                bank: None,
            },
            (_, Some(file), _) => {
                let (side, all) = psfs_of_file(file, plane)?;
                let side = side as i64;
                let all = Tensor::from_slice(&all).view([-1, 1, side, side]);
                Source::File(all.to_device(device))
            }
            (_, None, fwhm) => {
                let range = fwhm.unwrap_or([1.0; 2]).map(|w| w / config.pixel());
                Source::Profile {
                    range,
                    pixels: 1.0 / config.pixel(),
                    beta: (config.from == PsfFrom::Moffat).then(|| config.beta()),
                    side: psf::side(range[1], plane),
                }
            }
        };
        Ok(Self {
            latent: config.latent(),
            source,
        })
    }

    /// What is known of it.
    pub fn latent(&self) -> LatentUse {
        self.latent
    }

    /// Whether [`PsfStage::own`] is that of an observation.
    pub fn is_one_of_each(&self) -> bool {
        match &self.source {
            Source::Own { .. } => true,
            Source::File(all) => all.size()[0] == 1,
            Source::Profile { .. } => false,
        }
    }

    /// The kernel [1, C or 1, P, P] of the one observation with this `psf` [1, C · P · P].
    pub fn own(&self, psf: &Tensor) -> Tensor {
        match &self.source {
            Source::Own { channels, side, .. } => psf.view([-1, *channels, *side, *side]),
            Source::File(all) => all.shallow_clone(),
            Source::Profile { side, .. } => psf.view([-1, 1, *side, *side]),
        }
    }

    /// Numbers that describe it.
    pub fn width(&self) -> usize {
        usize::from(
            matches!(self.source, Source::Profile { .. }) && self.latent != LatentUse::Hidden,
        )
    }

    /// Gives the survey's own PSFs [N, C · P · P], to draw from.
    pub fn take(&mut self, psfs: &Tensor) {
        if let Source::Own { bank, .. } = &mut self.source
            && self.latent != LatentUse::Kept
            && psfs.size()[0] > 0
        {
            *bank = Some(psfs.shallow_clone());
        }
    }

    pub fn apply(&self, p: &mut Passing, random: &Rows) {
        let kernels = match &self.source {
            Source::Own {
                channels,
                side,
                bank,
            } => {
                // Without any to draw from it stays the row's own.
                if let Some(bank) = bank {
                    p.psf = drawn(bank, random);
                }
                p.psf.view([-1, *channels, *side, *side])
            }
            Source::File(all) if all.size()[0] == 1 => all.shallow_clone(),
            Source::File(all) => drawn(all, random),
            Source::Profile {
                range: [low, high],
                pixels,
                beta,
                side,
            } => {
                // The latent is in the unit of the config.
                let unit = 1.0 / pixels;
                let draw = || (random.uniform(0, 1) * (high - low) + *low) * unit;
                let fwhm = p.vector.take(self.latent, 1, draw);
                psf::profiles(&(fwhm * *pixels), *beta, *side)
            }
        };
        p.image = psf::convolve(&p.image, &kernels);
        let size = p.image.size();
        p.change_variance(|v| {
            let shape = [size[0], v.size()[1], size[2], size[3]];
            let channels = kernels.size()[1].max(v.size()[1]);
            let each = v
                .expand(shape, false)
                .expand([size[0], channels, size[2], size[3]], false);
            psf::convolve(&each, &kernels.square())
        });
    }
}

/// One of `all` [N, …] for each row.
fn drawn(all: &Tensor, random: &Rows) -> Tensor {
    let n = all.size()[0];
    let pick = (random.uniform(0, 1).squeeze_dim(1) * n).to_kind(Kind::Int64);
    all.index_select(0, &pick.clamp_max(n - 1))
}
