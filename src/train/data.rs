//! The observations of a prepared set, split into a training and a held-out part.

use super::clean::Clean;
use super::observations::{Observable, Observations};
use super::split::Split;
use super::training::{Read, Training, gathered};
use crate::config::{Config, ForwardConfig, TrainConfig};
use crate::data::{Layout, RowBlock};
use crate::forward::ForwardModel;
use crate::prepare::{PreparedSet, SetHeader};
use crate::{Error, Result};
use std::path::Path;
use std::sync::Arc;
use tch::{Device, Kind, Tensor};

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
    pub fn load<H>(
        set: &PreparedSet<H>,
        seed: u64,
        train: &TrainConfig,
        device: Device,
    ) -> Result<Self>
    where
        H: SetHeader,
        H::Block: Observable,
    {
        let rows = set.rows();
        let read: Read = Arc::new(move |these| Ok(rows.read(these)?.observations(Device::Cpu)));
        let [training, mut heldout] = Split { seed, train }.of(set.objects(), set.path())?;
        heldout.truncate(HELDOUT);
        let layout = set.layout();
        let row: usize = (set.header().masked(0).parts().iter())
            .map(|part| part.ncols())
            .sum();
        // The parts of its row, and the mask.
        let each = 4 * (row + layout.pixels()) as u64;
        let memory = (each, (train.memory * GIB) as u64);
        Ok(Self {
            heldout: gathered(&read, &heldout, device, &|| false)?,
            training: Training::of(read, training, memory, device)?,
            layout,
            clean: None,
        })
    }

    /// Whether the observations of `set` come with the latents that `forward` tells the network.
    ///
    /// # Errors
    /// [`Error::Input`] if they do not.
    pub fn check_latents(
        &self,
        config: &ForwardConfig,
        forward: &dyn ForwardModel,
        set: &Path,
    ) -> Result<()> {
        let Layout::Images(image) = &self.layout else {
            return Ok(());
        };
        self.check_noise(config, set)?;
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

/// Observations that are looked at for their noise level.
const LOOKED_AT: i64 = 4096;

impl Data {
    /// Point-spread functions of the survey, [N, C · P · P]; no numbers where the observations have none.
    ///
    /// # Errors
    /// [`Error::Input`] if the set cannot be read any more.
    pub fn psfs(&self, device: Device) -> Result<Tensor> {
        let n = match &self.layout {
            Layout::Images(image) if image.psf > 0 => self.training.len().min(LOOKED_AT),
            _ => 0,
        };
        let part = self.training.part(0..n)?;
        Ok(part.latent.psf.to_device(device))
    }

    /// Whether the pixels have noise levels where F takes them from there.
    fn check_noise(&self, config: &ForwardConfig, set: &Path) -> Result<()> {
        let Some(stage) = config.recorded_noise() else {
            return Ok(());
        };
        let part = self.training.part(0..self.training.len().min(LOOKED_AT))?;
        let unknown = |o: &Observations| {
            let lacks = o.latent.sigma.le(0.0).any_dim(1, false);
            i64::try_from(lacks.sum(Kind::Int64)).unwrap_or(0)
        };
        let lack = unknown(&part) + unknown(&self.heldout);
        if lack == 0 {
            return Ok(());
        }
        Err(Error::input(
            set,
            "ivar",
            format!(
                "{lack} of {} images have pixels without a noise level",
                part.len() + self.heldout.len()
            ),
            format!("a noise level in every pixel, which forward.stages[{stage}] takes from there"),
            "give files with an HDU or dataset IVAR, or from = \"background\", and prepare them again",
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
