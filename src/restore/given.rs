//! What a user gives to restore, recognised by its content: a prepared set, spec files, an HDF5 catalog, or
//! the config of another survey.

use crate::config::{Columns, Config, NormaliseConfig, SurveySource};
use crate::files::hdf5::read::format_of;
use crate::files::start::{Start, start};
use crate::files::version;
use crate::survey::FLUX_UNIT;
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// What the user gave.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// Nothing: the run's own prepared set.
    pub paths: &'a [PathBuf],
    /// A table that names spec files and gives their redshifts.
    pub catalog: Option<&'a Path>,
}

/// What `paths` are, by content; `None` for a prepared set.
pub(super) fn survey(
    config: &Config,
    paths: &[PathBuf],
    catalog: Option<&Path>,
) -> Result<Option<SurveySource>> {
    let first = &paths[0];
    let catalog_path = catalog.map(Path::to_path_buf);
    let sdss = |columns: &Columns| SurveySource::Sdss {
        spectra: paths.to_vec(),
        catalog: catalog_path.clone(),
        columns: columns.clone(),
    };
    let spectra = match &config.survey.source {
        SurveySource::Sdss { columns, .. } => sdss(columns),
        SurveySource::Desi { columns, .. } => SurveySource::Desi {
            coadds: paths.to_vec(),
            catalog: catalog_path,
            columns: columns.clone(),
        },
        SurveySource::Hdf5 { .. } | SurveySource::Images { .. } => sdss(&Columns::default()),
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
            "SDSS spec files, DESI coadds or folders of them, or one prepared set, HDF5 catalog or TOML config",
            "restore the others separately",
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
        SurveySource::Sdss { .. } | SurveySource::Desi { .. } | SurveySource::Images { .. } => {
            Err(Error::input(
                path,
                "",
                "an HDF5 catalog, but the run's config does not say how to read one (datasets, air or vacuum, unit)",
                "a prepared set, SDSS spec files, or a config with [survey.source] kind = \"hdf5\"",
                "write a config for it and give that config as INPUT, or `selfsi prepare` it",
            ))
        }
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
    match start(path).map_err(|e| unknown(path, &e.to_string()))? {
        Start::Hdf5 => {
            let prepared = format_of(path)?.as_deref() == Some(version::PREPARED.name());
            Ok(if prepared { Kind::Prepared } else { Kind::Hdf5 })
        }
        Start::Fits => Ok(Kind::Spectra),
        Start::Text => Ok(Kind::Config),
        _ => Err(unknown(path, "neither FITS, HDF5 nor TOML")),
    }
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

/// Without normalisation the network knows fluxes in one unit alone.
pub(super) fn same_unit(config: &Config, source: &SurveySource, path: &Path) -> Result<()> {
    let unit = |s: &SurveySource| match s {
        SurveySource::Sdss { .. } | SurveySource::Desi { .. } => FLUX_UNIT.to_owned(),
        SurveySource::Hdf5 { flux_unit, .. } => flux_unit.clone(),
        SurveySource::Images { unit, .. } => unit.join(", "),
    };
    let (ours, theirs) = (unit(&config.survey.source), unit(source));
    if config.normalise != NormaliseConfig::None || ours == theirs {
        return Ok(());
    }
    Err(Error::input(
        path,
        "flux_unit",
        format!("flux in `{theirs}`, but the run was trained on fluxes without normalisation"),
        format!("`{ours}`"),
        "convert the flux, or train a run with [normalise]",
    ))
}
