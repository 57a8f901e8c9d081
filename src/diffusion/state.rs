//! The checkpoints of a diffusion model.

use super::edm::Edm;
use crate::fit::checkpoint::{named, save_numbered};
use crate::fit::{Adam, Denoising, Saved};
use crate::nets::Params;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use tch::{Device, Tensor};

const MEAN: &str = "samples/mean";

/// What a checkpoint says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Steps done.
    pub step: u64,
    /// Digest of the [`super::record::ModelRecord`]: a model of another one is refused.
    pub record_sha256: String,
    /// Standard deviation of the training samples, EDM's σ_data.
    pub sigma_data: f64,
    /// The last losses that were measured.
    pub denoising: Option<Denoising>,
    /// Training losses since the last line of the log.
    pub losses: Vec<f32>,
}

/// All that changes in training; vectors [P].
pub struct State {
    pub weights: Tensor,
    pub averaged: Tensor,
    pub adam: Adam,
}

/// Writes a numbered checkpoint into `folder`.
///
/// # Errors
/// [`Error::Output`] if it cannot be written; the older ones are then still there.
pub fn save(
    folder: &Path,
    header: &Header,
    params: &Params,
    state: &State,
    edm: &Edm,
) -> Result<PathBuf> {
    let groups = [
        ("weights", &state.weights),
        ("averaged", &state.averaged),
        ("adam.first", &state.adam.first),
        ("adam.second", &state.adam.second),
    ];
    let parts = groups.map(|(group, flat)| named(params, group, flat));
    let mut tensors: Vec<(String, Tensor)> = parts.into_iter().flatten().collect();
    tensors.push((MEAN.to_owned(), edm.mean.shallow_clone()));
    save_numbered(folder, header.step, header, None, &tensors)
}

/// The checkpoint `path` of the model whose record has the digest `record`.
///
/// # Errors
/// [`Error::Run`] if it is unreadable or of another model.
pub fn open(path: &Path, record: &str) -> Result<Saved<Header>> {
    let saved = Saved::<Header>::open(path)?;
    if saved.header.record_sha256 == record {
        return Ok(saved);
    }
    Err(Error::run(
        path,
        "this checkpoint does not belong to the model that model.json describes",
        "train the model again with --retrain",
    ))
}

/// The preconditioning that a checkpoint was trained with.
///
/// # Errors
/// [`Error::Run`] if it lacks it.
pub fn edm(path: &Path, saved: &Saved<Header>, device: Device) -> Result<Edm> {
    let mean = saved.matrix(MEAN, device)?.ok_or_else(|| {
        Error::run(
            path,
            format!("{MEAN} is missing"),
            "train the model again with --retrain",
        )
    })?;
    Ok(Edm {
        mean,
        sigma_data: saved.header.sigma_data,
    })
}

/// What training continues from.
///
/// # Errors
/// As [`Saved::group`].
pub fn state(saved: &Saved<Header>, params: &Params, device: Device) -> Result<State> {
    Ok(State {
        weights: saved.group("weights", params, device)?,
        averaged: saved.group("averaged", params, device)?,
        adam: Adam {
            first: saved.group("adam.first", params, device)?,
            second: saved.group("adam.second", params, device)?,
            step: saved.header.step,
        },
    })
}
