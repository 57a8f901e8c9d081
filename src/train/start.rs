//! The Gaussian population whose posterior a run with `interpolant.kind = "posterior"` begins with:
//! learned once from the observations, and kept in its folder.

use super::data::Data;
use super::host_blocks::blocks;
use super::rest_start::{InRestFrame, NAMES as IN_REST_FRAME};
use super::seal::Seal;
use crate::config::Config;
use crate::data::{ImageLayout, Layout};
use crate::fit::checkpoint::save;
use crate::forward::{ForwardModel, LinearImages};
use crate::population::{GaussianStart, ImagePopulation, ImageStart, Joint, learn as behind};
use crate::transport::Start;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use tch::{Device, Kind, Tensor};

/// Observations that it is learned from where the channel is simulated, and of images.
const SIMULATED: i64 = 8192;
const IMAGES: i64 = 2048;

/// Part of the declared variance that spectra behind a simulated channel are first given in all modes, so that
/// none is without any.
const LITTLE: f64 = 1e-3;

/// What the file says besides its tensors: nothing.
#[derive(Debug, Serialize, Deserialize)]
struct Header {}

const NAMES: [&str; 5] = ["mean", "seen", "covariance", "cross", "signal"];
const OF_IMAGES: [&str; 4] = ["dark", "mean", "modes", "amplitudes"];

/// The population, as the channel has it.
#[derive(Debug)]
pub(super) enum Beginning {
    /// Of rows behind one channel.
    Joint(Joint),
    /// Of spectra at known redshifts behind a channel in closed form.
    Rest(InRestFrame),
    /// Of images, each behind its own.
    Images(ImagePopulation),
}

impl Beginning {
    /// Its posterior.
    ///
    /// # Errors
    /// As [`LinearImages::new`].
    pub fn start(
        &self,
        config: &Config,
        layout: &Layout,
        device: Device,
    ) -> Result<Arc<dyn Start>> {
        Ok(match self {
            Self::Joint(joint) => Arc::new(GaussianStart::new(joint, device)),
            Self::Rest(found) => Arc::new(found.start(&config.forward, layout, device)?),
            Self::Images(images) => {
                let there = images.parts().map(|t| t.to_device(device));
                let Some((_, channel)) = of_each(config, layout, device)? else {
                    return Err(unfit("the channel is not linear"));
                };
                Arc::new(ImageStart::new(ImagePopulation::from(there), channel))
            }
        })
    }
}

/// The channel of each image, where it is linear and known.
fn of_each<'a>(
    config: &Config,
    layout: &'a Layout,
    device: Device,
) -> Result<Option<(&'a ImageLayout, LinearImages)>> {
    let Layout::Images(image) = layout else {
        return Ok(None);
    };
    let channel = LinearImages::new(&config.forward, image, device)?;
    Ok(channel.map(|channel| (image, channel)))
}

/// The population behind the training part of `data`: by the channel's moments where it has them in
/// closed form, and then in the rest frame where redshifts are known; of images through the channel of each where that is linear, else by simulation. `erased`: see
/// [`InterpolantConfig::Posterior`](crate::config::InterpolantConfig::Posterior).
///
/// # Errors
/// [`Error::Input`] if the observations cannot be read, or no population is found behind images; as
/// [`ForwardModel::observe`].
pub(super) fn learn(
    config: &Config,
    data: &Data,
    forward: &dyn ForwardModel,
    erased: f64,
) -> Result<Beginning> {
    if let Some(found) = InRestFrame::learn(config, data, erased)? {
        return Ok(Beginning::Rest(found));
    }
    if let Layout::Spectra { grid, noise_rho } = &data.layout
        && config.forward.has_closed_form()
    {
        let (channel, learned) = behind(|| blocks(data), &config.forward, grid, noise_rho)?;
        let joint = Joint::closed(&learned.declared(erased), &channel);
        return Ok(Beginning::Joint(joint));
    }
    if let Some((image, channel)) = of_each(config, &data.layout, Device::Cpu)? {
        let part = data.training.part(0..data.training.len().min(IMAGES))?;
        let (y, latent) = (
            part.flux.to_device(Device::Cpu),
            part.latent.to_device(Device::Cpu),
        );
        let shape = [image.channels, image.height, image.width].map(|n| n as i64);
        let dark = dark(image);
        let found = ImagePopulation::learned(&y, &latent, (&channel, &dark), shape, erased);
        return found.map(Beginning::Images).map_err(|e| none(config, &e));
    }
    let part = data.training.part(0..data.training.len().min(SIMULATED))?;
    let (y, latent, seed) = (&part.flux, &part.latent, config.seed);
    let joint = match &data.layout {
        Layout::Spectra { .. } => Joint::learned(y, latent, forward, LITTLE * erased, seed)?
            .with_declared(forward, latent, erased, seed)?,
        Layout::Images(_) => Joint::learned(y, latent, forward, erased, seed)?,
    };
    let finite = |t: &&Tensor| t.isfinite().all().int64_value(&[]) == 1;
    if joint.parts().iter().all(finite) {
        return Ok(Beginning::Joint(joint));
    }
    Err(none(config, "what F makes of it does not tell of it"))
}

/// Normalised values of no light, [1, D].
fn dark(image: &ImageLayout) -> Tensor {
    let plane = (image.height * image.width) as i64;
    let scale = image.scale.mean.iter().zip(&image.scale.std);
    let each: Vec<f32> = scale.map(|(mean, std)| (-mean / std) as f32).collect();
    let each = Tensor::from_slice(&each).view([-1, 1]).to_kind(Kind::Float);
    each.expand([each.size()[0], plane], false).reshape([1, -1])
}

fn none(config: &Config, problem: &str) -> Error {
    Error::input(
        &config.survey.prepared,
        "",
        format!("no Gaussian population is found behind these observations: {problem}"),
        "observations that tell the mean and the covariance of what is behind them",
        "give interpolant.kind = \"sde\"",
    )
}

fn unfit(problem: &str) -> Error {
    let fix = "give interpolant.kind = \"sde\"";
    Error::config("config", "interpolant.kind", problem, fix)
}

/// Writes it to `path`, as of the run of `seal`.
///
/// # Errors
/// [`Error::Output`] if it cannot be written.
pub(super) fn write(path: &Path, seal: &Seal, beginning: &Beginning) -> Result<()> {
    let named: Vec<_> = match beginning {
        Beginning::Joint(joint) => NAMES.into_iter().zip(joint.parts()).collect(),
        Beginning::Images(images) => OF_IMAGES.into_iter().zip(images.parts()).collect(),
        Beginning::Rest(found) => return found.write(path, seal),
    };
    let on_host = |(name, t): (&str, &Tensor)| (name.to_owned(), t.to_device(Device::Cpu));
    let named: Vec<_> = named.into_iter().map(on_host).collect();
    save(path, &Header {}, seal.provenance(), &named)
}

/// Reads it from `path`, for the run of `config` on rows of `layout`.
///
/// # Errors
/// [`Error::Run`] if it is not there, damaged, of another size, or not of the run of `seal`.
pub(super) fn read(
    path: &Path,
    seal: &Seal,
    config: &Config,
    layout: &Layout,
) -> Result<Beginning> {
    let saved = seal.open::<Header>(path)?;
    if saved.matrix(IN_REST_FRAME[0], Device::Cpu)?.is_some() {
        return InRestFrame::read(path, seal, layout).map(Beginning::Rest);
    }
    let pixels = layout.pixels() as i64;
    let bad = |problem: String| Error::run(path, problem, "put the file of the run back");
    // `None`: any number of rows.
    let read = |name: &str, rows: Option<i64>, columns: i64| {
        let found = saved.matrix(name, Device::Cpu)?;
        let found = found.ok_or_else(|| bad(format!("{name} is missing")))?;
        let size = found.size();
        let right = size.len() == 2 && size[0] > 0 && rows.is_none_or(|n| n == size[0]);
        if !right || size[1] != columns {
            return Err(bad(format!("{name} is of another number of pixels")));
        }
        Ok(found)
    };
    if of_each(config, layout, Device::Cpu)?.is_some() {
        let [dark, mean, modes, amplitudes] = OF_IMAGES;
        return Ok(Beginning::Images(ImagePopulation::from([
            read(dark, Some(1), pixels)?,
            read(mean, Some(1), pixels)?,
            read(modes, None, pixels)?,
            read(amplitudes, Some(1), 2)?,
        ])));
    }
    let [a, b, c, d, e] = NAMES;
    let [row, square] = [Some(1), Some(pixels)];
    Ok(Beginning::Joint(Joint::from([
        read(a, row, pixels)?,
        read(b, row, pixels)?,
        read(c, square, pixels)?,
        read(d, square, pixels)?,
        read(e, square, pixels)?,
    ])))
}
