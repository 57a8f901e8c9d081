//! What holds the files of a run together: its weights carry the SHA-256 of its provenance.json, and that
//! the one of its config.toml.

use super::own::{CONFIG, PROVENANCE};
use crate::base::regular;
use crate::fit::{Checkpoint, Saved};
use crate::{Error, Result};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::io::{self, ErrorKind};
use std::path::Path;

/// The digests of a run.
#[derive(Debug)]
pub(super) struct Seal {
    config: String,
    provenance: Option<String>,
}

impl Seal {
    /// That of the run in `folder`.
    ///
    /// # Errors
    /// [`Error::Run`] if its config.toml is not the one that provenance.json tells of, or a file cannot be
    /// read.
    pub fn of(folder: &Path) -> Result<Self> {
        let path = folder.join(CONFIG);
        let config = regular::read(&path).map_err(|e| unreadable(&path, &e))?;
        let path = folder.join(PROVENANCE);
        let provenance = match regular::read(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            read => Some(read.map_err(|e| unreadable(&path, &e))?),
        };
        let seal = Self {
            config: sha256(&config),
            provenance: provenance.as_deref().map(sha256),
        };
        let json = provenance.and_then(|p| serde_json::from_slice::<serde_json::Value>(&p).ok());
        match json.as_ref().and_then(|j| j["config_sha256"].as_str()) {
            Some(told) if told != seal.config => Err(edited(&folder.join(CONFIG))),
            _ => Ok(seal),
        }
    }

    /// SHA-256 of config.toml.
    pub fn config(&self) -> &str {
        &self.config
    }

    /// SHA-256 of provenance.json, if there is one.
    pub fn provenance(&self) -> Option<&str> {
        self.provenance.as_deref()
    }

    /// Opens a file of tensors that belongs to the run.
    ///
    /// # Errors
    /// [`Error::Run`] if it is damaged or of another run. One that does not say of which it is passes.
    pub fn open<H: DeserializeOwned>(&self, path: &Path) -> Result<Saved<H>> {
        self.checked(path, Saved::open(path)?)
    }

    /// Opens weights of the run.
    ///
    /// # Errors
    /// As [`Seal::open`], and if they were trained with another config.
    pub fn open_weights(&self, path: &Path) -> Result<Checkpoint> {
        let weights = Checkpoint::open(path)?;
        if weights.header.config_sha256 != self.config {
            return Err(Error::run(
                path,
                "these weights were trained with another config than the config.toml of this folder",
                "undo the change of config.toml, or put the files of one run together again",
            ));
        }
        self.checked(path, weights)
    }

    fn checked<H>(&self, path: &Path, saved: Saved<H>) -> Result<Saved<H>> {
        match (saved.run.as_deref(), self.provenance()) {
            (Some(of), Some(here)) if of != here => Err(Error::run(
                path,
                "it belongs to another run than the provenance.json of this folder",
                "put the files of one run together again",
            )),
            _ => Ok(saved),
        }
    }

    /// Why it cannot be told whether `weights` and provenance.json are of one run, if it cannot.
    pub fn unknown(&self, weights: &Checkpoint) -> Option<&'static str> {
        match (&weights.run, &self.provenance) {
            (_, None) => Some("provenance.json is missing"),
            (None, _) => {
                Some("the weights were written before selfsi noted in them of which run they are")
            }
            _ => None,
        }
    }
}

fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

fn edited(config: &Path) -> Error {
    Error::run(
        config,
        "not the config that this run was started with (SHA-256 in provenance.json)",
        "undo the change (--set changes how a command restores or generates), or train a new run",
    )
}

fn unreadable(path: &Path, e: &io::Error) -> Error {
    Error::run(path, e, "put the file of the run back")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::checkpoint::save;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, Serialize, Deserialize)]
    struct Header {}

    fn seal(folder: &Path, config: &str, provenance: &str) -> Result<Seal> {
        std::fs::write(folder.join(CONFIG), config).unwrap();
        std::fs::write(folder.join(PROVENANCE), provenance).unwrap();
        Seal::of(folder)
    }

    /// Whatever belongs to weights: the Gaussian populations of a run.
    #[test]
    fn a_file_is_opened_in_the_folder_of_its_own_run_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("population.safetensors");
        let mine = seal(folder.path(), "a", "{}").unwrap();
        let theirs = seal(folder.path(), "a", "{ }").unwrap();
        save(&path, &Header {}, mine.provenance(), &[]).unwrap();
        mine.open::<Header>(&path).unwrap();
        let said = theirs.open::<Header>(&path).unwrap_err().to_string();
        assert!(
            said.contains("population.safetensors: it belongs to another run"),
            "{said}"
        );
        // Of before the digest.
        save(&path, &Header {}, None, &[]).unwrap();
        theirs.open::<Header>(&path).unwrap();
    }

    #[test]
    fn the_provenance_tells_an_edited_config() {
        let folder = tempfile::tempdir().unwrap();
        let told = format!(r#"{{"config_sha256": "{}"}}"#, sha256(b"a"));
        assert_eq!(
            seal(folder.path(), "a", &told).unwrap().config(),
            sha256(b"a")
        );
        let said = seal(folder.path(), "a ", &told).unwrap_err().to_string();
        assert!(said.contains("config.toml: not the config"), "{said}");
        // One that is damaged tells nothing; the weights still do.
        seal(folder.path(), "a ", &told[1..]).unwrap();
    }
}
