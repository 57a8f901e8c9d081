//! What the paths that a user gives are.

use crate::files::fits::read::Fits;
use crate::files::hdf5::read::{find, format_of, open};
use crate::files::start::{Start, start};
use crate::files::version;
use crate::survey::images;
use crate::survey::recognise::{FitsKind, recognise};
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// A kind of source, as `survey.source.kind` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sdss,
    Desi,
    Hdf5,
    Images,
}

/// Formats of selfsi that hold no observations.
const OURS: [&str; 6] = [
    version::PREPARED.name(),
    version::PREPARED_IMAGES.name(),
    version::RESTORED_IMAGES.name(),
    version::GENERATED.name(),
    version::TRUTH.name(),
    version::TOY.name(),
];

/// The kind of the observations at `paths`, these paths, and the catalog among them.
///
/// # Errors
/// [`Error::Input`] for a path that is none of these, or for several kinds.
pub(super) fn kind(paths: &[PathBuf]) -> Result<(Kind, Vec<PathBuf>, Option<PathBuf>)> {
    let (mut kinds, mut kept, mut catalog) = (Vec::new(), Vec::new(), None);
    for path in paths {
        match of(path)? {
            Some(kind) => {
                kinds.push(kind);
                kept.push(path.clone());
            }
            None if catalog.is_none() => catalog = Some(path.clone()),
            None => return Err(refused(path, "a second catalog", "give one of them")),
        }
    }
    match kinds.first() {
        Some(first) if kinds.iter().all(|k| k == first) => Ok((*first, kept, catalog)),
        Some(_) => {
            let fix = "make a config for each kind";
            Err(refused(&kept[0], "sources of several kinds", fix))
        }
        None => {
            let fix = "give the spectra or images, too";
            Err(refused(&paths[0], "a catalog, but no observations", fix))
        }
    }
}

/// `None` for a catalog.
fn of(path: &Path) -> Result<Option<Kind>> {
    let unreadable = |e: std::io::Error| {
        let expected = "spectra or images";
        Error::input(path, "", e, expected, "give files that can be read")
    };
    if path.is_dir() {
        return Ok(Some(in_folder(path).unwrap_or(Kind::Images)));
    }
    match start(path).map_err(unreadable)? {
        Start::Fits => match recognise(&mut Fits::open(path)?)? {
            FitsKind::Spec | FitsKind::Plate | FitsKind::SpSpec => Ok(Some(Kind::Sdss)),
            FitsKind::Desi => Ok(Some(Kind::Desi)),
            FitsKind::Catalog | FitsKind::Targets => Ok(None),
            FitsKind::Other => Ok(Some(Kind::Images)),
        },
        Start::Hdf5 => {
            if let Some(format) = format_of(path)?.filter(|f| OURS.contains(&&**f)) {
                let problem = format!("a file of selfsi itself ({format})");
                return Err(refused(path, &problem, "give the observations"));
            }
            let file = open(path)?;
            let images = find(&file, path, "images")?.is_some();
            Ok(Some(if images { Kind::Images } else { Kind::Hdf5 }))
        }
        Start::Text | Start::VoTable => Ok(None),
        _ => Ok(Some(Kind::Images)),
    }
}

/// What the names of the files in a folder say, as the readers go by them.
fn in_folder(folder: &Path) -> Option<Kind> {
    let files = WalkDir::new(folder).follow_links(true).into_iter();
    let names = files.filter_map(|e| Some(e.ok()?.file_name().to_str()?.to_owned()));
    names.into_iter().find_map(|name| {
        let fits = name.trim_end_matches(".gz").ends_with(".fits");
        let begins = |all: &[&str]| all.iter().any(|p| name.starts_with(p));
        match fits {
            true if begins(&["spec-", "spPlate-"]) => Some(Kind::Sdss),
            true if begins(&["coadd-", "spectra-"]) => Some(Kind::Desi),
            _ => name.starts_with("spSpec-").then_some(Kind::Sdss),
        }
    })
}

/// The shape of the images at `path`, if it can be told.
pub(super) use images::guess;

fn refused(path: &Path, problem: &str, fix: &str) -> Error {
    let expected = "SDSS spec files, DESI coadds, an HDF5 catalog, images, or folders of them";
    Error::input(path, "", problem, expected, fix)
}
