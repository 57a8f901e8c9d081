//! One TOML file describes a whole job. Unknown keys are errors, every key does something, and
//! `--set section.key=value` overrides any of them. Paths are relative to the working directory.

mod bf16;
mod bounds;
mod check;
mod columns;
mod datasets;
mod diffusion;
mod forward;
mod grid;
mod image;
mod image_datasets;
mod instrument;
mod interpolant;
mod job;
mod kinds;
mod latent_use;
mod mask;
mod mock;
mod mock_galaxies;
mod mock_population;
mod network;
mod noise_stage;
mod normalise;
mod number_or;
mod parts;
mod psf;
mod reference;
mod require;
mod restore;
mod select;
mod stage;
mod stage_check;
mod survey;
mod train;
mod transport;

use crate::base::regular;
pub use bf16::Bf16;
pub(crate) use bounds::check as check_bounds;
pub use columns::{Columns, DesiColumns};
pub use datasets::{AirOrVacuum, Datasets};
pub use diffusion::{DiffusionConfig, SamplerConfig};
pub use forward::{ClosedForm, ForwardConfig, StageUnits};
pub use grid::{Frame, GridConfig};
pub use image::ImageConfig;
pub use image_datasets::ImageDatasets;
pub use instrument::{NoiseFrom, SmoothingFrom};
pub use interpolant::{EpsilonShape, InterpolantConfig};
pub use job::Config;
pub use latent_use::LatentUse;
pub use mask::{MaskConfig, MaskKind};
pub use mock::{MockConfig, MockFormat, MockKind, Redshifts};
pub use mock_galaxies::GalaxiesConfig;
pub use mock_population::{Beyond, PopulationConfig};
pub use network::{NetworkConfig, UNet1dConfig, UNet2dConfig};
pub use noise_stage::{LevelFrom, NoiseStage};
pub use normalise::NormaliseConfig;
pub use psf::{PsfConfig, PsfFrom};
pub use reference::{Explained, explain, reference};
pub use restore::RestoreConfig;
pub use select::SelectConfig;
pub use stage::{Chroma, MaskStage, SkyStage, StageConfig};
pub use survey::{SurveyConfig, SurveyNoise, SurveySource};
pub use train::{CleanConfig, GrowthConfig, TrainConfig};
pub use transport::{Scheme, TransportConfig};

use crate::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;

impl Config {
    /// Reads `path` and applies `overrides` of the form `section.key=value`.
    ///
    /// # Errors
    /// [`Error::Config`] naming the key for anything unknown, missing, ill-typed or out of range;
    /// [`Error::Input`] if the file cannot be read or is not TOML.
    pub fn load(path: impl AsRef<Path>, overrides: &[String]) -> Result<Self> {
        let path = path.as_ref();
        let text = regular::read_to_string(path).map_err(|e| {
            Error::input(
                path,
                "",
                e,
                "a TOML config",
                "see survey_configs/ for examples",
            )
        })?;
        Self::parse(&text, &path.display().to_string(), overrides)
    }

    /// As [`Config::load`] for text that is already in memory; `origin` is named in errors.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str, origin: &str, overrides: &[String]) -> Result<Self> {
        let mut table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
            let line = e
                .span()
                .map_or(0, |s| text[..s.start].matches('\n').count() + 1);
            Error::input(
                origin,
                format!("line {line}"),
                e.message(),
                "a TOML config",
                "see survey_configs/ for examples",
            )
        })?;
        for o in overrides {
            apply_override(&mut table, o)?;
        }
        image::complete(&mut table, origin)?;
        diffusion::complete(&mut table);
        interpolant::complete(&mut table);
        bounds::check(&table, origin)?;
        kinds::check(&table, origin)?;
        let config: Self =
            serde_path_to_error::deserialize(table).map_err(|e| in_our_words(origin, &e))?;
        config.check(origin)?;
        Ok(config)
    }

    /// The config as TOML, every default written out.
    ///
    /// # Errors
    /// [`Error::Config`] if a value has no TOML form (an integer beyond 2^63).
    pub fn to_toml(&self) -> Result<String> {
        let bad = |e: toml::ser::Error| Error::config("config", "seed", e, "use values below 2^63");
        let mut table = toml::Table::try_from(self).map_err(bad)?;
        if self.image.is_some() {
            for section in image::SPECTRA_ONLY {
                table.remove(section);
            }
        }
        toml::to_string(&table).map_err(bad)
    }

    /// Whether the network can run on the grid; to be asked before training.
    ///
    /// # Errors
    /// [`Error::Config`] naming `network.margin` if not.
    pub fn check_network_fits_grid(&self, origin: &str) -> Result<()> {
        check::fits(self, origin)
    }

    fn check(&self, origin: &str) -> Result<()> {
        check::survey(self, origin)?;
        check::model(self, origin)?;
        check::image(self, origin)?;
        if let Some(d) = &self.diffusion {
            diffusion::check(d, origin)?;
        }
        if let Some(m) = &self.mock {
            m.check(self.image.is_some(), origin)?;
        }
        Ok(())
    }
}

/// `base` with `overrides` of the form `section.key=value`, of which those in `keys`, and what lies
/// below them, may be named.
pub(crate) fn overridden<T: Serialize + DeserializeOwned>(
    base: &T,
    overrides: &[String],
    keys: &[&str],
) -> Result<T> {
    let origin = "--set";
    let bad = |e: toml::ser::Error| Error::config(origin, "", e, "report this");
    let mut table = toml::Table::try_from(base).map_err(bad)?;
    for o in overrides {
        let key = o.split('=').next().unwrap_or_default().trim();
        let below =
            |k: &&str| key == *k || key.strip_prefix(*k).is_some_and(|r| r.starts_with('.'));
        if !keys.iter().any(below) {
            let fix = format!("known here: {}", keys.join(", "));
            return Err(Error::config(origin, key, "no such key here", fix));
        }
        apply_override(&mut table, o)?;
    }
    serde_path_to_error::deserialize(table).map_err(|e| in_our_words(origin, &e))
}

/// The key and the value of an override.
///
/// # Errors
/// [`Error::Config`] if it is not of the form `section.key=value`.
pub(crate) fn overridden_key(text: &str) -> Result<(String, toml::Value)> {
    let bad =
        |problem: &str| Error::config("--set", text, problem, "write --set section.key=value");
    let (key, value) = text.split_once('=').ok_or_else(|| bad("there is no `=`"))?;
    // A value that is not TOML by itself (a bare path, say) is a string.
    let value = format!("v = {}", value.trim())
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut t| t.remove("v"))
        .unwrap_or_else(|| toml::Value::String(value.trim().to_owned()));
    match key.trim() {
        key if key.is_empty() || key.ends_with('.') => Err(bad("the key is empty")),
        key => Ok((key.to_owned(), value)),
    }
}

fn apply_override(table: &mut toml::Table, text: &str) -> Result<()> {
    let bad =
        |problem: &str| Error::config("--set", text, problem, "write --set section.key=value");
    let (key, value) = overridden_key(text)?;
    let mut parts: Vec<&str> = key.split('.').collect();
    let last = parts.pop().unwrap_or_default();
    let mut here = table;
    for part in parts {
        here = here
            .entry(part)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()))
            .as_table_mut()
            .ok_or_else(|| bad("a part of the key is not a section"))?;
    }
    // The keys beside it were those of the other kind.
    if last == "kind" && here.get(last).is_some_and(|old| *old != value) {
        here.clear();
    }
    here.insert(last.to_owned(), value);
    Ok(())
}

/// Turns serde's words into ours: the whole key, and the nearest known name for an unknown one.
fn in_our_words(origin: &str, e: &serde_path_to_error::Error<toml::de::Error>) -> Error {
    let message = e.inner().message().to_owned();
    let path = e.path().to_string();
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (unknown, known) = match names.split_first() {
        Some((u, k)) if message.starts_with("unknown") => (*u, k),
        _ => {
            return Error::config(origin, path, message, "see survey_configs/ for the form");
        }
    };
    let key = if path == "." || path.ends_with(unknown) {
        path.trim_start_matches('.').to_owned()
    } else {
        format!("{path}.{unknown}")
    };
    let key = if key.is_empty() {
        unknown.to_owned()
    } else {
        key
    };
    let nearest = known
        .iter()
        .max_by(|a, b| strsim::jaro(a, unknown).total_cmp(&strsim::jaro(b, unknown)));
    let fix = match nearest {
        Some(n) => format!("did you mean `{n}`? known here: {}", known.join(", ")),
        None => "remove it".to_owned(),
    };
    Error::config(origin, key, format!("unknown name `{unknown}`"), fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = r#"
        [survey]
        prepared = "set.h5"
        [survey.source]
        kind = "sdss"
        catalog = "DR16Q.fits"
        spectra = "spectra"
        [forward]
        kind = "gaussian"
        sigma = 0.5
    "#;

    #[test]
    fn a_minimal_config_round_trips_with_every_default_written_out() {
        let c = Config::parse(MINIMAL, "test", &[]).unwrap();
        let again = Config::parse(&c.to_toml().unwrap(), "test", &[]).unwrap();
        assert_eq!(c, again);
    }

    #[test]
    fn overrides_reach_nested_keys_and_win() {
        let o = [
            "grid.pixels=128".to_owned(),
            "survey.prepared=other.h5".to_owned(),
        ];
        let c = Config::parse(MINIMAL, "test", &o).unwrap();
        assert_eq!(c.grid.pixels, 128);
        assert_eq!(c.survey.prepared, Path::new("other.h5"));
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_name() {
        let o = ["train.bach=3".to_owned()];
        let e = Config::parse(MINIMAL, "test.toml", &o)
            .unwrap_err()
            .to_string();
        assert!(
            e.contains("train.bach") && e.contains("did you mean `batch`"),
            "{e}"
        );
        assert!(!e.contains('\n'));
    }

    #[test]
    fn a_grid_the_network_cannot_run_on_is_refused_for_training_alone() {
        let c = Config::parse(MINIMAL, "t", &["grid.pixels=64".to_owned()]).unwrap();
        let e = c.check_network_fits_grid("t").unwrap_err().to_string();
        assert!(e.contains("network.margin"), "{e}");
        let c = Config::parse(MINIMAL, "t", &[]).unwrap();
        c.check_network_fits_grid("t").unwrap();
    }

    #[test]
    fn out_of_range_values_name_their_key() {
        for (set, key) in [
            ("grid.max=10", "grid"),
            ("train.mix=0", "train.mix"),
            ("transport.steps=0", "transport.steps"),
            ("forward.sigma=-1", "forward.sigma"),
        ] {
            let e = Config::parse(MINIMAL, "t", &[set.to_owned()])
                .unwrap_err()
                .to_string();
            assert!(e.contains(key), "{set}: {e}");
        }
    }
}
