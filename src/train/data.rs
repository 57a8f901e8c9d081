//! The observations of a prepared set, split into a training and a held-out part.

use super::clean::Clean;
use super::split::Split;
use super::training::{Read, Training, gathered};
use crate::base::tensors::tensor;
use crate::config::TrainConfig;
use crate::data::{Block, ImageBlock, Layout};
use crate::forward::{ForwardModel, Latent, redshifts};
use crate::prepare::{ImageSet, Prepared};
use crate::{Error, Result};
use std::path::Path;
use std::sync::Arc;
use tch::{Device, Tensor};

/// Rows read at once.
pub(super) const CHUNK: usize = 1024;

/// Observations with their latents.
#[derive(Debug)]
pub struct Observations {
    /// Normalised flux [N, D], 0 where masked.
    pub flux: Tensor,
    pub latent: Latent,
}

impl Observations {
    /// Rows `index` (int64 [n]).
    #[must_use]
    pub fn select(&self, index: &Tensor) -> Self {
        Self {
            flux: self.flux.index_select(0, index),
            latent: self.latent.select(index),
        }
    }

    /// The `n` rows from `start` on.
    #[must_use]
    pub fn narrow(&self, start: i64, n: i64) -> Self {
        Self {
            flux: self.flux.narrow(0, start, n),
            latent: self.latent.narrow(start, n),
        }
    }

    /// The rows that `keep` names by their number.
    pub(super) fn kept(&self, keep: impl Fn(usize) -> bool) -> Self {
        let rows: Vec<i64> = (0..self.len()).filter(|k| keep(*k as usize)).collect();
        self.select(&Tensor::from_slice(&rows).to_device(self.flux.device()))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> i64 {
        self.flux.size()[0]
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The observation as the transport takes it: masked pixels hold standard normals.
    pub fn filled(&self, random: &crate::base::random::Rows) -> Tensor {
        self.latent.fill_masked(&self.flux, random)
    }
}

/// What a run trains and validates on.
#[derive(Debug)]
pub struct Data {
    pub layout: Layout,
    pub training: Training,
    /// The first of those held out: as many as the validation uses.
    pub heldout: Observations,
    /// Clean data (`[train.clean]`).
    pub clean: Option<Clean>,
}

/// Most held-out observations in memory.
const HELDOUT: usize = 512;
const GIB: f64 = (1u64 << 30) as f64;

impl Data {
    /// The usable rows of `set`; a training part larger than `train.memory` stays there.
    ///
    /// # Errors
    /// [`Error::Input`] if the set cannot be read, or either part would be empty.
    pub fn load(set: &Prepared, seed: u64, train: &TrainConfig, device: Device) -> Result<Self> {
        let spectra = set.spectra();
        let read: Read = Arc::new(move |rows| Ok(observations(&spectra.read(rows)?, Device::Cpu)));
        let split = Split { seed, train }.of(set.objects(), set.path())?;
        // Flux, mask, noise level and width of each pixel.
        let each = 16 * set.grid().pixels as u64;
        Self::of(set.layout(), read, split, (each, train), device)
    }

    /// As [`Data::load`], from a set of images.
    ///
    /// # Errors
    /// As [`Data::load`].
    pub fn load_images(
        set: &ImageSet,
        seed: u64,
        train: &TrainConfig,
        device: Device,
    ) -> Result<Self> {
        let images = set.images();
        let read: Read = Arc::new(move |rows| {
            let block = images.read(rows)?;
            Ok(without_lsf(image_observations(&block, Device::Cpu)))
        });
        let split = Split { seed, train }.of(set.objects(), set.path())?;
        let layout = &set.header().layout;
        let planes = layout.planes * layout.height * layout.width;
        let each = 12 * layout.pixels() + 4 * (layout.vector + planes);
        let layout = Layout::Images(layout.clone());
        Self::of(layout, read, split, (each as u64, train), device)
    }

    fn of(
        layout: Layout,
        read: Read,
        [training, mut heldout]: [Vec<u32>; 2],
        (each, train): (u64, &TrainConfig),
        device: Device,
    ) -> Result<Self> {
        heldout.truncate(HELDOUT);
        Ok(Self {
            layout,
            heldout: gathered(&read, &heldout, device, &|| false)?,
            training: Training::of(read, training, (each, (train.memory * GIB) as u64), device)?,
            clean: None,
        })
    }

    /// Whether the observations of `set` come with the latents that `forward` tells the network.
    ///
    /// # Errors
    /// [`Error::Input`] if they do not.
    pub fn check_latents(&self, forward: &dyn ForwardModel, set: &Path) -> Result<()> {
        let Layout::Images(image) = &self.layout else {
            return Ok(());
        };
        let (is, wanted) = ((image.vector, image.planes), forward.widths());
        if is == wanted {
            return Ok(());
        }
        let words = |(k, p): (usize, usize)| format!("{k} numbers and {p} planes per image");
        Err(Error::input(
            set,
            "vector, planes",
            format!("the corruption is described by {}", words(is)),
            format!("{}, which [forward] tells the network", words(wanted)),
            "make the observations with this [forward], or set latent = \"hidden\"",
        ))
    }
}

/// A block of a prepared set as tensors.
#[must_use]
pub fn observations(block: &Block, device: Device) -> Observations {
    let ivar = tensor(&block.ivar, device);
    Observations {
        flux: tensor(&block.flux, device),
        latent: Latent::from_ivar(&ivar, &tensor(&block.lsf, device))
            .at(&redshifts(&block.z).to_device(device)),
    }
}

/// A block of images as tensors; there is no line-spread function.
#[must_use]
pub fn image_observations(block: &ImageBlock, device: Device) -> Observations {
    let ivar = tensor(&block.ivar, device);
    Observations {
        flux: tensor(&block.pixels, device),
        latent: Latent {
            vector: tensor(&block.vector, device),
            planes: tensor(&block.planes, device),
            ..Latent::from_ivar(&ivar, &ivar.zeros_like())
        },
    }
}

/// The zeros of a line-spread function that there is not, without the memory for them.
fn without_lsf(mut observations: Observations) -> Observations {
    let lsf = &observations.latent.lsf;
    observations.latent.lsf = lsf
        .new_zeros([1, 1], (lsf.kind(), lsf.device()))
        .expand(lsf.size(), false);
    observations
}

pub(super) fn concatenate(parts: &[Observations]) -> Observations {
    let flux: Vec<&Tensor> = parts.iter().map(|o| &o.flux).collect();
    let latents: Vec<&Latent> = parts.iter().map(|o| &o.latent).collect();
    Observations {
        flux: Tensor::cat(&flux, 0),
        latent: Latent::concatenate(&latents),
    }
}
