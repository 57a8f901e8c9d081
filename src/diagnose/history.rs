//! What a run folder tells of its validations.

use crate::base::regular;
use crate::train::{Proxies, Run};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// One validation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Validated {
    /// After this many steps.
    pub step: u64,
    /// Absent where F(Φ(y)) was not finite.
    pub proxies: Option<Proxies>,
    /// Variance of the draws over that of the start's in modes that the channel erases, of a run of
    /// `interpolant.kind = "posterior"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erased: Option<f64>,
}

/// The validations of a run, finished or in progress.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The run folder.
    pub run: PathBuf,
    /// In the order of their steps.
    pub validations: Vec<Validated>,
    /// Step of the lowest validation score: the weights that `selfsi restore` uses.
    pub best: u64,
    /// Steps of the warm start; the validation at its end is the start of the sequence.
    pub warm_start: u64,
    /// Steps of one outer iteration: of one transported batch, or one refresh of the teacher.
    pub iteration: u64,
}

/// The part of a line of metrics.jsonl that matters here.
#[derive(Deserialize)]
struct Line {
    step: u64,
    validation: Option<Found>,
}

#[derive(Deserialize)]
struct Found {
    score: Option<f64>,
    #[serde(default)]
    proxies: Option<Proxies>,
    #[serde(default)]
    erased: Option<f64>,
}

impl History {
    /// Reads config.toml and metrics.jsonl of the folder `run`.
    ///
    /// # Errors
    /// [`Error::Run`] if it is no run folder, has no validations yet, or these hold no proxies.
    pub fn read(run: &Path) -> Result<Self> {
        let train = Run::open(run)?.config().train.clone();
        let path = run.join("metrics.jsonl");
        let text = regular::read_to_string(&path)
            .map_err(|e| Error::run(&path, e, "train first: selfsi train CONFIG --out RUN"))?;
        // The last line may be cut short while the run is writing it.
        let found: Vec<(u64, Found)> = text
            .lines()
            .filter_map(|l| serde_json::from_str::<Line>(l).ok())
            .filter_map(|l| Some((l.step, l.validation?)))
            .collect();
        if found.is_empty() {
            let every = train.validate_every;
            return Err(Error::run(
                &path,
                "no validation has been made yet",
                format!("wait for step {every} (train.validate_every)"),
            ));
        }
        if found.iter().all(|(_, v)| v.proxies.is_none()) {
            return Err(Error::run(
                &path,
                "its validations hold no KL estimates (an older version, or fewer than 64 held-out observations)",
                "train again, with a larger train.heldout",
            ));
        }
        let scored = |(step, v): &(u64, Found)| Some((*step, v.score?));
        let best = found
            .iter()
            .filter_map(scored)
            .min_by(|a, b| a.1.total_cmp(&b.1));
        let validated = |(step, v): &(u64, Found)| Validated {
            step: *step,
            proxies: v.proxies,
            erased: v.erased,
        };
        Ok(Self {
            run: run.to_path_buf(),
            validations: found.iter().map(validated).collect(),
            best: best.map_or(0, |(step, _)| step),
            warm_start: train.warm_start,
            iteration: train.refresh.max(train.reuse),
        })
    }

    /// The validations of the self-consistent loop, from its start on.
    pub fn loop_part(&self) -> impl Iterator<Item = &Validated> {
        self.validations
            .iter()
            .filter(|v| v.step >= self.warm_start)
    }
}
