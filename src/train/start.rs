//! The Gaussian population whose posterior a run with `interpolant.kind = "posterior"` begins with:
//! learned once from the observations, and kept in its folder.

use super::data::Data;
use super::host_blocks::blocks;
use super::seal::Seal;
use crate::config::Config;
use crate::data::{ImageLayout, Layout};
use crate::fit::checkpoint::save;
use crate::forward::ForwardModel;
use crate::population::{GaussianStart, ImagePrior, ImageStart, Joint, learn as behind};
use crate::transport::Start;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::rc::Rc;
use tch::{Device, Tensor};

/// Observations that it is learned from where the channel is simulated.
const SIMULATED: i64 = 8192;

/// What the file says besides its tensors: nothing.
#[derive(Debug, Serialize, Deserialize)]
struct Header {}

const NAMES: [&str; 5] = ["mean", "seen", "covariance", "cross", "signal"];

const NAMES_OF_IMAGES: [&str; 4] = ["mean", "modes", "rest", "dark"];

/// The population that a path begins with.
#[derive(Debug)]
pub(super) enum Beginning {
    /// Behind one channel for all observations.
    Joint(Joint),
    /// Of images, each with its own PSF and noise.
    Images(ImagePrior, ImageLayout),
}

impl Beginning {
    /// What the transport begins with.
    pub fn on(&self, device: Device) -> Rc<dyn Start> {
        match self {
            Self::Images(prior, layout) => Rc::new(ImageStart::new(prior, layout, device)),
            Self::Joint(joint) => Rc::new(GaussianStart::new(joint, device)),
        }
    }
}

/// The population behind the training part of `data`: by the channel's moments where it has them in
/// closed form, else by simulation. `erased`: see
/// [`InterpolantConfig::Posterior`](crate::config::InterpolantConfig::Posterior).
///
/// # Errors
/// [`Error::Input`] if the observations cannot be read; as [`ForwardModel::observe`].
pub(super) fn learn(
    config: &Config,
    data: &Data,
    forward: &dyn ForwardModel,
    erased: f64,
) -> Result<Beginning> {
    if let Layout::Spectra { grid, noise_rho } = &data.layout
        && config.forward.has_closed_form()
    {
        let (channel, learned) = behind(|| blocks(data), &config.forward, grid, noise_rho)?;
        let joint = Joint::closed(&learned.declared(erased), &channel);
        return Ok(Beginning::Joint(joint));
    }
    let part = data.training.part(0..data.training.len().min(SIMULATED))?;
    if let Layout::Images(image) = &data.layout
        && config.forward.is_own_psf_and_noise()
        && image.scale.softening.is_none()
    {
        let prior = ImagePrior::learned(&part.flux, &part.latent, image, erased);
        return Ok(Beginning::Images(prior, image.clone()));
    }
    let joint = Joint::learned(&part.flux, &part.latent, forward, erased, config.seed)?;
    Ok(Beginning::Joint(joint))
}

/// Writes it to `path`, as of the run of `seal`.
///
/// # Errors
/// [`Error::Output`] if it cannot be written.
pub(super) fn write(path: &Path, seal: &Seal, start: &Beginning) -> Result<()> {
    let named = |(name, t): (&&str, &Tensor)| ((*name).to_owned(), t.to_device(Device::Cpu));
    let named: Vec<_> = match start {
        Beginning::Joint(joint) => NAMES.iter().zip(joint.parts()).map(named).collect(),
        Beginning::Images(prior, _) => NAMES_OF_IMAGES
            .iter()
            .zip(prior.parts())
            .map(named)
            .collect(),
    };
    save(path, &Header {}, seal.provenance(), &named)
}

/// Reads it from `path`, for rows of `layout`.
///
/// # Errors
/// [`Error::Run`] if it is not there, damaged, of another size, or not of the run of `seal`.
pub(super) fn read(path: &Path, seal: &Seal, layout: &Layout) -> Result<Beginning> {
    let pixels = layout.pixels() as i64;
    let saved = seal.open::<Header>(path)?;
    let bad = |problem: String| Error::run(path, problem, "put the file of the run back");
    if let Layout::Images(image) = layout
        && saved.matrix("modes", Device::Cpu)?.is_some()
    {
        let read = |name: &str| {
            let found = saved.matrix(name, Device::Cpu)?;
            let found = found.ok_or_else(|| bad(format!("{name} is missing")))?;
            if found.size()[1] != pixels || (name != "modes" && found.size()[0] != 1) {
                return Err(bad(format!("{name} is of another number of pixels")));
            }
            Ok(found)
        };
        let [mean, modes, rest, dark] = NAMES_OF_IMAGES.map(read);
        let prior = ImagePrior::from([mean?, modes?, rest?, dark?]);
        return Ok(Beginning::Images(prior, image.clone()));
    }
    let read = |(k, name): (usize, &str)| {
        let rows = if k < 2 { 1 } else { pixels };
        let found = saved.matrix(name, Device::Cpu)?;
        let found = found.ok_or_else(|| bad(format!("{name} is missing")))?;
        if found.size() != [rows, pixels] {
            return Err(bad(format!("{name} is of another number of pixels")));
        }
        Ok(found)
    };
    let [a, b, c, d, e] = NAMES;
    let all = [(0, a), (1, b), (2, c), (3, d), (4, e)].map(read);
    let [mean, seen, covariance, cross, signal] = all;
    let joint = Joint::from([mean?, seen?, covariance?, cross?, signal?]);
    Ok(Beginning::Joint(joint))
}
