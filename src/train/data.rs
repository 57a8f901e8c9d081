//! The observations of a prepared set, split into a training and a held-out part.

use super::clean::Clean;
use super::observations::{Observations, image_observations, observations, without_lsf};
use super::split::Split;
use super::training::{Read, Training, gathered};
use crate::config::{Config, TrainConfig};
use crate::data::Layout;
use crate::forward::ForwardModel;
use crate::prepare::{ImageSet, Prepared};
use crate::{Error, Result};
use std::path::Path;
use std::sync::Arc;
use tch::Device;

/// What a run trains and validates on.
#[derive(Debug)]
pub struct Data {
    /// What the D values of a row are.
    pub layout: Layout,
    /// The rows that are trained on.
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
        let spectra = set.rows();
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
        let images = set.rows();
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

impl Data {
    /// With the clean data of `config`, if it names any.
    ///
    /// # Errors
    /// As [`Clean::load`].
    pub fn with_clean(mut self, config: &Config, device: Device) -> Result<Self> {
        let load = |clean| Clean::load(config, clean, &self.layout, device);
        self.clean = config.train.clean.as_ref().map(load).transpose()?;
        Ok(self)
    }
}
