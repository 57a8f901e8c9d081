//! What an output must not replace: an input of the same work. Asked before the work.

use super::fits::read::Fits;
use super::hdf5::read::format_of;
use super::start::{Start, start};
use super::version::OURS;
use crate::base::output;
use crate::{Error, Result};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Whether the file `out` can be written and is none of `inputs`, by whatever path or link. What lies in an
/// input that is a folder counts as read, unless selfsi wrote it: a command may be given again. `fix` says
/// which name to change.
///
/// # Errors
/// [`Error::Output`] if not.
pub fn check_output<'a>(
    out: &Path,
    inputs: impl IntoIterator<Item = &'a Path>,
    fix: &str,
) -> Result<()> {
    let place = output::check(out)?;
    let Ok(found) = place.metadata() else {
        return Ok(());
    };
    for input in inputs {
        let Ok(given) = input.metadata() else {
            continue;
        };
        if is_same(&found, &given) {
            return Err(Error::output(out, "this is the input", fix));
        }
        if given.is_dir() && is_below(&place, input) && !is_ours(&place) {
            let problem = format!("this file is in the input {}", input.display());
            return Err(Error::output(out, problem, fix));
        }
    }
    Ok(())
}

fn is_same(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

fn is_below(path: &Path, folder: &Path) -> bool {
    match (path.canonicalize(), folder.canonicalize()) {
        (Ok(path), Ok(folder)) => path.starts_with(folder),
        _ => false,
    }
}

/// Whether the file says that selfsi wrote it.
fn is_ours(path: &Path) -> bool {
    let format = match start(path) {
        Ok(Start::Fits) => Fits::open(path).ok().and_then(|mut f| f.text_key("FORMAT")),
        Ok(Start::Hdf5) => format_of(path).ok().flatten(),
        _ => None,
    };
    format.is_some_and(|name| name.starts_with(OURS))
}
