//! Rows, calibration and method of what a baseline made.

use super::calibration::{Calibration, Tally};
use super::methods::{Method, Role};
use super::result::Kind;
use super::sampling::{Baseline, Sampled};
use super::scored::Scored;
use super::study::Candidate;
use ndarray::{ArrayView3, Axis, s};

/// What one baseline adds to an evaluation.
pub(super) struct Added {
    pub rows: Vec<Candidate>,
    pub calibration: Option<Calibration>,
    pub method: Method,
}

/// What `sampled`, restorations of the objects `scored`, adds.
pub(super) fn added(sampled: Sampled, scored: &Scored) -> Added {
    let name = sampled.name.clone();
    let alone = sampled.is_draw();
    let first = sampled.draws.as_ref().map(|draws| Candidate {
        name: format!("{name}, one draw"),
        kind: drawn(sampled.baseline),
        flux: draws.index_axis(Axis(0), 0).to_owned(),
    });
    let calibration = sampled.draws.as_ref().map(|draws| {
        let name = format!("{} draws of {name}", draws.len_of(Axis(0)));
        calibration_of_draws(name, draws.view(), scored)
    });
    let method = Method {
        name: name.clone(),
        role: match sampled.baseline {
            Baseline::Dps => Role::Reference,
            Baseline::Control => Role::Control,
            Baseline::EmPosterior | Baseline::Empca | Baseline::SureUnet => Role::Peer,
        },
        estimate: (!alone).then(|| name.clone()),
        draw: match &first {
            Some(first) => Some(first.name.clone()),
            None => alone.then_some(name),
        },
        calibration: calibration.as_ref().map(|c| c.name.clone()),
        cpu_s: sampled.cpu_s,
    };
    Added {
        rows: first.into_iter().chain([sampled.into()]).collect(),
        calibration,
        method,
    }
}

fn drawn(baseline: Baseline) -> Kind {
    match baseline {
        Baseline::Empca => Kind::EmpcaDraw,
        Baseline::Control => Kind::ControlDraw,
        other => other.into(),
    }
}

/// The calibration of `draws` [m, N, D] of the objects `scored`.
pub(super) fn calibration_of_draws(
    name: String,
    draws: ArrayView3<f32>,
    scored: &Scored,
) -> Calibration {
    let mut tally = Tally::of_spectra();
    let truth = scored.own(&scored.truth);
    for (i, z) in scored.z_on_grid().iter().enumerate() {
        let draws = draws.slice(s![.., i, ..]);
        tally.add_spectrum(draws, truth.row(i), &scored.wavelength, *z);
    }
    Calibration {
        name,
        draws: draws.len_of(Axis(0)),
        pixels: tally.calibrations(),
        lines: Vec::new(),
    }
}
