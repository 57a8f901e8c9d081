//! The Gaussian population whose posterior a run with `interpolant.kind = "posterior"` begins with:
//! learned once from the observations, and kept in its folder.

use super::data::Data;
use super::host_blocks::blocks;
use super::rest_start::InRestFrame;
use super::seal::Seal;
use crate::config::{Config, ForwardConfig};
use crate::data::Layout;
use crate::fit::checkpoint::{Saved, save};
use crate::forward::ForwardModel;
use crate::population::{GaussianStart, Joint, learn as behind};
use crate::transport::Start;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use tch::Device;

/// Observations that it is learned from where the channel is simulated.
const SIMULATED: i64 = 8192;

/// Part of the declared variance that spectra behind a simulated channel are first given in all modes, so that
/// none is without any.
const LITTLE: f64 = 1e-3;

/// What the file says besides its tensors: nothing.
#[derive(Debug, Serialize, Deserialize)]
struct Header {}

const NAMES: [&str; 5] = ["mean", "seen", "covariance", "cross", "signal"];

/// A population to begin with.
#[derive(Debug)]
pub(super) enum Population {
    /// Of spectra at known redshifts behind a channel in closed form.
    Rest(InRestFrame),
    /// Of rows as they are observed, whatever they are.
    Observed(Joint),
}

impl Population {
    /// The one behind the training part of `data`: by the channel's moments where it has them in closed
    /// form, and then in the rest frame where redshifts are known; else by simulation. `erased`: see
    /// [`InterpolantConfig::Posterior`](crate::config::InterpolantConfig::Posterior).
    ///
    /// # Errors
    /// [`Error::Input`] if the observations cannot be read; as [`ForwardModel::observe`].
    pub fn learn(
        config: &Config,
        data: &Data,
        forward: &dyn ForwardModel,
        erased: f64,
    ) -> Result<Self> {
        if let Some(found) = InRestFrame::learn(config, data, erased)? {
            return Ok(Self::Rest(found));
        }
        if let Layout::Spectra { grid, noise_rho } = &data.layout
            && config.forward.has_closed_form()
        {
            let (channel, learned) = behind(|| blocks(data), &config.forward, grid, noise_rho)?;
            let joint = Joint::closed(&learned.declared(erased), &channel);
            return Ok(Self::Observed(joint));
        }
        let part = data.training.part(0..data.training.len().min(SIMULATED))?;
        let (y, latent, seed) = (&part.flux, &part.latent, config.seed);
        let joint = match &data.layout {
            Layout::Spectra { .. } => Joint::learned(y, latent, forward, LITTLE * erased, seed)?
                .with_declared(forward, latent, erased, seed)?,
            Layout::Images(_) => Joint::learned(y, latent, forward, erased, seed)?,
        };
        Ok(Self::Observed(joint))
    }

    /// Its posteriors behind the channel of `forward`.
    ///
    /// # Errors
    /// [`Error::Config`] if the layout is not that of the population.
    pub fn start(
        &self,
        forward: &ForwardConfig,
        layout: &Layout,
        device: Device,
    ) -> Result<Arc<dyn Start>> {
        Ok(match self {
            Self::Rest(found) => Arc::new(found.start(forward, layout, device)?),
            Self::Observed(joint) => Arc::new(GaussianStart::new(joint, device)),
        })
    }

    /// Writes it to `path`, as of the run of `seal`.
    ///
    /// # Errors
    /// [`Error::Output`] if it cannot be written.
    pub fn write(&self, path: &Path, seal: &Seal) -> Result<()> {
        match self {
            Self::Rest(found) => found.write(path, seal),
            Self::Observed(joint) => write(path, seal, joint),
        }
    }

    /// Reads it from `path`, for rows of `layout`.
    ///
    /// # Errors
    /// [`Error::Run`] if it is not there, damaged, of another size, or not of the run of `seal`.
    pub fn read(path: &Path, seal: &Seal, layout: &Layout) -> Result<Self> {
        let saved = Saved::<serde::de::IgnoredAny>::open(path)?;
        let rest = saved
            .matrix(super::rest_start::NAMES[0], Device::Cpu)?
            .is_some();
        match rest {
            true => InRestFrame::read(path, seal, layout).map(Self::Rest),
            false => read(path, seal, layout.pixels() as i64).map(Self::Observed),
        }
    }
}

fn write(path: &Path, seal: &Seal, joint: &Joint) -> Result<()> {
    let parts = NAMES.iter().zip(joint.parts());
    let named: Vec<_> = parts
        .map(|(name, t)| ((*name).to_owned(), t.to_device(Device::Cpu)))
        .collect();
    save(path, &Header {}, seal.provenance(), &named)
}

fn read(path: &Path, seal: &Seal, pixels: i64) -> Result<Joint> {
    let saved = seal.open::<Header>(path)?;
    let bad = |problem: String| Error::run(path, problem, "put the file of the run back");
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
    Ok(Joint::from([mean?, seen?, covariance?, cross?, signal?]))
}
