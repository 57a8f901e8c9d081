//! A trained diffusion model.

use super::edm::Edm;
use super::record::ModelRecord;
use super::sampler::{heun, noise_levels};
use super::state;
use super::state::Header;
use crate::base::random::{Purpose, Rows};
use crate::config::{Config, SamplerConfig};
use crate::data::Layout;
use crate::fit::checkpoint::newest;
use crate::nets;
use crate::nets::{Pass, VelocityField};
use crate::train::sha256_file;
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use tch::{Device, Tensor, no_grad};

/// Folder of the numbered checkpoints in the `folder` of a model.
pub(super) fn checkpoints(folder: &Path) -> PathBuf {
    folder.join("checkpoints")
}

/// The network of the model of `config`, as yet untrained.
///
/// # Errors
/// [`Error::Config`] if it does not fit the layout.
pub(super) fn network(
    config: &Config,
    layout: &Layout,
    device: Device,
) -> Result<Box<dyn VelocityField>> {
    nets::for_diffusion(&config.diffusion_network(), layout, config.seed, device)
}

/// A trained model: its averaged weights.
pub struct Model {
    network: Box<dyn VelocityField>,
    edm: Edm,
    header: Header,
    sha256: String,
    device: Device,
}

impl Model {
    /// The model of `record` in `folder`; `None` while it is not trained to the end.
    ///
    /// # Errors
    /// [`Error::Run`] if its checkpoint is unreadable or of another model, [`Error::Config`] if the
    /// network does not fit the layout.
    pub fn open(
        folder: &Path,
        record: &ModelRecord,
        config: &Config,
        layout: &Layout,
        device: Device,
    ) -> Result<Option<Self>> {
        let Some(path) = newest(&checkpoints(folder)) else {
            return Ok(None);
        };
        let saved = state::open(&path, &record.sha256())?;
        if saved.header.step < config.diffusion_or_default().steps {
            return Ok(None);
        }
        let network = network(config, layout, device)?;
        let weights = saved.group("averaged", network.params(), device)?;
        network.params().set_flat(&weights);
        Ok(Some(Self {
            edm: state::edm(&path, &saved, device)?,
            header: saved.header,
            sha256: sha256_file(&path)?,
            network,
            device,
        }))
    }

    /// Its step, σ_data and losses.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// SHA-256 of its checkpoint.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The samples of these `numbers`, normalised, [n, D]. Each depends on `seed` and its number
    /// alone. `tick` is called after every step of the sampler and may end it.
    ///
    /// # Errors
    /// Those of `tick`.
    pub fn draw(
        &self,
        sampler: &SamplerConfig,
        seed: u64,
        numbers: &[i64],
        tick: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Tensor> {
        let levels = noise_levels(sampler);
        let rows = Tensor::from_slice(numbers).to_device(self.device);
        let random = Rows::new(seed, Purpose::Generate, 0, &rows);
        let denoise = |x: &Tensor, sigma: f64, phase: u64| {
            let pass = Pass {
                dropout: false,
                phase,
                bf16: false,
            };
            self.edm.denoised(self.network.as_ref(), x, sigma, pass)
        };
        no_grad(|| {
            let noise = random.normal(0, self.edm.mean.size()[1]) * levels[0];
            heun(&(noise + &self.edm.mean), &levels, &denoise, tick)
        })
    }
}

/// Makes `folder` the folder of a model yet to be trained; what is in it is removed.
///
/// # Errors
/// [`Error::Output`] if it cannot be.
pub fn begin(folder: &Path, record: &ModelRecord) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::output(folder, e, "check its permissions"))
        }
        _ => record.write(folder),
    }
}
