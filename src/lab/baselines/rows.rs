//! All rows that are asked for.

use super::image_control;
use super::peers::{Made, Peers, of_spectra};
use super::settings::Settings;
use super::table::{left_out, with_prior};
use crate::Result;
use crate::evaluate::{Answer, Baseline, Observed, Sampling};
use crate::train::Observable;
use tch::Device;

/// The rows of the baselines of `settings` for the scored observations. Where the channel or the data do not
/// allow one, a note says why. Those that know the redshifts are for spectra alone; the control is for both.
///
/// Before each part of the work `say` is called with what comes.
///
/// # Errors
/// [`crate::Error::Torch`] if numbers cannot be brought to the host; as [`crate::forward::build`].
pub fn sampled(
    task: &Sampling,
    settings: &Settings,
    device: Device,
    say: &dyn Fn(&str),
) -> Result<Answer> {
    let mut answer = with_prior(task, settings, device, say)?;
    if let (Some(pairs), Observed::Images(block)) = (&task.images, &task.scored)
        && settings.methods.contains(&Baseline::Control)
    {
        say("control: training the run's network on clean pairs");
        let scored = block.observations(device);
        let made = image_control::control(task, pairs, &scored, settings.steps, device)?;
        answer.extend(finite("the control", made));
    }
    let (Some(spectra), Some((grid, noise_rho)), Observed::Spectra(block)) =
        (&task.spectra, of_spectra(&task.layout), &task.scored)
    else {
        return Ok(answer);
    };
    let peers = Peers {
        task,
        spectra,
        grid,
        noise_rho,
        block,
        scored: &block.observations(device),
        steps: settings.steps,
        device,
    };
    for baseline in &settings.methods {
        let (what, made) = match baseline {
            Baseline::Dps | Baseline::EmPosterior => continue,
            Baseline::Empca => {
                say("EMPCA: fitting components to the observations");
                ("EMPCA", peers.empca()?)
            }
            Baseline::SureUnet => {
                say("U-Net with Stein's estimate: training on the observations");
                ("the U-Net with Stein's estimate", peers.sure_unet()?)
            }
            Baseline::Control => {
                say("control: training the run's network on clean pairs");
                ("the control", peers.control()?)
            }
        };
        answer.extend(finite(what, made));
    }
    Ok(answer)
}

/// The row of `what`, or why there is none.
fn finite(what: &str, made: Made) -> Answer {
    match made {
        Ok((row, _)) if !row.values.iter().all(|v| v.is_finite()) => {
            left_out(what, "its restorations are not finite")
        }
        Ok((row, note)) => Answer {
            rows: vec![row],
            notes: vec![note],
        },
        Err(why) => left_out(what, &why),
    }
}
