//! What belongs together: a catalog, its audit, the run that made it.

use super::choice::Choice;
use crate::audit::AuditFile;
use crate::files::fits::read::Fits;
use crate::files::hdf5::read::format_of;
use crate::files::start::{Start, start};
use crate::files::version;
use crate::restored::restorations::Restorations;
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// What a page is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// Restored catalog (FITS) or restored images (FITS or HDF5).
    pub restored: PathBuf,
    /// Clean spectra (HDF5) or images, for studies with known truth.
    pub truth: Option<PathBuf>,
    /// Audit of the catalog.
    pub audit: Option<PathBuf>,
    /// Where an audit may be if none is given; files of other restorations are passed over.
    pub(super) beside: Vec<PathBuf>,
    /// Run folder of the second tab.
    pub run: Option<PathBuf>,
    /// Which objects.
    pub choice: Choice,
}

/// How files of restorations are called if nothing else is asked for.
const USUAL: [&str; 2] = ["restored.fits", "restored.h5"];

impl View {
    /// The page of `path`: of a file of restorations, or of the one in a run folder. Its audit
    /// (`RESTORED.audit.fits` or `audit.fits`) is looked for beside it; its folder is shown as the run
    /// if it is one.
    ///
    /// # Errors
    /// [`Error::Run`] if `path` is a folder without restorations, or with several that could be meant.
    pub fn of(path: &Path) -> Result<Self> {
        let restored = if path.is_dir() {
            restored_in(path)?
        } else {
            path.to_path_buf()
        };
        let folder = match restored.parent() {
            Some(p) if !p.as_os_str().is_empty() => p.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let is_run = folder.join("config.toml").is_file() && folder.join("metrics.jsonl").is_file();
        let audits = [
            restored.with_extension("audit.fits"),
            folder.join("audit.fits"),
        ];
        Ok(Self {
            beside: audits.into_iter().filter(|a| a.is_file()).collect(),
            run: is_run.then_some(folder),
            restored,
            ..Self::default()
        })
    }

    /// The audit of `catalog`: the one that was given, or one beside it. What is beside it and is of another
    /// catalog is passed over, with a warning.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if the one that was given is not of this catalog.
    pub(super) fn audit_of(
        &self,
        catalog: &impl Restorations,
    ) -> Result<Option<(&Path, AuditFile)>> {
        if let Some(path) = &self.audit {
            return Ok(Some((path, AuditFile::open(path, catalog)?)));
        }
        for path in &self.beside {
            match AuditFile::open(path, catalog) {
                Ok(audit) => return Ok(Some((path, audit))),
                Err(e) => log::warn!("{e}; the page goes without it"),
            }
        }
        Ok(None)
    }

    /// The files that a page must not overwrite.
    pub(super) fn inputs(&self) -> impl Iterator<Item = &Path> {
        let given = [
            Some(&self.restored),
            self.truth.as_ref(),
            self.audit.as_ref(),
        ];
        let given = given.into_iter().flatten().chain(&self.beside);
        given.map(PathBuf::as_path)
    }
}

fn restored_in(folder: &Path) -> Result<PathBuf> {
    if let Some(usual) = USUAL
        .map(|n| folder.join(n))
        .into_iter()
        .find(|p| p.is_file())
    {
        return Ok(usual);
    }
    let unreadable = |e: std::io::Error| Error::run(folder, e, "give a folder that can be read");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_file() && is_restored(&path) {
            found.push(path);
        }
    }
    found.sort();
    match &found[..] {
        [one] => Ok(one.clone()),
        [] => Err(Error::run(
            folder,
            "no restored catalog or images in it",
            "restore first: selfsi restore RUN --out RUN/restored.fits, or give the file",
        )),
        several => {
            let names: Vec<_> = several.iter().map(|p| p.display().to_string()).collect();
            Err(Error::run(
                folder,
                format!("several restored files: {}", names.join(", ")),
                "give one of them",
            ))
        }
    }
}

/// Whether a file says that it holds restorations.
fn is_restored(path: &Path) -> bool {
    let format = match start(path) {
        Ok(Start::Fits) => Fits::open(path).and_then(|mut f| {
            f.seek(0)?;
            Ok(f.text_key("FORMAT"))
        }),
        Ok(Start::Hdf5) => format_of(path),
        _ => return false,
    };
    let format = format.ok().flatten().unwrap_or_default();
    [version::RESTORED, version::RESTORED_IMAGES]
        .iter()
        .any(|v| v.name() == format)
}
