//! Whether a dataset can be what it claims: its values are in the file, in a form that this build reads,
//! and as many as there is room for.

use super::links;
use crate::{Error, Result};
use hdf5::filters::Filter;
use hdf5::plist::dataset_create::Layout;
use hdf5::{Dataset, Group};
use std::ffi::{c_int, c_uint};
use std::path::Path;
use std::sync::Once;

// hdf5-sys declares it with a pointer.
unsafe extern "C" {
    fn H5PLset_loading_state(kinds: c_uint) -> c_int;
}

/// Bytes that one stored byte can stand for at most, compressed by gzip.
const SHRUNK: u64 = 1032;
/// Bytes that any dataset may take.
const SMALL: u64 = 1 << 20;

/// The dataset at `name` of `group` in the file `path`; `None` if there is none.
///
/// # Errors
/// [`Error::Input`] if its values are not in the file, are in a form that is not read, or claimed to be
/// more than the file holds.
pub(crate) fn find(group: &Group, path: &Path, name: &str) -> Result<Option<Dataset>> {
    let data = find_sparse(group, path, name)?;
    if let Some(data) = &data {
        is_written(data, path, name)?;
    }
    Ok(data)
}

/// As [`find`], also where not all of it was ever written: of marks, what is not there marks nothing.
///
/// # Errors
/// As [`find`].
pub(crate) fn find_sparse(group: &Group, path: &Path, name: &str) -> Result<Option<Dataset>> {
    links::stay_inside(group, path, name)?;
    let Ok(data) = group.dataset(name) else {
        return Ok(None);
    };
    check(&data, path, name)?;
    Ok(Some(data))
}

/// The group at `name` of `group`; `None` if there is none, or it is in another file.
pub(crate) fn inner(group: &Group, path: &Path, name: &str) -> Option<Group> {
    links::stay_inside(group, path, name).ok()?;
    group.group(name).ok()
}

fn refused((path, name): (&Path, &str), problem: String, expected: &str, fix: &str) -> Result<()> {
    let place = format!("dataset {name}");
    Err(Error::input(path, place, problem, expected, fix))
}

/// Whether all of a dataset was written: HDF5 reads 0 where nothing was, unless it is told to read NaN,
/// which is masked.
fn is_written(data: &Dataset, path: &Path, name: &str) -> Result<()> {
    let shape = data.shape();
    let chunk = data.chunk().unwrap_or_else(|| shape.clone());
    let some = shape.iter().zip(&chunk);
    let all = some.map(|(n, c)| n.div_ceil((*c).max(1)));
    let all = all.fold(1, usize::saturating_mul);
    let written = match data.is_chunked() {
        true => data.num_chunks().unwrap_or(all),
        false => usize::from(data.storage_size() > 0),
    };
    let fill = || data.dcpl().ok()?.fill_value_as::<f64>();
    if all == 0 || written >= all || written > 0 && fill().is_some_and(f64::is_nan) {
        return Ok(());
    }
    let problem = match written {
        0 => format!("shape {shape:?}, but nothing was ever written to it"),
        n => format!("shape {shape:?}, but only {n} of its {all} chunks were ever written"),
    };
    refused(
        (path, name),
        problem,
        "values",
        "write them, or remove the dataset",
    )
}

fn check(data: &Dataset, path: &Path, name: &str) -> Result<()> {
    let refused =
        |problem: String, expected: &str, fix: &str| refused((path, name), problem, expected, fix);
    let inside = |problem: &str| {
        refused(
            problem.to_owned(),
            "data in the file itself",
            "copy it with h5repack, which puts them there",
        )
    };
    let made = data.dcpl().ok();
    // Before its shape is asked for: HDF5 opens the other files for that.
    if made.as_ref().is_some_and(|m| m.layout() == Layout::Virtual) {
        return inside("a virtual dataset, put together from other files, which are not opened");
    }
    if made.as_ref().is_some_and(|m| !m.external().is_empty()) {
        return inside("its values are in other files (external storage), which are not opened");
    }
    let filters = made.map(|m| m.filters()).unwrap_or_default();
    if let Some(id) = filters
        .iter()
        .map(Filter::id)
        .find(|id| !Filter::get_info(*id).decode_enabled)
    {
        let problem = format!(
            "compressed by {} (HDF5 filter {id}), which is not built in",
            called(id)
        );
        return refused(
            problem,
            "gzip, or no compression",
            "rewrite it: h5repack -f GZIP=4 OLD NEW",
        );
    }
    let size = data.dtype().map_or(1, |t| t.size());
    let shape = data.shape();
    let claimed = shape.iter().try_fold(size, |n, axis| n.checked_mul(*axis));
    let claimed = claimed
        .and_then(|n| u64::try_from(n).ok())
        .unwrap_or(u64::MAX);
    let stored = data.storage_size();
    if stored > 0 && claimed > stored.saturating_mul(SHRUNK).max(SMALL) {
        let problem = format!("shape {shape:?}, more than its {stored} bytes in the file can hold");
        return refused(
            problem,
            "a complete HDF5 file",
            "copy the file again, or write the dataset anew",
        );
    }
    Ok(())
}

/// What the registered filters are called.
fn called(id: i32) -> &'static str {
    match id {
        4 => "szip",
        307 => "bzip2",
        32000 => "lzf",
        32001 => "blosc",
        32004 => "lz4",
        32008 => "bitshuffle",
        32013 => "zfp",
        32015 => "zstd",
        32026 => "blosc2",
        _ => "a filter of its own",
    }
}

/// HDF5 says what fails to us alone, and looks for plugins only where HDF5_PLUGIN_PATH tells it to: else it
/// would search a folder of the machine that it was built on.
pub(super) fn quiet() {
    static ONCE: Once = Once::new();
    hdf5::silence_errors(true);
    ONCE.call_once(|| {
        if std::env::var_os("HDF5_PLUGIN_PATH").is_none() {
            // SAFETY: sets a flag of the library, under its lock.
            hdf5::sync::sync(|| unsafe { H5PLset_loading_state(0) });
        }
    });
}
