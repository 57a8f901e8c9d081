//! What a model was trained on and how: model.json in its folder.

use crate::base::atomic;
use crate::base::regular;
use crate::config::{Config, DiffusionConfig};
use crate::train::sha256_file;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

const FILE: &str = "model.json";
/// Where a model came from, not what it is: no reason to refuse it.
const INCIDENTAL: [&str; 4] = ["selfsi", "catalog", "training", "heldout"];

/// What a model was trained on and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// The version that trained it.
    pub selfsi: String,
    /// The restored catalog.
    pub catalog: PathBuf,
    /// Its SHA-256.
    pub catalog_sha256: String,
    /// The image of the catalog: DRAW or RESTORED.
    pub samples: String,
    /// How many of them took part, and how many were held out.
    pub training: usize,
    /// Samples held out.
    pub heldout: usize,
    /// Part of each batch that is clean data ([train.clean]); 0 for none.
    pub clean_fraction: f64,
    /// SHA-256 of the prepared set of clean data, if any.
    pub clean_sha256: Option<String>,
    /// Seed of the training.
    pub seed: u64,
    /// `[diffusion]` as resolved, without what does not take part in training.
    pub diffusion: Value,
}

/// The part of the restored samples that the record describes.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The restored catalog.
    pub catalog: &'a Path,
    /// Its image: DRAW or RESTORED.
    pub samples: &'a str,
    /// Rows that take part.
    pub training: usize,
    /// Rows held out.
    pub heldout: usize,
}

impl ModelRecord {
    /// Of a model yet to be trained with `config` on `origin`.
    ///
    /// # Errors
    /// [`Error::Input`] if the catalog or the clean data cannot be read.
    pub fn new(config: &Config, origin: Origin<'_>) -> Result<Self> {
        let clean = config.train.clean.as_ref();
        let clean_sha256 = clean.map(|c| sha256_file(&c.prepared)).transpose()?;
        Ok(Self {
            selfsi: env!("CARGO_PKG_VERSION").into(),
            catalog: origin.catalog.to_path_buf(),
            catalog_sha256: sha256_file(origin.catalog)?,
            samples: origin.samples.into(),
            training: origin.training,
            heldout: origin.heldout,
            clean_fraction: clean.map_or(0.0, |c| c.fraction),
            clean_sha256,
            seed: config.seed,
            diffusion: training(config),
        })
    }

    /// The record in `folder`; `None` where no model was begun.
    ///
    /// # Errors
    /// [`Error::Run`] if it cannot be read.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let text = regular::read_to_string(&path).map_err(|e| unreadable(&path, &e))?;
        let record = serde_json::from_str(&text).map_err(|e| unreadable(&path, &e))?;
        Ok(Some(record))
    }

    /// Writes the record into `folder`.
    ///
    /// # Errors
    /// [`Error::Output`] if it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        atomic::write(folder.join(FILE), format!("{:#}\n", json!(self)).as_bytes())
    }

    /// SHA-256, in hexadecimal, of all that makes the model what it is.
    #[must_use]
    pub fn sha256(&self) -> String {
        let text = Value::Object(self.essence()).to_string();
        format!("{:x}", Sha256::digest(text))
    }

    /// Whether the model of this record in `folder` is the one that `asked` describes.
    ///
    /// # Errors
    /// [`Error::Run`] that names what differs.
    pub fn check(&self, asked: &Self, folder: &Path) -> Result<()> {
        let (mine, theirs) = (flat(self.essence()), flat(asked.essence()));
        let differs = |key: &&String| mine.get(*key) != theirs.get(*key);
        let mut keys: Vec<&String> = mine.keys().chain(theirs.keys()).filter(differs).collect();
        keys.sort();
        keys.dedup();
        let Some(key) = keys.first() else {
            return Ok(());
        };
        let say = |of: &Map<String, Value>| of.get(*key).map_or("absent".into(), Value::to_string);
        let problem = match key.as_str() {
            "catalog_sha256" => format!(
                "the model here was trained on another catalog ({}) than {}",
                self.catalog.display(),
                asked.catalog.display()
            ),
            "clean_sha256" => "the model here was trained with other clean data".into(),
            _ => format!(
                "the model here was trained with {key} = {}, not {}",
                say(&mine),
                say(&theirs)
            ),
        };
        Err(Error::run(
            folder,
            problem,
            "give what it was trained with (--restored, --set diffusion.…), or replace it with --retrain",
        ))
    }

    fn essence(&self) -> Map<String, Value> {
        let Value::Object(mut all) = json!(self) else {
            return Map::new();
        };
        for key in INCIDENTAL {
            all.remove(key);
        }
        all
    }
}

/// What of `[diffusion]` decides the trained weights.
fn training(config: &Config) -> Value {
    let complete = DiffusionConfig {
        network: Some(config.diffusion_network()),
        ..config.diffusion_or_default()
    };
    let mut value = json!(complete);
    if let Value::Object(keys) = &mut value {
        keys.remove("sampler");
        keys.remove("checkpoint_every");
    }
    value
}

/// Nested keys as `section.key`.
fn flat(map: Map<String, Value>) -> Map<String, Value> {
    let mut out = Map::new();
    for (key, value) in map {
        match value {
            Value::Object(inner) => {
                let inner = flat(inner).into_iter();
                out.extend(inner.map(|(k, v)| (format!("{key}.{k}"), v)));
            }
            value => {
                out.insert(key, value);
            }
        }
    }
    out
}

fn unreadable(path: &Path, e: &dyn std::fmt::Display) -> Error {
    Error::run(
        path,
        format!("unreadable: {e}"),
        "train the model again with --retrain",
    )
}
