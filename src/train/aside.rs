//! Making room for another run in a folder.

use super::own::{CONFIG, DIFFUSION, EVENTS, PROVENANCE, TRAINED};
use crate::base::lock::FolderLock;
use crate::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Moves the run in `folder`, and of what was made with it the files `also`, to a new folder in it, which is
/// returned: before-1, before-2 and so on.
///
/// # Errors
/// [`Error::Output`] if something cannot be moved, or another process writes into the folder.
pub fn set_aside(folder: &Path, also: &[&str]) -> Result<PathBuf> {
    let failed = |e: std::io::Error| {
        let fix = "check its permissions, or give --out another name";
        Error::output(folder, e, fix)
    };
    let _lock = FolderLock::take(folder)?;
    let names = (1..).map(|n| folder.join(format!("before-{n}")));
    let aside = names.into_iter().find(|f| !f.exists()).unwrap_or_default();
    fs::create_dir(&aside).map_err(failed)?;
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut found: Vec<_> = entries.filter_map(|e| Some(e.ok()?.file_name())).collect();
    // The config first: a folder without one is no run.
    let own = [CONFIG, PROVENANCE, DIFFUSION];
    let rank = |name: &std::ffi::OsString| {
        let known = own
            .iter()
            .chain(&TRAINED)
            .chain(also)
            .position(|k| name == k);
        let events = name.to_string_lossy().starts_with(EVENTS);
        known.or(events.then_some(usize::MAX))
    };
    found.retain(|n| rank(n).is_some());
    found.sort_by_key(rank);
    for name in found {
        fs::rename(folder.join(&name), aside.join(&name)).map_err(failed)?;
    }
    Ok(aside)
}
