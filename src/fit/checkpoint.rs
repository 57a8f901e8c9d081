//! Checkpoints in safetensors: all that a run needs to continue bit for bit.
//!
//! Random states are not among it: every random number derives from (seed, purpose, step).

use crate::base::atomic;
use crate::base::regular;
use crate::nets::{FORM, Params};
use crate::{Error, Result};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};

/// A checkpoint's header is filed under [`key`], which begins so.
const KEY: &str = "selfsi networks ";
/// The header's key for the checksum of everything else.
const SUM: &str = "crc32c";
/// The header's key for the run that the tensors belong to.
const RUN: &str = "provenance_sha256";
/// How many numbered checkpoints stay in a run folder.
const KEEP: usize = 2;

/// What a checkpoint says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Steps done.
    pub step: u64,
    /// SHA-256 of the resolved config: another config is refused.
    pub config_sha256: String,
    /// Step and score of the best validation so far.
    pub best: Option<(u64, f64)>,
    /// Validations since then.
    pub stale: usize,
    /// Whether F failed in the validation of this step: it is then made first of all.
    #[serde(default)]
    pub unvalidated: bool,
    /// Losses since the last line of the log.
    pub losses: Vec<f32>,
    /// The steps that the transported batches in use were made for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pool: Vec<u64>,
}

/// The tensors of a checkpoint; the weights and what belongs to them are vectors [P].
#[derive(Debug)]
pub struct State {
    pub weights: Tensor,
    pub averaged: Tensor,
    pub adam_first: Tensor,
    pub adam_second: Tensor,
    /// Frozen weights of the transport map (T_tr > 1).
    pub teacher: Tensor,
    /// Φ(y) of the last validation `[n, D]`, if there was one.
    pub restored: Option<Tensor>,
    /// The transported batches in use `[K B, D]`, oldest first, if there are any.
    pub pool: Option<Tensor>,
}

const RESTORED: &str = "validation/restored";
/// How wide draws are, where a validation finds that: with the best weights.
pub(crate) const SPREAD: &str = "validation/spread";
const POOL: &str = "estep/pool";

impl State {
    /// Whether every weight and what belongs to it is finite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        let all = self.groups().map(|(_, t)| t.isfinite().all());
        Tensor::stack(&all, 0).all().int64_value(&[]) != 0
    }

    fn groups(&self) -> [(&'static str, &Tensor); 5] {
        [
            ("weights", &self.weights),
            ("averaged", &self.averaged),
            ("adam.first", &self.adam_first),
            ("adam.second", &self.adam_second),
            ("teacher", &self.teacher),
        ]
    }
}

/// What the header is filed under: it names the form of the networks that the weights are for, so that
/// they are not misread. (One entry alone: the order of several is not the same from file to file.)
fn key() -> String {
    format!("{KEY}{FORM}")
}

/// Weights `flat` [P] under their names in `group`.
pub(crate) fn named(params: &Params, group: &str, flat: &Tensor) -> Vec<(String, Tensor)> {
    let parts = params.named().iter().zip(params.split(flat));
    parts
        .map(|((name, _), part)| (format!("{group}/{name}"), part))
        .collect()
}

/// CRC-32C of a header and of named tensors, in any order.
fn checksum(header: &serde_json::Value, mut tensors: Vec<(&str, &[u8])>) -> u32 {
    tensors.sort_unstable();
    let begin = crc32c::crc32c(header.to_string().as_bytes());
    tensors.iter().fold(begin, |sum, (name, data)| {
        crc32c::crc32c_append(crc32c::crc32c_append(sum, name.as_bytes()), data)
    })
}

/// Writes named tensors to `path`, atomically; `run` is the SHA-256 of the provenance of their run.
pub(crate) fn save(
    path: &Path,
    header: &impl Serialize,
    run: Option<&str>,
    tensors: &[(String, Tensor)],
) -> Result<()> {
    let entries = tensors
        .iter()
        .map(|(name, t)| {
            let shape: Vec<usize> = t.size().iter().map(|n| *n as usize).collect();
            Ok((name, shape, bytes(t)?))
        })
        .collect::<Result<Vec<_>>>()?;
    let failed =
        |e: &dyn std::fmt::Display| Error::output(path, e, "check free space and permissions");
    let views = entries
        .iter()
        .map(|(name, shape, data)| {
            Ok((
                name.as_str(),
                TensorView::new(Dtype::F32, shape.clone(), data)?,
            ))
        })
        .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|e| failed(&e))?;
    let mut header = serde_json::to_value(header).map_err(|e| failed(&e))?;
    if let Some(run) = run {
        header[RUN] = run.into();
    }
    let parts = views.iter().map(|(name, view)| (*name, view.data()));
    header[SUM] = checksum(&header, parts.collect()).into();
    let metadata = HashMap::from([(key(), header.to_string())]);
    let file = safetensors::serialize(views, Some(metadata)).map_err(|e| failed(&e))?;
    atomic::write(path, &file)
}

/// Writes a numbered checkpoint of the run `run` (the SHA-256 of its provenance) into `folder` and drops
/// all but the newest ones.
///
/// # Errors
/// [`Error::Output`] if it cannot be written; the older ones are then still there.
pub fn save_state(
    folder: &Path,
    header: &Header,
    run: Option<&str>,
    params: &Params,
    state: &State,
) -> Result<PathBuf> {
    let mut tensors: Vec<_> = state
        .groups()
        .into_iter()
        .flat_map(|(group, flat)| named(params, group, flat))
        .collect();
    for (name, tensor) in [(RESTORED, &state.restored), (POOL, &state.pool)] {
        tensors.extend((tensor.iter()).map(|t| (name.to_owned(), t.shallow_clone())));
    }
    save_numbered(folder, header.step, header, run, &tensors)
}

/// Writes named tensors as checkpoint number `step` into `folder` and drops all but the newest ones.
///
/// # Errors
/// As [`save_state`].
pub(crate) fn save_numbered(
    folder: &Path,
    step: u64,
    header: &impl Serialize,
    run: Option<&str>,
    tensors: &[(String, Tensor)],
) -> Result<PathBuf> {
    let path = folder.join(format!("step-{step:08}.safetensors"));
    save(&path, header, run, tensors)?;
    drop_old(folder);
    Ok(path)
}

/// Removes all but the newest numbered checkpoints of `folder`: those that a killed process has left, too.
pub(crate) fn drop_old(folder: &Path) {
    for old in list(folder).iter().rev().skip(KEEP) {
        let _ = std::fs::remove_file(old);
    }
}

/// Writes one set of weights of the run `run` alone: the best one; with the `spread` of its draws, if that was found.
///
/// # Errors
/// [`Error::Output`] if it cannot be written.
pub fn save_weights(
    path: &Path,
    header: &Header,
    run: Option<&str>,
    params: &Params,
    weights: &Tensor,
    spread: Option<&Tensor>,
) -> Result<()> {
    let mut tensors = named(params, "averaged", weights);
    tensors.extend(spread.map(|t| (SPREAD.to_owned(), t.shallow_clone())));
    save(path, header, run, &tensors)
}

/// The newest numbered checkpoint of `folder`.
#[must_use]
pub fn newest(folder: &Path) -> Option<PathBuf> {
    list(folder).pop()
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| {
            let name = p.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            name.starts_with("step-") && name.ends_with(".safetensors")
        })
        .collect();
    found.sort();
    found
}

/// A checkpoint in memory; `H` is what it says of itself.
#[derive(Debug)]
pub struct Saved<H> {
    path: PathBuf,
    bytes: Vec<u8>,
    /// What it says of itself.
    pub header: H,
    /// SHA-256 of the provenance of the run that it belongs to; `None` of no run, or before there was one.
    pub run: Option<String>,
}

/// A checkpoint of the trainer.
pub type Checkpoint = Saved<Header>;

impl<H: DeserializeOwned> Saved<H> {
    /// Reads `path`.
    ///
    /// # Errors
    /// [`Error::Run`] if it is not there, damaged or not a checkpoint of selfsi.
    pub fn open(path: &Path) -> Result<Self> {
        let bad =
            |problem: String| Error::run(path, problem, "use another checkpoint or train again");
        let bytes = regular::read(path).map_err(|e| bad(format!("cannot be read: {e}")))?;
        let (_, metadata) = SafeTensors::read_metadata(&bytes)
            .map_err(|e| bad(format!("not a safetensors file, or truncated ({e})")))?;
        let said = metadata.metadata().iter().flatten();
        let ours = |k: &str| k == "selfsi" || k.starts_with(KEY);
        let (found, text) = said
            .into_iter()
            .find(|(k, _)| ours(k))
            .ok_or_else(|| bad("not a checkpoint of selfsi".into()))?;
        if *found != key() {
            return Err(Error::run(
                path,
                "written by another version of selfsi, whose networks read these weights differently",
                "use that version, or train again",
            ));
        }
        let unreadable = |e: serde_json::Error| bad(format!("unreadable header: {e}"));
        let mut said: serde_json::Value = serde_json::from_str(text).map_err(unreadable)?;
        let sum = said.as_object_mut().and_then(|o| o.remove(SUM));
        let sum = sum.ok_or_else(|| bad("it lacks its checksum: the file is damaged".into()))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| bad(e.to_string()))?;
        let parts = file.tensors();
        let parts = parts
            .iter()
            .map(|(name, view)| (name.as_str(), view.data()));
        if sum != checksum(&said, parts.collect()) {
            return Err(bad(
                "its checksum does not match: the file is damaged".into()
            ));
        }
        let run = said.get(RUN).and_then(|r| r.as_str()).map(str::to_owned);
        let header = serde_json::from_value(said).map_err(unreadable)?;
        Ok(Self {
            path: path.to_path_buf(),
            bytes,
            header,
            run,
        })
    }

    /// One group of weights as a vector `[P]` in the order of `params`.
    ///
    /// # Errors
    /// [`Error::Run`] if a weight is missing, of another shape, or not finite.
    pub fn group(&self, group: &str, params: &Params, device: Device) -> Result<Tensor> {
        let bad = |problem: String| {
            Error::run(
                &self.path,
                problem,
                "it belongs to another network: use the config of its run",
            )
        };
        let file = SafeTensors::deserialize(&self.bytes).map_err(|e| bad(e.to_string()))?;
        let mut parts = Vec::new();
        for (name, like) in params.named() {
            let name = format!("{group}/{name}");
            let view = file
                .tensor(&name)
                .map_err(|_| bad(format!("weight {name} is missing")))?;
            let shape: Vec<i64> = view.shape().iter().map(|n| *n as i64).collect();
            if view.dtype() != Dtype::F32 || shape != like.size() {
                return Err(bad(format!(
                    "weight {name} is {:?} {shape:?}, not F32 {:?}",
                    view.dtype(),
                    like.size()
                )));
            }
            parts.push(Tensor::from_data_size(
                view.data(),
                &[like.numel() as i64],
                Kind::Float,
            ));
        }
        let flat = Tensor::cat(&parts, 0).to_device(device);
        if flat.isfinite().all().int64_value(&[]) == 0 {
            return Err(bad(format!("weights {group} are not finite")));
        }
        Ok(flat)
    }

    /// The tensor `name`, which has two axes; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Run`] if it is of another kind.
    pub fn matrix(&self, name: &str, device: Device) -> Result<Option<Tensor>> {
        let bad = |problem: &dyn std::fmt::Display| {
            Error::run(&self.path, problem, "use another checkpoint or train again")
        };
        let file = SafeTensors::deserialize(&self.bytes).map_err(|e| bad(&e))?;
        let Ok(view) = file.tensor(name) else {
            return Ok(None);
        };
        let shape: Vec<i64> = view.shape().iter().map(|n| *n as i64).collect();
        if view.dtype() != Dtype::F32 || shape.len() != 2 {
            return Err(bad(&format!("{name} is not F32 with two axes")));
        }
        let matrix = Tensor::from_data_size(view.data(), &shape, Kind::Float);
        Ok(Some(matrix.to_device(device)))
    }
}

impl Checkpoint {
    /// Everything, to continue training.
    ///
    /// # Errors
    /// As [`Saved::group`].
    pub fn state(&self, params: &Params, device: Device) -> Result<State> {
        Ok(State {
            weights: self.group("weights", params, device)?,
            averaged: self.group("averaged", params, device)?,
            adam_first: self.group("adam.first", params, device)?,
            adam_second: self.group("adam.second", params, device)?,
            teacher: self.group("teacher", params, device)?,
            restored: self.matrix(RESTORED, device)?,
            pool: self.matrix(POOL, device)?,
        })
    }
}

fn bytes(t: &Tensor) -> Result<Vec<u8>> {
    let flat = t
        .to_device(Device::Cpu)
        .to_kind(Kind::Float)
        .contiguous()
        .view([-1]);
    let values = Vec::<f32>::try_from(flat)?;
    Ok(values.iter().flat_map(|v| v.to_le_bytes()).collect())
}
