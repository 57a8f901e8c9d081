//! Objects whose restorations are right by construction: the law of the statistics without fault.
//!
//! An observation y is restored to a draw x, which is a sample of the population; F makes a new
//! observation y' of it, and the run restores y' as it restored y. At the fixed point of the method
//! (y', Φ(y')) has the law of (y, Φ(y)) over the population, so that a p-value from these is right
//! on average over the catalog. What the catalog itself claims takes no part.

use super::examine::{Examiner, Findings, Restorations};
use crate::Result;
use crate::base::random::{Purpose, Rows};
use crate::base::tensors;
use crate::data::{Object, OtherRedshift};
use crate::restore::Restorer;
use crate::train::{Observable, Observations};
use tch::no_grad;

/// Steps of the audit's random streams that the calls of F do not use.
const FIRST_STEP: u64 = 1 << 32;

/// Findings on one simulated observation of each of `objects`, the `round`-th one. `block` holds
/// their observations.
///
/// # Errors
/// As [`crate::forward::ForwardModel::observe`].
pub fn simulated(
    examiner: &Examiner,
    restorer: &Restorer,
    block: &impl Observable,
    objects: &[Object],
    round: usize,
) -> Result<Vec<Findings>> {
    let y = block.observations(restorer.device);
    let numbers = restorer.numbers(objects);
    let truth = restorer.draw(&y, &numbers, round as u64)?;
    let random = Rows::new(
        examiner.seed,
        Purpose::Audit,
        FIRST_STEP + round as u64,
        &numbers,
    );
    let (flux, latent) = no_grad(|| examiner.forward.observe(&truth, &y.latent, &random))?;
    let fresh = Observations {
        flux: flux * &latent.good,
        latent,
    };
    let renamed: Vec<Object> = objects.iter().map(|o| renamed(o, round)).collect();
    let numbers = restorer.numbers(&renamed);
    let z: Vec<f64> = objects.iter().map(Object::z_on_grid).collect();
    let (restored, draw) = restorer.shown(&fresh, &renamed)?;
    let x = Restorations {
        restored,
        draw: restorer.made.method.is_random().then_some(draw),
    };
    let mut findings = examiner.examine(&x, &fresh, &numbers, &z)?;
    // What is simulated of an object whose own redshift is in doubt is no example of a right one: of a right one
    // no other redshift would be as likely.
    let own = restorer.other_redshifts(&y)?.into_iter();
    let others = own.zip(restorer.other_redshifts(&fresh)?);
    for (found, (own, other)) in findings.iter_mut().zip(others) {
        let doubted = own.is_some_and(|o| o.gain > 0.0);
        found.redshift = other.map(|o| OtherRedshift {
            gain: if doubted { f64::NEG_INFINITY } else { o.gain },
            ..o
        });
    }
    let pixels = truth.size()[1] as usize;
    let (x, truth) = (tensors::numbers(&x.restored)?, tensors::numbers(&truth)?);
    let rows = x.chunks(pixels).zip(truth.chunks(pixels));
    for (found, (x, truth)) in findings.iter_mut().zip(rows) {
        for s in &mut found.features {
            s.true_share = s.feature.true_share(x, truth);
        }
    }
    Ok(findings)
}

/// The simulated object: its own random streams.
fn renamed(object: &Object, round: usize) -> Object {
    let plate = object.plate;
    Object {
        name: format!(
            "simulation {round} of {} {plate} {} {}",
            object.name, object.mjd, object.fiberid
        ),
        plate: -1,
        ..object.clone()
    }
}
