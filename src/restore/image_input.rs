//! Images brought to the form in which a run restores them.

use super::input::{choose, kept_out, with_suffix};
use super::selection::Selection;
use crate::Result;
use crate::base::atomic::{Pending, not_an_input};
use crate::config::{Config, SurveySource};
use crate::data::{Object, flag};
use crate::files::hdf5::read::format_of;
use crate::files::start::{Start, start};
use crate::files::version;
use crate::prepare::{ImageSet, prepare_images, rejected_path, with_scale_of};
use crate::train::is_trained;
use std::path::{Path, PathBuf};

/// Images that are read together to see whether any has a noise level.
const CHUNK: usize = 64;

/// Images that are ready to restore.
#[derive(Debug)]
pub struct ImageInput {
    set: ImageSet,
    heldout: Vec<bool>,
    origin: Vec<String>,
    notes: Vec<String>,
    /// For messages: the first that was given.
    path: PathBuf,
    /// The set made here, removed when this is dropped.
    _temporary: Option<Pending>,
}

impl ImageInput {
    /// Opens what was given: one prepared set of images (nothing: the run's own), the TOML config
    /// of another survey, or anything that `selfsi prepare` reads as images. What is not prepared
    /// is, by the rules of the run's `config` and on the scale it was trained on, into a temporary
    /// set beside `out`.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if it cannot be read, is of another shape or scale than the run's, or has no
    /// usable image; [`crate::Error::Output`] if `out` is the input, or the temporary set cannot be
    /// written.
    pub fn open(
        config: &Config,
        given: &[PathBuf],
        out: &Path,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Self> {
        let own = [config.survey.prepared.clone()];
        let paths = if given.is_empty() { &own[..] } else { given };
        let inputs = paths.iter().map(PathBuf::as_path);
        not_an_input(out, inputs, "give --out another name")?;
        let mut notes = Vec::new();
        // Of the run's own set, opening says what is wrong.
        let is_set = given.is_empty() || (paths.len() == 1 && is_set(&paths[0])?);
        let (set, temporary) = if is_set {
            (ImageSet::open(&paths[0])?, None)
        } else {
            let temporary = Pending::new(with_suffix(out, ".prepared.h5"))?;
            let source = survey(config, paths)?;
            prepare_images(config, &source, temporary.path(), progress)?;
            let _ = std::fs::remove_file(rejected_path(temporary.path()));
            (ImageSet::open(temporary.path())?, Some(temporary))
        };
        with_scale_of(config, &set)?;
        let training = ImageSet::open(&config.survey.prepared);
        let heldout = match &training {
            Ok(t) => kept_out(config, t.objects(), set.objects()),
            // A training set that was moved: the names are those of training all the same.
            Err(_) if temporary.is_none() => {
                let by_name = |o: &Object| !is_trained(o, config.seed, &config.train);
                set.objects().iter().map(by_name).collect()
            }
            Err(_) => {
                notes.push(format!(
                    "HELDOUT is false in every row: the training set {} is missing, so it is unknown which rows were held out",
                    config.survey.prepared.display()
                ));
                vec![false; set.len()]
            }
        };
        Ok(Self {
            set,
            heldout,
            origin: paths
                .iter()
                .map(|p| format!("input: {}", p.display()))
                .collect(),
            notes,
            path: paths[0].clone(),
            _temporary: temporary,
        })
    }

    /// The images, normalised.
    #[must_use]
    pub fn set(&self) -> &ImageSet {
        &self.set
    }

    /// Whether each was kept out of training; false where that is unknown.
    #[must_use]
    pub fn heldout(&self) -> &[bool] {
        &self.heldout
    }

    /// Where the images came from, for the HISTORY of what is written.
    #[must_use]
    pub fn origin(&self) -> &[String] {
        &self.origin
    }

    /// What the user should know about the input.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The rows of the set that `s` chooses, ascending.
    pub(super) fn select(&self, s: Selection) -> Result<Vec<usize>> {
        choose(&self.path, 0..self.set.len(), &self.heldout, s)
    }

    /// Whether the noise level of any pixel of the usable ones of `rows` is known.
    pub(super) fn noise_known(&self, rows: &[usize]) -> Result<bool> {
        let usable = |i: &usize| self.set.objects()[*i].flag == flag::GOOD;
        let rows: Vec<usize> = rows.iter().copied().filter(usable).collect();
        for part in rows.chunks(CHUNK) {
            let ivar = self.set.read_rows(part)?.ivar;
            if ivar.iter().any(|v| *v > 0.0 && v.is_finite()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether `path` says that it is a prepared set of images.
fn is_set(path: &Path) -> Result<bool> {
    if !start(path).is_ok_and(|s| s == Start::Hdf5) {
        return Ok(false);
    }
    Ok(format_of(path)?.as_deref() == Some(version::PREPARED_IMAGES.name()))
}

/// The source that `paths` are, read as the run's own.
fn survey(config: &Config, paths: &[PathBuf]) -> Result<SurveySource> {
    if let [path] = paths
        && start(path).is_ok_and(|s| s == Start::Text)
    {
        return Ok(Config::load(path, &[])?.survey.source);
    }
    let (datasets, unit) = match &config.survey.source {
        SurveySource::Images { datasets, unit, .. } => (datasets.clone(), unit.clone()),
        _ => Default::default(),
    };
    Ok(SurveySource::Images {
        path: paths.to_vec(),
        datasets,
        unit,
    })
}
