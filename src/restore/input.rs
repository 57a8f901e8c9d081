//! What a user gives to restore, by its content: a prepared set, spec files, an HDF5 catalog, or
//! the config of another survey.

use super::Selection;
use crate::atomic::Pending;
use crate::catalog::{
    FLUX_UNIT, LogGrid, Object, Prepared, Report, prepare_from, rejected_path, says_prepared,
};
use crate::config::{Columns, Config, NormaliseConfig, SurveySource};
use crate::train::is_heldout;
use crate::{Error, Result};
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What the user gave.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// Nothing: the run's own prepared set.
    pub paths: &'a [PathBuf],
    /// A table that names spec files and gives their redshifts.
    pub catalog: Option<&'a Path>,
}

/// Observations that are ready to restore.
#[derive(Debug)]
pub struct Input {
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
        not_the_output(out, paths.iter().map(PathBuf::as_path).chain(given.catalog))?;
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
        let heldout = |o: &Object| is_heldout(&o.name, config.seed, config.train.heldout);
        Ok(Self {
            rows: (0..set.len()).collect(),
            heldout: set.objects().iter().map(heldout).collect(),
            origin: vec![format!("input: prepared set {}", path.display())],
            notes: Vec::new(),
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
        let (heldout, unknown) = heldout(config, set.objects());
        let mut notes = notes(&report, catalog.is_some());
        notes.extend(unknown);
        let named = paths
            .iter()
            .chain(catalog.map(Path::to_path_buf).iter())
            .map(|p| format!("input: {}", p.display()))
            .collect();
        Ok(Self {
            rows: (0..set.len())
                .filter(|i| catalog.is_none() || !set.objects()[*i].source.is_empty())
                .collect(),
            heldout,
            origin: named,
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

    /// Whether each row of the set was kept out of training; false where that cannot be known.
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
        let wanted = self.rows.iter().copied();
        let rows: Vec<usize> = wanted
            .filter(|i| !s.heldout_only || self.heldout[*i])
            .skip(s.first)
            .take(s.count)
            .collect();
        if rows.is_empty() {
            return Err(Error::input(
                self.set.path(),
                "",
                "no row is selected",
                "at least one",
                "change --mintarget, -n or --heldout",
            ));
        }
        Ok(rows)
    }
}

/// What `paths` are, by content; `None` for a prepared set.
fn survey(
    config: &Config,
    paths: &[PathBuf],
    catalog: Option<&Path>,
) -> Result<Option<SurveySource>> {
    let first = &paths[0];
    let columns = match &config.survey.source {
        SurveySource::Sdss { columns, .. } => columns.clone(),
        SurveySource::Hdf5 { .. } => Columns::default(),
    };
    let spectra = SurveySource::Sdss {
        spectra: paths.to_vec(),
        catalog: catalog.map(Path::to_path_buf),
        columns,
    };
    let kinds = paths.iter().map(|p| kind(p)).collect::<Result<Vec<_>>>()?;
    if kinds.iter().all(|k| *k == Kind::Spectra) {
        return Ok(Some(spectra));
    }
    let alone = |problem: &str| {
        Error::input(
            first,
            "",
            problem,
            "SDSS spec files or folders of them, or one prepared set, HDF5 catalog or TOML config",
            "restore the others by themselves",
        )
    };
    if paths.len() > 1 {
        return Err(alone("inputs of several kinds"));
    }
    if catalog.is_some() {
        return Err(alone("--catalog is for spec files alone"));
    }
    match kinds[0] {
        Kind::Hdf5 => hdf5(config, first).map(Some),
        Kind::Config => Ok(Some(Config::load(first, &[])?.survey.source)),
        Kind::Prepared | Kind::Spectra => Ok(None),
    }
}

/// An HDF5 catalog is read as the run's own was.
fn hdf5(config: &Config, path: &Path) -> Result<SurveySource> {
    match &config.survey.source {
        SurveySource::Hdf5 {
            datasets,
            wavelength,
            flux_unit,
            ..
        } => Ok(SurveySource::Hdf5 {
            file: path.to_path_buf(),
            datasets: datasets.clone(),
            wavelength: *wavelength,
            flux_unit: flux_unit.clone(),
        }),
        SurveySource::Sdss { .. } => Err(Error::input(
            path,
            "",
            "an HDF5 catalog, and the run's config does not say how to read one (datasets, air or vacuum, unit)",
            "a prepared set, SDSS spec files, or a config with [survey.source] kind = \"hdf5\"",
            "write a config for it and give that config as INPUT, or `selfsi prepare` it",
        )),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A folder, or a FITS file.
    Spectra,
    Prepared,
    Hdf5,
    Config,
}

fn kind(path: &Path) -> Result<Kind> {
    if path.is_dir() {
        return Ok(Kind::Spectra);
    }
    let mut start = [0u8; 8];
    let read = std::fs::File::open(path).and_then(|mut f| f.read(&mut start));
    let n = read.map_err(|e| unknown(path, &e.to_string()))?;
    let start = &start[..n];
    if start == b"\x89HDF\r\n\x1a\n" {
        return Ok(if says_prepared(path) {
            Kind::Prepared
        } else {
            Kind::Hdf5
        });
    }
    if start.starts_with(b"SIMPLE") || start.starts_with(&[0x1f, 0x8b]) {
        return Ok(Kind::Spectra);
    }
    if start.is_empty() || start.contains(&0) || std::fs::read_to_string(path).is_err() {
        return Err(unknown(path, "neither FITS, HDF5 nor TOML"));
    }
    Ok(Kind::Config)
}

fn unknown(path: &Path, problem: &str) -> Error {
    Error::input(
        path,
        "",
        problem,
        "a prepared set, a folder of SDSS spec files, spec files, an HDF5 catalog or a TOML config",
        "check the path",
    )
}

fn not_the_output<'a>(out: &Path, inputs: impl Iterator<Item = &'a Path>) -> Result<()> {
    let Ok(out_file) = out.canonicalize() else {
        return Ok(());
    };
    for input in inputs {
        if input.canonicalize().is_ok_and(|i| i == out_file) {
            return Err(Error::output(
                out,
                "this is the input",
                "give --out another name",
            ));
        }
    }
    Ok(())
}

/// Without normalisation the network knows fluxes in one unit alone.
fn same_unit(config: &Config, source: &SurveySource, path: &Path) -> Result<()> {
    let unit = |s: &SurveySource| match s {
        SurveySource::Sdss { .. } => FLUX_UNIT.to_owned(),
        SurveySource::Hdf5 { flux_unit, .. } => flux_unit.clone(),
    };
    let (ours, theirs) = (unit(&config.survey.source), unit(source));
    if config.normalise != NormaliseConfig::None || ours == theirs {
        return Ok(());
    }
    Err(Error::input(
        path,
        "flux_unit",
        format!("flux in `{theirs}`, and the run was trained on fluxes as they are"),
        format!("`{ours}`"),
        "convert the flux, or train a run with [normalise]",
    ))
}

fn same_grid(config: &Config, set: &Prepared) -> Result<()> {
    let (a, b) = (LogGrid::new(&config.grid), set.grid());
    if a.pixels == b.pixels
        && (a.loglam0 - b.loglam0).abs() <= 1e-9
        && (a.dloglam - b.dloglam).abs() <= 1e-12
    {
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

/// Whether raw observations were kept out of training, which went by the names of the training
/// set; spec files without a catalog have other names. Where the training set is not at hand that
/// is unknown, false is the safe answer, and the second value says so.
fn heldout(config: &Config, objects: &[Object]) -> (Vec<bool>, Option<String>) {
    let training = &config.survey.prepared;
    let Ok(set) = Prepared::open(training) else {
        let note = format!(
            "HELDOUT is false throughout: the training set {} is not there to compare with",
            training.display()
        );
        return (vec![false; objects.len()], Some(note));
    };
    let names: HashMap<_, _> = set
        .objects()
        .iter()
        .filter(|o| o.plate >= 0)
        .map(|o| ((o.plate, o.mjd, o.fiberid), o.name.as_str()))
        .collect();
    let heldout = |o: &Object| {
        let name = names.get(&(o.plate, o.mjd, o.fiberid)).copied();
        is_heldout(name.unwrap_or(&o.name), config.seed, config.train.heldout)
    };
    (objects.iter().map(heldout).collect(), None)
}

fn notes(report: &Report, catalog: bool) -> Vec<String> {
    let mut notes = Vec::new();
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

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
