//! A run folder: config.toml as resolved, provenance.json, checkpoints/, best.safetensors,
//! metrics.jsonl and TensorBoard events.

use super::known;
use super::own::{BEST, CHECKPOINTS, CONFIG, POPULATION, PROVENANCE, START, TRAINED};
use super::seal::Seal;
use super::start;
use crate::base::{atomic, program, regular};
use crate::config::Config;
use crate::data::Layout;
use crate::fit::checkpoint::{SPREAD, newest};
use crate::fit::log::cpu_seconds_of;
use crate::interpolant::Interpolant;
use crate::nets;
use crate::nets::{Background, Ground, Population, VelocityField};
use crate::transport::Transport;
use crate::{Error, Result};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tch::{Device, Tensor};

/// A run folder and the config it belongs to.
#[derive(Debug)]
pub struct Run {
    folder: PathBuf,
    config: Config,
    /// Once there are files of it.
    seal: OnceLock<Seal>,
}

impl Run {
    /// A run to be made in `folder`, which must not hold one already. Nothing is written yet: a
    /// start that fails leaves nothing behind.
    ///
    /// # Errors
    /// [`Error::Run`] if it does; [`Error::Config`] if the network does not fit the grid.
    pub fn plan(folder: &Path, config: &Config) -> Result<Self> {
        check_free(folder)?;
        config.check_network_fits_grid(&folder.display().to_string())?;
        Ok(Self {
            folder: folder.to_path_buf(),
            config: config.clone(),
            seal: OnceLock::new(),
        })
    }

    /// Writes config.toml and provenance.json, unless this run was opened or has written them.
    ///
    /// # Errors
    /// [`Error::Run`] if another run has come into the folder; [`Error::Input`] if the prepared set cannot
    /// be read; [`Error::Output`] if the folder cannot be written.
    pub fn create(&self) -> Result<()> {
        if self.seal.get().is_some() {
            return Ok(());
        }
        check_free(&self.folder)?;
        let input = &self.config.survey.prepared;
        let mut provenance = json!({
            "selfsi": program::VERSION,
            "commit": program::commit(),
            "libraries": BTreeMap::from(program::libraries()),
            "prepared": input,
            "prepared_sha256": sha256_file(input)?,
            "config_sha256": config_sha256(&self.config)?,
            "bf16": self.config.transport.bf16.is_on(),
        });
        if let Some(clean) = &self.config.train.clean {
            provenance["clean"] = json!(clean.prepared);
            provenance["clean_sha256"] = json!(sha256_file(&clean.prepared)?);
        }
        atomic::write(self.provenance(), format!("{provenance:#}\n").as_bytes())?;
        // Last: a folder with a config.toml is a run.
        let config = self.config.to_toml()?;
        atomic::write(self.folder.join(CONFIG), config.as_bytes())?;
        let seal = Seal::of(&self.folder)?;
        self.seal.get_or_init(|| seal);
        Ok(())
    }

    /// The digests that its files are known by.
    ///
    /// # Errors
    /// [`Error::Run`] of one that is only planned.
    pub(super) fn seal(&self) -> Result<&Seal> {
        self.seal.get().ok_or_else(|| {
            Error::run(
                &self.folder,
                "the run is not begun",
                "make its folder first",
            )
        })
    }

    /// Whether the prepared set, and the set of clean data, is still the one that the run was started on.
    ///
    /// # Errors
    /// [`Error::Run`] if it is another one or provenance.json does not tell; [`Error::Input`] if it
    /// cannot be read.
    pub fn check_prepared(&self) -> Result<()> {
        let path = self.provenance();
        let text = regular::read_to_string(&path).unwrap_or_default();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let same = |key: &str, input: &Path| {
            let recorded = json[key].as_str().ok_or_else(|| {
                Error::run(
                    &path,
                    format!(
                        "lacks key `{key}`, so the prepared set cannot be checked against the run"
                    ),
                    "put the file back, or start a new run",
                )
            })?;
            if sha256_file(input)? == recorded {
                return Ok(());
            }
            Err(Error::run(
                input,
                format!(
                    "not the set that the run {} was started on",
                    self.folder.display()
                ),
                "put the old set back (SHA-256 in provenance.json), or start a new run",
            ))
        };
        same("prepared_sha256", &self.config.survey.prepared)?;
        let clean = self.config.train.clean.as_ref();
        clean.map_or(Ok(()), |c| same("clean_sha256", &c.prepared))
    }

    fn provenance(&self) -> PathBuf {
        self.folder.join(PROVENANCE)
    }

    /// Opens the run in `folder`.
    ///
    /// # Errors
    /// [`Error::Run`] if there is none, or its config is not the one that it was started with.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(CONFIG);
        if !path.is_file() {
            return Err(Error::run(
                folder,
                "not a run folder: it holds no config.toml",
                "give the folder that selfsi train wrote",
            ));
        }
        let seal = Seal::of(folder)?;
        Ok(Self {
            folder: folder.to_path_buf(),
            config: Config::load(path, &[])?,
            seal: seal.into(),
        })
    }

    /// As [`Run::open`], where the run is to be used: its weights, if it has any yet, are of this config and
    /// this provenance. Where older files do not tell, a note says so.
    ///
    /// # Errors
    /// As [`Run::open`]; [`Error::Run`] if the weights are damaged or of another run.
    pub fn open_whole(folder: &Path) -> Result<Self> {
        let run = Self::open(folder)?;
        if let Some(path) = run.weights() {
            let weights = run.seal()?.open_weights(&path)?;
            if let Some(why) = run.seal()?.unknown(&weights) {
                log::info!(
                    "{}: whether the weights are those of provenance.json is not checked: {why}",
                    folder.display()
                );
            }
        }
        Ok(run)
    }

    /// The resolved config.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The run folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Folder of the numbered checkpoints.
    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        self.folder.join(CHECKPOINTS)
    }

    /// The weights that validation chose.
    #[must_use]
    pub fn best(&self) -> PathBuf {
        self.folder.join(BEST)
    }

    /// The newest numbered checkpoint.
    #[must_use]
    pub fn newest(&self) -> Option<PathBuf> {
        newest(&self.checkpoints())
    }

    /// Processor seconds of the training so far; `None` of a run that does not tell.
    #[must_use]
    pub fn cpu_seconds(&self) -> Option<f64> {
        cpu_seconds_of(&self.folder)
    }

    /// The Gaussian population of a run with `network.gaussian`.
    #[must_use]
    pub fn population(&self) -> PathBuf {
        self.folder.join(POPULATION)
    }

    /// The Gaussian population whose posterior the path of a run with `interpolant.kind = "posterior"`
    /// begins with.
    #[must_use]
    pub fn start(&self) -> PathBuf {
        self.folder.join(START)
    }

    /// Φ of this run with the `[transport]` of `config`, for rows of the given layout.
    ///
    /// # Errors
    /// [`Error::Run`] if the file of [`Run::start`] is missing or damaged; as
    /// [`Transport::check_noise`].
    pub fn transport(&self, config: &Config, layout: &Layout, device: Device) -> Result<Transport> {
        let noise_known = config.network.noise_input();
        let transport = Transport::new(&config.interpolant, &config.transport, noise_known);
        transport.check_noise(layout)?;
        if transport.interpolant != Interpolant::Posterior {
            return Ok(transport);
        }
        let start = start::read(&self.start(), self.seal()?, &self.config, layout)?;
        Ok(transport.from(start.start(&self.config, layout, device)?))
    }

    /// The known part of the fields that `population` makes on this run's path.
    pub(super) fn background(&self, population: &Population, device: Device) -> Background {
        Background::new(population, self.interpolant().gamma(), device)
    }

    fn interpolant(&self) -> Interpolant {
        let c = &self.config;
        Interpolant::new(&c.interpolant, c.network.noise_input())
    }

    /// A network of this run's shape for rows of the given layout, as yet untrained; `background` is
    /// what a run with `network.gaussian` knows of its fields.
    ///
    /// # Errors
    /// [`Error::Config`] if the network does not fit the layout.
    pub fn network(
        &self,
        layout: &Layout,
        background: Option<Background>,
        device: Device,
    ) -> Result<Box<dyn VelocityField>> {
        let c = &self.config;
        if c.interpolant.is_sure() {
            return nets::for_mean(&c.network, layout, c.seed, device);
        }
        let interpolant = self.interpolant();
        let ground = match background {
            Some(background) => Ground::Population(background),
            None if interpolant == Interpolant::Posterior => Ground::Anchor,
            None => Ground::Nothing,
        };
        let heads = interpolant.heads();
        nets::build(&c.network, layout, heads, ground, c.seed, device)
    }

    /// The checkpoint of the trained network, if there is one.
    fn weights(&self) -> Option<PathBuf> {
        let best = Some(self.best()).filter(|p| p.is_file());
        best.or_else(|| self.newest())
    }

    /// The checkpoint of the trained network: the one that validation chose, else the newest.
    ///
    /// # Errors
    /// [`Error::Run`] if there is none yet.
    pub fn chosen(&self) -> Result<PathBuf> {
        self.weights().ok_or_else(|| {
            Error::run(
                &self.folder,
                "the run has no checkpoint yet",
                "train it first: selfsi train CONFIG",
            )
        })
    }

    /// How wide the draws of a run of `interpolant.kind = "sure"` are, as its trained network's
    /// validation found; `None` where there was none yet.
    ///
    /// # Errors
    /// [`Error::Run`] if there is no checkpoint or it is damaged.
    pub(super) fn spread(&self, device: Device) -> Result<Option<Tensor>> {
        self.seal()?
            .open_weights(&self.chosen()?)?
            .matrix(SPREAD, device)
    }

    /// The trained network: the best one, or the newest where no validation has chosen yet. The
    /// second value is the SHA-256 of the checkpoint.
    ///
    /// # Errors
    /// [`Error::Run`] if there is no checkpoint or it does not fit.
    pub fn trained(
        &self,
        layout: &Layout,
        device: Device,
    ) -> Result<(Box<dyn VelocityField>, String)> {
        let path = self.chosen()?;
        let checkpoint = self.seal()?.open_weights(&path)?;
        let population = match layout {
            Layout::Spectra { grid, .. } if self.config.network.gaussian() => {
                Some(known::read(&self.population(), self.seal()?, grid.pixels)?)
            }
            _ => None,
        };
        let background = population.map(|p| self.background(&p, device));
        let network = self.network(layout, background, device)?;
        network
            .params()
            .set_flat(&checkpoint.group("averaged", network.params(), device)?);
        Ok((network, sha256_file(&path)?))
    }
}

/// Whether no run, and nothing that a training leaves, is in `folder`.
fn check_free(folder: &Path) -> Result<()> {
    if folder.join(CONFIG).exists() {
        return Err(Error::run(
            folder,
            "there is a run in this folder already",
            "continue it with --resume, or choose another --out",
        ));
    }
    match TRAINED.iter().find(|name| folder.join(name).exists()) {
        None => Ok(()),
        Some(name) => Err(Error::run(
            folder,
            format!("there is {name} of another run in this folder, but no config.toml"),
            "choose another --out, or put the config.toml back",
        )),
    }
}

/// SHA-256 of the resolved config, in hexadecimal.
///
/// # Errors
/// As [`Config::to_toml`].
pub fn config_sha256(config: &Config) -> Result<String> {
    Ok(format!("{:x}", Sha256::digest(config.to_toml()?)))
}

/// SHA-256 of a file, in hexadecimal, read as a stream.
pub(crate) fn sha256_file(path: &Path) -> Result<String> {
    let mut digest = Sha256::new();
    regular::open(path)
        .and_then(|mut f| std::io::copy(&mut f, &mut digest))
        .map_err(|e| {
            Error::input(
                path,
                "",
                e,
                "a readable file",
                "check the path and permissions",
            )
        })?;
    Ok(format!("{:x}", digest.finalize()))
}
