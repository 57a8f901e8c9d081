//! The Gaussian population whose posterior a run with `interpolant.kind = "posterior"` begins with:
//! learned once from the observations, and kept in its folder.

use super::data::Data;
use super::host_blocks::blocks;
use super::seal::Seal;
use crate::config::Config;
use crate::data::Layout;
use crate::fit::checkpoint::save;
use crate::forward::ForwardModel;
use crate::population::{Joint, learn as behind};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;
use tch::Device;

/// Observations that it is learned from where the channel is simulated.
const SIMULATED: i64 = 8192;

/// What the file says besides its tensors: nothing.
#[derive(Debug, Serialize, Deserialize)]
struct Header {}

const NAMES: [&str; 5] = ["mean", "seen", "covariance", "cross", "signal"];

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
) -> Result<Joint> {
    if let Layout::Spectra { grid, noise_rho } = &data.layout
        && config.forward.has_closed_form()
    {
        let (channel, learned) = behind(|| blocks(data), &config.forward, grid, noise_rho)?;
        return Ok(Joint::closed(&learned.declared(erased), &channel));
    }
    let part = data.training.part(0..data.training.len().min(SIMULATED))?;
    Joint::learned(&part.flux, &part.latent, forward, erased, config.seed)
}

/// Writes it to `path`, as of the run of `seal`.
///
/// # Errors
/// [`Error::Output`] if it cannot be written.
pub(super) fn write(path: &Path, seal: &Seal, joint: &Joint) -> Result<()> {
    let parts = NAMES.iter().zip(joint.parts());
    let named: Vec<_> = parts
        .map(|(name, t)| ((*name).to_owned(), t.to_device(Device::Cpu)))
        .collect();
    save(path, &Header {}, seal.provenance(), &named)
}

/// Reads it from `path`, for rows of `pixels`.
///
/// # Errors
/// [`Error::Run`] if it is not there, damaged, of another size, or not of the run of `seal`.
pub(super) fn read(path: &Path, seal: &Seal, pixels: i64) -> Result<Joint> {
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
