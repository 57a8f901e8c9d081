//! Observations brought to the form in which a run restores them.

use super::given::Given;
use super::restorable::Restorable;
use super::selection::Selection;
use crate::base::atomic::Pending;
use crate::base::output::place;
use crate::config::Config;
use crate::data::Object;
use crate::files::overwrite::check_output;
use crate::prepare::{PreparedSet, rejected_path};
use crate::train::is_trained;
use crate::{Error, Result};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Observations that are ready to restore.
#[derive(Debug)]
pub struct Input<H> {
    /// For messages: the first that was given.
    path: PathBuf,
    set: PreparedSet<H>,
    /// The rows that take part: all, or those of a catalog whose spec files were given.
    rows: Vec<usize>,
    heldout: Vec<bool>,
    origin: Vec<String>,
    notes: Vec<String>,
    /// The set made here, removed when this is dropped.
    _temporary: Option<Pending>,
}

impl<H: Restorable> Input<H> {
    /// Opens what was given: nothing (the run's own prepared set), a prepared set, the TOML config of
    /// another survey, or anything that `selfsi prepare` reads. Raw observations are prepared by the rules
    /// of `config`, spectra on the grid and images on the scale that it was trained on, into a temporary
    /// set beside `out`.
    ///
    /// # Errors
    /// [`Error::Input`] if it is none of the known kinds, unreadable, on another grid or scale or without
    /// a usable row; [`Error::Output`] if `out` is the input, or the temporary set cannot be written.
    pub fn open(
        config: &Config,
        given: Given<'_>,
        out: &Path,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Self> {
        let own = [config.survey.prepared.clone()];
        let is_own = given.paths.is_empty();
        let paths = if is_own { &own[..] } else { given.paths };
        let given = Given { paths, ..given };
        let inputs = || paths.iter().map(PathBuf::as_path).chain(given.catalog);
        check_output(out, inputs(), "give --out another name")?;
        // What is wrong with the run's own set, opening it says.
        let source = match given.catalog {
            None if is_own => None,
            _ => H::survey(config, given)?,
        };
        if let Some(source) = &source {
            check_output(out, source.paths(), "give --out another name")?;
        }
        let mut notes = Vec::new();
        let temporary = match &source {
            None => None,
            Some(source) => {
                let temporary = Pending::new(with_suffix(&place(out)?, ".prepared.h5"))?;
                notes = H::prepare(config, source, given, temporary.path(), progress)?;
                let _ = std::fs::remove_file(rejected_path(temporary.path()));
                Some(temporary)
            }
        };
        let set = PreparedSet::open(temporary.as_ref().map_or(paths[0].as_path(), Pending::path))?;
        H::check(config, &set)?;
        let heldout = heldout(config, &set).unwrap_or_else(|| {
            if temporary.is_none() {
                // A training set that was moved: the names are those of training all the same.
                let by_name = |o: &Object| !is_trained(o, config.seed, &config.train);
                return set.objects().iter().map(by_name).collect();
            }
            notes.push(format!(
                "HELDOUT is false in every row: the training set {} is missing, so it is unknown which rows were held out",
                config.survey.prepared.display()
            ));
            vec![false; set.len()]
        });
        if temporary.is_none() {
            notes.extend(H::unlike_training(config, &set));
        }
        let takes_part = |o: &Object| given.catalog.is_none() || !o.source.is_empty();
        Ok(Self {
            path: paths[0].clone(),
            rows: (0..set.len())
                .filter(|i| takes_part(&set.objects()[*i]))
                .collect(),
            heldout,
            origin: inputs()
                .map(|p| format!("input: {}", p.display()))
                .collect(),
            notes,
            set,
            _temporary: temporary,
        })
    }

    /// The observations, normalised.
    #[must_use]
    pub fn set(&self) -> &PreparedSet<H> {
        &self.set
    }

    /// Whether each row of the set was kept out of training; false where that is unknown.
    #[must_use]
    pub fn heldout(&self) -> &[bool] {
        &self.heldout
    }

    /// Where the observations came from, for the HISTORY of what is written.
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
        let rows = self.rows.iter().copied();
        let rows: Vec<usize> = rows
            .filter(|i| !s.heldout_only || self.heldout[*i])
            .skip(s.first)
            .take(s.count)
            .collect();
        if rows.is_empty() {
            return Err(Error::input(
                &self.path,
                "",
                "no row is selected",
                "at least one",
                "change --mintarget, -n or --heldout",
            ));
        }
        Ok(rows)
    }
}

/// Whether each object of `input` was kept out of training; `None` if the training set is not at
/// hand. Where that is the input itself, its objects are not read a second time.
fn heldout<H: Restorable>(config: &Config, input: &PreparedSet<H>) -> Option<Vec<bool>> {
    let training = &config.survey.prepared;
    let objects = input.objects();
    let same = training.canonicalize().ok()? == input.path().canonicalize().ok()?;
    if same {
        return Some(kept_out(config, objects, objects));
    }
    let set = PreparedSet::<H>::open(training).ok()?;
    Some(kept_out(config, set.objects(), objects))
}

/// Whether each of `objects` was kept out of training: it is not among those of the training
/// `set`, by its THING_ID, by its plate, MJD and fibre or by its name, or took no part there.
fn kept_out(config: &Config, set: &[Object], objects: &[Object]) -> Vec<bool> {
    let trained = |o: &&Object| is_trained(o, config.seed, &config.train);
    let key = |o: &Object| (o.plate, o.mjd, o.fiberid);
    let trained: Vec<&Object> = set.iter().filter(trained).collect();
    let names: HashSet<&str> = trained.iter().map(|o| o.name.as_str()).collect();
    let keys: HashSet<_> = trained
        .iter()
        .filter(|o| o.plate >= 0)
        .map(|o| key(o))
        .collect();
    let things: HashSet<i64> = trained.iter().map(|o| o.thing_id).collect();
    let heldout = |o: &Object| {
        let known = o.thing_id > 0 && things.contains(&o.thing_id);
        !known && !keys.contains(&key(o)) && !names.contains(o.name.as_str())
    };
    objects.iter().map(heldout).collect()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
