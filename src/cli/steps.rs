//! The steps that make a folder of results: what was made is kept as long as it is whole and was made from
//! the same config and input.
//!
//! FOLDER/steps.json records SHA-256 digests of all three; times of files count for nothing.

use super::global::Global;
use super::said::Said;
use super::say::say;
use crate::base::{atomic, regular};
use crate::config::Config;
use crate::train::{config_sha256, sha256_file};
use crate::{Error, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What a step was made from, and what it made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Record {
    config: String,
    inputs: String,
    /// SHA-256 of each file.
    outputs: BTreeMap<PathBuf, String>,
    /// What the command said.
    result: Value,
}

/// What a step is made from.
pub struct Source<'a> {
    /// The config, with its default wherever the step does not go by it.
    pub config: &'a Config,
    /// The files that it reads.
    pub inputs: Vec<PathBuf>,
}

/// What a step has done: the files that it leaves, and what it has to say.
pub type Done = (Vec<PathBuf>, Said);

/// The steps of a folder.
pub struct Steps<'a> {
    global: &'a Global,
    path: PathBuf,
    records: BTreeMap<String, Record>,
    /// Digests of files that were read in this process.
    digests: BTreeMap<PathBuf, String>,
    told: Vec<Value>,
}

impl<'a> Steps<'a> {
    /// The steps of `folder`, with what their record says; where it cannot be read, nothing is kept.
    pub fn of(folder: &Path, global: &'a Global) -> Self {
        let path = folder.join("steps.json");
        let text = regular::read_to_string(&path).unwrap_or_default();
        Self {
            global,
            records: serde_json::from_str(&text).unwrap_or_default(),
            path,
            digests: BTreeMap::new(),
            told: Vec::new(),
        }
    }

    /// Keeps what the step `name` made before, or has `work` make it; a line says which. Returns the files.
    ///
    /// # Errors
    /// Those of `work`; [`Error::Input`] if an input cannot be read; [`Error::Output`] if the record cannot
    /// be written.
    pub fn step(
        &mut self,
        name: &str,
        from: &Source,
        work: impl FnOnce() -> Result<Done>,
    ) -> Result<Vec<PathBuf>> {
        let config = config_sha256(from.config)?;
        let inputs = self.digest(&from.inputs);
        let why = match self.records.remove(name) {
            None => String::new(),
            Some(old) => match self.stale(&old, &config, &inputs) {
                Some(why) => format!(" anew, because {why}"),
                None => return self.keep(name, old),
            },
        };
        let (files, said) = work()?;
        for file in &files {
            self.digests.remove(file);
        }
        self.digest(&files);
        let outputs = files.iter().map(|f| (f.clone(), self.digests[f].clone()));
        let record = Record {
            config,
            inputs,
            outputs: outputs.collect(),
            result: said.value(),
        };
        self.records.insert(name.to_owned(), record);
        self.save()?;
        self.tell(name, "made", &files, &said.value());
        if !self.global.json {
            say(format!("{name}: made {}{why}", named(&files)))?;
            said.print(self.global)?;
        }
        Ok(files)
    }

    /// Does what leaves no file, and says what it found.
    ///
    /// # Errors
    /// Those of `work`; as [`say`].
    pub fn each_time(&mut self, name: &str, work: impl FnOnce() -> Result<Said>) -> Result<()> {
        let said = work()?;
        self.tell(name, "done", &[], &said.value());
        match self.global.json {
            true => Ok(()),
            false => say(format!("{name}: {}", said.text())),
        }
    }

    /// What all steps said, as JSON.
    pub fn told(self) -> Value {
        Value::Array(self.told)
    }

    fn keep(&mut self, name: &str, old: Record) -> Result<Vec<PathBuf>> {
        let files: Vec<PathBuf> = old.outputs.keys().cloned().collect();
        self.tell(name, "kept", &files, &old.result);
        self.records.insert(name.to_owned(), old);
        if !self.global.json {
            say(format!("{name}: kept {}", named(&files)))?;
        }
        Ok(files)
    }

    fn tell(&mut self, name: &str, did: &str, files: &[PathBuf], result: &Value) {
        self.told
            .push(json!({"step": name, "did": did, "files": files, "result": result}));
    }

    /// Why what a step made cannot be kept, if so.
    fn stale(&mut self, old: &Record, config: &str, inputs: &str) -> Option<String> {
        if old.config != config {
            return Some("its config has changed".to_owned());
        }
        if old.inputs != inputs {
            return Some("its input has changed".to_owned());
        }
        for (file, digest) in &old.outputs {
            if !file.exists() {
                return Some(format!("{} is gone", file.display()));
            }
            self.digest(std::slice::from_ref(file));
            if self.digests[file] != *digest {
                return Some(format!("{} has changed", file.display()));
            }
        }
        None
    }

    /// The digest of `files` with their names.
    fn digest(&mut self, files: &[PathBuf]) -> String {
        let unknown = files.par_iter().filter(|f| !self.digests.contains_key(*f));
        // What cannot be read is for the command to say.
        let digest = |f: &PathBuf| sha256_file(f).unwrap_or_else(|e| e.to_string());
        let found: Vec<_> = unknown.map(|f| (f.clone(), digest(f))).collect();
        self.digests.extend(found);
        let mut all = Sha256::new();
        // Whoever names them, in whatever order.
        let sorted: BTreeSet<&PathBuf> = files.iter().collect();
        for file in sorted {
            all.update(file.as_os_str().as_encoded_bytes());
            all.update(&self.digests[file]);
        }
        format!("{:x}", all.finalize())
    }

    fn save(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.records)
            .map_err(|e| Error::output(&self.path, e, "report this"))?;
        atomic::write(&self.path, (text + "\n").as_bytes())
    }
}

fn named(files: &[PathBuf]) -> String {
    let named: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
    named.join(", ")
}
