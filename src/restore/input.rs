//! Observations brought to the form in which a run restores them.

use super::given::{Given, same_unit, survey};
use super::selection::Selection;
use crate::base::atomic::{Pending, not_an_input};
use crate::config::{Config, NormaliseConfig, SurveySource};
use crate::data::{LogGrid, Object, flag};
use crate::prepare::{Prepared, Report, SpectraDetails, prepare_from, rejected_path};
use crate::train::is_trained;
use crate::{Error, Result};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Observations that are ready to restore.
#[derive(Debug)]
pub struct Input {
    /// For messages: the first that was given.
    path: PathBuf,
    set: Prepared,
    /// The rows that take part: all, or those of a catalog whose spec files were given.
    rows: Vec<usize>,
    heldout: Vec<bool>,
    origin: Vec<String>,
    notes: Vec<String>,
    /// The set made here, removed when this is dropped.
    _temporary: Option<Pending>,
}

impl Input {
    /// Opens what was given. Raw observations are prepared by the rules of `config` (grid, mask,
    /// selection, normalisation) into a temporary set beside `out`.
    ///
    /// # Errors
    /// [`Error::Input`] if it is none of the known kinds, unreadable, on another grid or without a
    /// usable spectrum; [`Error::Output`] if `out` is the input, or the temporary set cannot be
    /// written.
    pub fn open(
        config: &Config,
        given: Given<'_>,
        out: &Path,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Self> {
        let own = [config.survey.prepared.clone()];
        let paths = if given.paths.is_empty() {
            &own[..]
        } else {
            given.paths
        };
        let inputs = paths.iter().map(PathBuf::as_path).chain(given.catalog);
        not_an_input(out, inputs, "give --out another name")?;
        match survey(config, paths, given.catalog)? {
            None => Self::prepared(config, &paths[0]),
            Some(source) => {
                same_unit(config, &source, &paths[0])?;
                Self::raw(config, &source, paths, given.catalog, out, progress)
            }
        }
    }

    fn prepared(config: &Config, path: &Path) -> Result<Self> {
        let set = Prepared::open(path)?;
        same_grid(config, &set)?;
        let by_name = |o: &Object| !is_trained(o, config.seed, &config.train);
        let heldout = heldout(config, &set);
        Ok(Self {
            path: path.to_path_buf(),
            rows: (0..set.len()).collect(),
            // A training set that was moved: the names are those of training all the same.
            heldout: heldout.unwrap_or_else(|| set.objects().iter().map(by_name).collect()),
            origin: vec![format!("input: {}", path.display())],
            notes: unlike_training(config, &set).into_iter().collect(),
            set,
            _temporary: None,
        })
    }

    fn raw(
        config: &Config,
        source: &SurveySource,
        paths: &[PathBuf],
        catalog: Option<&Path>,
        out: &Path,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Self> {
        let temporary = Pending::new(with_suffix(out, ".prepared.h5"))?;
        let report = prepare_from(config, source, temporary.path(), progress)?;
        let _ = std::fs::remove_file(rejected_path(temporary.path()));
        let set = Prepared::open(temporary.path())?;
        let mut notes = notes(&report, catalog.is_some());
        let heldout = heldout(config, &set).unwrap_or_else(|| {
            notes.push(format!(
                "HELDOUT is false in every row: the training set {} is missing, so it is unknown which rows were held out",
                config.survey.prepared.display()
            ));
            vec![false; set.len()]
        });
        let inputs = paths.iter().map(PathBuf::as_path).chain(catalog);
        let origin = inputs.map(|p| format!("input: {}", p.display())).collect();
        Ok(Self {
            rows: (0..set.len())
                .filter(|i| catalog.is_none() || !set.objects()[*i].source.is_empty())
                .collect(),
            heldout,
            origin,
            path: paths[0].clone(),
            notes,
            set,
            _temporary: Some(temporary),
        })
    }

    /// The observations, on the common grid.
    #[must_use]
    pub fn set(&self) -> &Prepared {
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
        choose(&self.path, self.rows.iter().copied(), &self.heldout, s)
    }
}

/// Those of `rows`, ascending, that `s` chooses; `path` is named where there are none.
pub(super) fn choose(
    path: &Path,
    rows: impl Iterator<Item = usize>,
    heldout: &[bool],
    s: Selection,
) -> Result<Vec<usize>> {
    let rows: Vec<usize> = rows
        .filter(|i| !s.heldout_only || heldout[*i])
        .skip(s.first)
        .take(s.count)
        .collect();
    if rows.is_empty() {
        return Err(Error::input(
            path,
            "",
            "no row is selected",
            "at least one",
            "change --mintarget, -n or --heldout",
        ));
    }
    Ok(rows)
}

fn same_grid(config: &Config, set: &Prepared) -> Result<()> {
    if LogGrid::new(&config.grid).matches(&set.grid()) {
        return Ok(());
    }
    Err(Error::input(
        set.path(),
        "loglam",
        "this set is on another wavelength grid than the run was trained on",
        format!(
            "{} pixels from {} to {} Å",
            config.grid.pixels, config.grid.min, config.grid.max
        ),
        "prepare it with the run's config.toml",
    ))
}

/// Whether each object of `input` was kept out of training; `None` if the training set is not at
/// hand. Where that is the input itself, its objects are not read a second time.
fn heldout(config: &Config, input: &Prepared) -> Option<Vec<bool>> {
    let training = &config.survey.prepared;
    let objects = input.objects();
    let same = training.canonicalize().ok()? == input.path().canonicalize().ok()?;
    if same {
        return Some(kept_out(config, objects, objects));
    }
    let set = Prepared::open(training).ok()?;
    Some(kept_out(config, set.objects(), objects))
}

/// Whether each of `objects` was kept out of training: it is not among those of the training
/// `set`, by its THING_ID, by its plate, MJD and fibre or by its name, or took no part there.
pub(super) fn kept_out(config: &Config, set: &[Object], objects: &[Object]) -> Vec<bool> {
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

/// In what a prepared set differs from what the run was trained on: restored all the same, but
/// nothing was learned there.
fn unlike_training(config: &Config, set: &Prepared) -> Option<String> {
    let (low, high) = (config.select.z_min, config.select.z_max);
    let usable = || set.objects().iter().filter(|o| o.flag == flag::GOOD);
    let outside = usable().filter(|o| o.z < low || o.z > high).count();
    let mut differences = Vec::new();
    if outside > 0 {
        differences.push(format!(
            "{outside} of {} usable rows are outside the redshifts {low} to {high} that the run learned from",
            usable().count()
        ));
    }
    match normalisation(set.config()) {
        Some(n) if n == config.normalise => {}
        Some(_) => differences.push("the set was not normalised as the run's ([normalise])".into()),
        None => differences.push("the set does not say how it was normalised".into()),
    }
    let differs = !differences.is_empty();
    differs.then(|| {
        format!(
            "{}: {}: the restorations are extrapolations",
            set.path().display(),
            differences.join("; ")
        )
    })
}

/// `[normalise]` of a set's config, the TOML `text`; `None` if it is not one.
fn normalisation(text: &str) -> Option<NormaliseConfig> {
    let table: toml::Table = text.parse().ok()?;
    table.get("survey")?;
    let Some(section) = table.get("normalise") else {
        return Some(NormaliseConfig::default());
    };
    section.clone().try_into().ok()
}

fn notes(report: &Report<SpectraDetails>, catalog: bool) -> Vec<String> {
    let mut notes = Vec::new();
    let report = &report.details;
    if catalog && report.rows_without_file > 0 {
        notes.push(format!(
            "{} rows of the catalog name no file of the input and were left out",
            report.rows_without_file
        ));
    }
    for (files, what) in [
        (&report.files_without_row, "are not in the catalog"),
        (&report.twin_files, "repeat a spectrum"),
    ] {
        if let Some(first) = files.first() {
            notes.push(format!(
                "{} spec files {what} and were left out, such as {}",
                files.len(),
                first.display()
            ));
        }
    }
    notes
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
