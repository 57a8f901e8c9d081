//! The survey's folder: never one that holds something else, the catalog last.

use super::damage::{Damage, damage};
use super::instrument::Instrument;
use super::spec_file::{spec_path, write_catalog, write_spec};
use super::survey::Survey;
use crate::base::atomic;
use crate::base::atomic::Pending;
use crate::files::fits::sheet::{check_written, problem};
use crate::{Error, Result};
use rayon::prelude::*;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Says that a folder is ours; holds the config it was made with.
const MARKER: &str = "mock.toml";
const SPECTRA: &str = "spectra";
const UNFINISHED: &str = ".spectra.part";
pub(super) const CUTOUTS: &str = "cutouts";
pub(super) const CUTOUTS_UNFINISHED: &str = ".cutouts.part";
const CATALOG: &str = "catalog.fits";
/// Name of the file of clean spectra.
pub const TRUTH: &str = "truth.h5";

/// Makes `folder` ready for a mock survey: new, empty, or one of ours, which is emptied.
///
/// # Errors
/// [`Error::Output`] if the folder holds anything else, or cannot be written.
pub fn claim(folder: &Path, config: &str) -> Result<()> {
    let failed =
        |e: std::io::Error| Error::output(folder, e, "check the folder and its permissions");
    fs::create_dir_all(folder).map_err(failed)?;
    let mut entries = fs::read_dir(folder).map_err(failed)?;
    let ours = folder.join(MARKER).exists();
    if !ours && entries.next().is_some() {
        return Err(Error::output(
            folder,
            "the folder is not empty and does not hold a mock survey",
            "give mock.folder another name, or empty it yourself",
        ));
    }
    // The catalog goes first: whoever finds one finds a whole survey.
    for name in [CATALOG, TRUTH] {
        remove(fs::remove_file(folder.join(name))).map_err(failed)?;
    }
    for name in [SPECTRA, UNFINISHED, CUTOUTS, CUTOUTS_UNFINISHED] {
        remove(fs::remove_dir_all(folder.join(name))).map_err(failed)?;
    }
    atomic::write(folder.join(MARKER), config.as_bytes())
}

/// That `path` cannot be written.
pub(super) fn failed(path: &Path, e: &dyn std::fmt::Display) -> Error {
    Error::output(path, e, "check free space and permissions")
}

fn remove(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Writes the spectra of objects `0..n`, `broken` of them damaged, and then the catalog.
///
/// # Errors
/// [`Error::Output`] if a file cannot be written; then there is neither catalog nor `spectra`.
pub fn write_sdss(
    folder: &Path,
    survey: &Survey,
    instrument: &Instrument<'_>,
    n: usize,
    broken: usize,
    progress: impl Fn(usize) + Sync,
) -> Result<()> {
    let unfinished = folder.join(UNFINISHED);
    let objects: Vec<_> = (0..n).map(|i| survey.object(i)).collect();
    let mut last = -1;
    for o in &objects {
        if o.plate != last {
            last = o.plate;
            let plate = unfinished.join(format!("{:04}", o.plate));
            fs::create_dir_all(&plate).map_err(|e| failed(&plate, &e))?;
        }
    }
    let done = AtomicUsize::new(0);
    let written = objects.par_iter().enumerate().try_for_each(|(i, o)| {
        let path = unfinished.join(spec_path(o));
        let damage = damage(i, n, broken);
        if damage != Some(Damage::Missing) {
            let mut observed = instrument.observe(i);
            if let Some(d) = damage {
                d.spoil(&mut observed);
            }
            write_spec(&path, o, &observed, damage != Some(Damage::NoColumn))
                .map_err(|e| failed(&path, &problem(&e)))?;
            check_written(&path)?;
            shorten(&path, damage).map_err(|e| failed(&path, &e))?;
        }
        progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        Ok(())
    });
    if let Err(e) = written {
        let _ = fs::remove_dir_all(&unfinished);
        return Err(e);
    }
    let spectra = folder.join(SPECTRA);
    fs::rename(&unfinished, &spectra).map_err(|e| failed(&spectra, &e))?;
    let catalog = folder.join(CATALOG);
    let pending = Pending::new(&catalog)?;
    pending
        .open(|path| write_catalog(path, &objects))
        .map_err(|e| failed(&catalog, &problem(&e)))?;
    check_written(pending.path())
        .map_err(|_| failed(&catalog, &"the disk did not take all of it"))?;
    pending.commit()
}

fn shorten(path: &Path, damage: Option<Damage>) -> std::io::Result<()> {
    let file = || fs::OpenOptions::new().write(true).open(path);
    match damage {
        Some(Damage::Empty) => file()?.set_len(0),
        Some(Damage::Truncated) => {
            let length = fs::metadata(path)?.len();
            file()?.set_len(length * 3 / 5)
        }
        _ => Ok(()),
    }
}
