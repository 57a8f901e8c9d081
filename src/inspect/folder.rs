//! Facts of a folder of spectra: what its files are, and the survey that they make.

use super::inspection::Inspection;
use super::survey::sum_up;
use crate::config::Config;
use crate::files::fits::read::Fits;
use crate::files::start::{Start, start};
use crate::survey::open::open;
use crate::survey::recognise::{FitsKind, recognise};
use crate::survey::sdss::version;
use crate::{Error, Result};
use rayon::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Names shown of each problem.
const SHOWN: usize = 3;

/// Facts of a folder that holds spectra, at any depth; `None` if it holds none.
///
/// # Errors
/// [`Error::Input`] if the folder cannot be read.
pub(super) fn of_spectra(folder: &Path) -> Result<Option<Inspection>> {
    let mut files = Vec::new();
    for entry in WalkDir::new(folder).follow_links(true).sort_by_file_name() {
        let entry = entry.map_err(|e| {
            let fix = "check its permissions and links";
            Error::input(folder, "", e, "a readable folder", fix)
        })?;
        if entry.file_type().is_file() {
            files.push(entry.into_path());
        }
    }
    let kinds: Vec<std::result::Result<(Kind, String), Error>> =
        files.par_iter().map(kind).collect();
    let has = |wanted: &[Kind]| kinds.iter().flatten().any(|(k, _)| wanted.contains(k));
    let of = |k: FitsKind| Kind::Fits(k);
    let sdss = has(&[
        of(FitsKind::Spec),
        of(FitsKind::Plate),
        of(FitsKind::SpSpec),
    ]);
    let desi = has(&[of(FitsKind::Desi)]);
    if !sdss && !desi {
        return Ok(None);
    }
    let mut i = Inspection::new(folder, "folder of spectra");
    i.fact("files", files.len());
    let mut by_kind: BTreeMap<&str, usize> = BTreeMap::new();
    let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
    for (kind, version) in kinds.iter().flatten() {
        *by_kind.entry(kind.words()).or_default() += 1;
        if !version.is_empty() {
            *versions.entry(version).or_default() += 1;
        }
    }
    i.fact("kinds", json!(by_kind));
    if !versions.is_empty() {
        i.fact("versions", json!(versions));
    }
    let unreadable: Vec<String> = kinds
        .iter()
        .filter_map(|k| k.as_ref().err().map(ToString::to_string))
        .collect();
    if let Some(first) = unreadable.first() {
        let n = unreadable.len();
        i.problem(format!("{n} files cannot be read; the first: {first}"));
    }
    let is = |k: Kind| {
        let some = files.iter().zip(&kinds);
        let some = some.filter(move |(_, found)| found.as_ref().is_ok_and(|(f, _)| *f == k));
        some.map(|(file, _)| file.as_path()).collect::<Vec<&Path>>()
    };
    let other = is(Kind::Other);
    named(
        &mut i,
        folder,
        &other,
        "files are nothing that selfsi knows",
    );
    let dr7 = is(of(FitsKind::SpSpec));
    named(&mut i, folder, &dr7, "spectra of DR7 are not read");
    for (here, source) in [(sdss, "sdss"), (desi, "desi")] {
        if here {
            survey(&mut i, folder, source)?;
        }
    }
    Ok(Some(i))
}

/// The survey that `prepare` would make of the folder, selected by the rules of a config that says nothing.
fn survey(i: &mut Inspection, folder: &Path, kind: &str) -> Result<()> {
    let key = if kind == "sdss" { "spectra" } else { "coadds" };
    let mut source = toml::Table::new();
    source.insert("kind".into(), kind.into());
    source.insert(key.into(), folder.display().to_string().into());
    let mut config = Config::parse(RULES, "inspect", &[])?;
    config.survey.source = toml::Value::Table(source)
        .try_into()
        .map_err(|e| Error::input(folder, "", e, "a folder", "give its path"))?;
    match open(&config.survey.source) {
        Ok(survey) => sum_up(i, &config, &*survey),
        Err(e) => {
            i.problem(e.about());
            Ok(())
        }
    }
}

/// Rules by which every spectrum passes that has a good pixel and no warning.
const RULES: &str = "
[grid]
min = 3000.0
max = 11000.0
pixels = 1024
[survey]
prepared = 'none.h5'
[survey.source]
kind = 'sdss'
spectra = '.'
[select]
coverage_min = 0.0
[normalise]
kind = 'none'
[forward]
kind = 'gaussian'
sigma = 1.0
";

fn named(i: &mut Inspection, folder: &Path, files: &[&Path], what: &str) {
    if files.is_empty() {
        return;
    }
    let short = |p: &&&Path| p.strip_prefix(folder).unwrap_or(p).display().to_string();
    let names: Vec<String> = files.iter().take(SHOWN).map(|p| short(&p)).collect();
    let dots = if files.len() > SHOWN { ", …" } else { "" };
    i.problem(format!(
        "{} {what}: {}{dots}",
        files.len(),
        names.join(", ")
    ));
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Fits(FitsKind),
    Hdf5,
    Picture,
    Text,
    Other,
}

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Self::Fits(FitsKind::Spec) => "SDSS spectra",
            Self::Fits(FitsKind::SpSpec) => "SDSS spectra of DR7",
            Self::Fits(FitsKind::Plate) => "SDSS plates",
            Self::Fits(FitsKind::Desi) => "DESI files",
            Self::Fits(FitsKind::Catalog | FitsKind::Targets) => "catalog tables",
            Self::Fits(FitsKind::Other) => "other FITS files",
            Self::Hdf5 => "HDF5 files",
            Self::Picture => "pictures",
            Self::Text => "texts",
            Self::Other => "others",
        }
    }
}

/// The kind of a file, and the version of the pipeline that made it; empty if it says none.
fn kind(path: &PathBuf) -> Result<(Kind, String)> {
    let start = start(path).map_err(|e| Error::input(path, "", e, "a file", "check it"))?;
    Ok(match start {
        Start::Fits => {
            let mut fits = Fits::open(path)?;
            let kind = recognise(&mut fits)?;
            (Kind::Fits(kind), version(&mut fits)?)
        }
        Start::Hdf5 => (Kind::Hdf5, String::new()),
        Start::Png | Start::Jpeg => (Kind::Picture, String::new()),
        Start::Text | Start::VoTable => (Kind::Text, String::new()),
        _ => (Kind::Other, String::new()),
    })
}
