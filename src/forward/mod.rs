//! The forward model F: a stochastic black box that turns clean data into observations.
//!
//! Everything above this module only *runs* F; nothing asks for its gradient, except for the baselines
//! that selfsi is compared with (`lab::baselines`).

mod anchor;
pub(crate) mod blur;
pub(crate) mod calibration;
mod command;
pub(crate) mod detector;
mod gaussian;
mod guard;
mod jpeg;
mod latent;
pub(crate) mod lever;
mod line_spread;
mod linear;
mod lost;
mod mask;
mod mean_blur;
mod model;
pub(crate) mod motion;
mod noise;
mod observe;
mod passing;
mod poisson;
mod process;
mod protocol;
pub(crate) mod psf;
mod psf_stage;
mod quasar;
pub(crate) mod rays;
mod redshifts;
pub(crate) mod sky_lines;
pub(crate) mod smooth;
mod spectra_stages;
mod stages;
mod units;
mod wanted;

pub use anchor::Anchor;
pub use command::Command;
pub use gaussian::Gaussian;
pub use jpeg::{jpeg_decode, jpeg_encode};
pub use latent::Latent;
pub use linear::LinearImages;
pub use mean_blur::MeanBlur;
pub use model::ForwardModel;
pub use redshifts::{levels, redshift_errors, redshifts};

pub use observe::observe;

pub use noise::{CorrelatedNoise, possible as possible_correlation};
pub use quasar::Quasar;
pub use smooth::{Smoothing, gaussian_smooth_host};
pub use spectra_stages::SpectraStages;
pub use stages::Stages;

use crate::config::ForwardConfig;
use crate::data::Layout;
use crate::{Error, Result};
use tch::Device;

/// The forward model of a config, for rows of the given layout.
///
/// # Errors
/// [`Error::Config`] if the model does not fit the layout; [`Error::Simulator`] if a program cannot
/// be started.
pub fn build(
    config: &ForwardConfig,
    layout: &Layout,
    device: Device,
) -> Result<Box<dyn ForwardModel>> {
    let noise = match layout {
        Layout::Spectra { noise_rho, .. } => CorrelatedNoise::new(noise_rho, device),
        Layout::Images(_) => CorrelatedNoise::new(&[], device),
    };
    Ok(match (config, layout) {
        (ForwardConfig::Gaussian { sigma }, _) => Box::new(Gaussian::new(*sigma, noise)),
        (
            ForwardConfig::Quasar {
                tilt,
                smoothing,
                noise: from,
            },
            Layout::Spectra { grid, .. },
        ) => Box::new(Quasar::new(
            *tilt,
            smoothing.clone(),
            from.clone(),
            grid,
            noise,
            device,
        )),
        (ForwardConfig::Stages { stages, units }, Layout::Images(image)) => {
            Box::new(Stages::new(stages, image, device)?.in_units(*units))
        }
        (ForwardConfig::Stages { stages, .. }, Layout::Spectra { grid, .. }) => {
            Box::new(SpectraStages::new(stages, grid, noise, device)?)
        }
        (
            ForwardConfig::Command {
                program,
                timeout,
                latent,
                processes,
            },
            _,
        ) => {
            let started = Command::start(program, *timeout, *processes, *latent, layout);
            Box::new(started?)
        }
        (ForwardConfig::Quasar { .. }, Layout::Images(_)) => {
            return Err(Error::config(
                "config",
                "forward.kind",
                "the quasar channel is for spectra",
                "give images kind = \"stages\"",
            ));
        }
    })
}
