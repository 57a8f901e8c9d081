//! What the HDF5 readers and writers share: errors in our words, text in any of HDF5's forms.

pub(crate) use super::content::{attribute, column, numbers, planes, text, texts};
pub(crate) use super::output::words;
use super::sound::quiet;
pub(crate) use super::sound::{find, find_sparse};
use crate::base::regular;
use crate::data::provenance::{Key, Value};
use crate::files::version::check_not_newer;
use crate::{Error, Result};
use hdf5::types::{FixedAscii, FixedUnicode, TypeDescriptor, VarLenAscii, VarLenUnicode};
use hdf5::{Attribute, Dataset, File, H5Type, Hyperslab, Location, SliceOrIndex};
use ndarray::{ArrayView, ArrayViewD, Dimension};
use std::ops::Range;
use std::path::Path;

/// Longest fixed-length text that is read; HDF5 truncates beyond it. Most are short.
const FIXED: usize = 512;
const LONG: usize = 1 << 14;

/// Opens an HDF5 file for reading.
///
/// # Errors
/// [`Error::Input`] if it is missing, truncated, not HDF5, or of a format of selfsi that came later.
pub(crate) fn open(path: &Path) -> Result<File> {
    let file = open_any(path)?;
    check_not_newer(path, &mut |name| match name {
        // Prepared sets have their own name for it.
        "FMTVER" => key(&file, "fmtver").or_else(|| key(&file, "version")),
        _ => key(&file, &name.to_lowercase()),
    })?;
    Ok(file)
}

/// The name of the format of selfsi that the HDF5 file `path` says it is of; `None` if it says none.
///
/// # Errors
/// As [`open`].
pub(crate) fn format_of(path: &Path) -> Result<Option<String>> {
    let file = open(path)?;
    Ok(text_attribute(&file, "format"))
}

fn open_any(path: &Path) -> Result<File> {
    log::debug!("reading {}", path.display());
    quiet();
    regular::check(path)
        .map_err(|e| Error::input(path, "", e, "an HDF5 file", "check the path"))?;
    File::open(path).map_err(|e| {
        if e.to_string().contains("unable to lock") {
            return Error::input(
                path,
                "",
                "locked by another program, or on a file system without locks",
                "a file that no program is writing",
                "wait for that program, or set HDF5_USE_FILE_LOCKING=FALSE",
            );
        }
        Error::input(
            path,
            "",
            format!("not a readable HDF5 file ({})", words(&e)),
            "a complete HDF5 file",
            "check that the copy is complete (h5ls) and that it is HDF5",
        )
    })
}

/// The dataset at `name`.
///
/// # Errors
/// [`Error::Input`] listing what the file holds instead, or as [`find`].
pub(crate) fn dataset(file: &File, path: &Path, name: &str, expected: &str) -> Result<Dataset> {
    find(file, path, name)?.ok_or_else(|| {
        let names = file.member_names().unwrap_or_default();
        Error::input(
            path,
            format!("dataset {name}"),
            format!("missing (the file holds: {})", names.join(", ")),
            expected,
            "give the dataset's path in the config (survey.source.datasets)",
        )
    })
}

/// An [`Error::Input`] for a failed read of `place`.
pub(crate) fn bad(path: &Path, place: &str, e: &hdf5::Error) -> Error {
    Error::input(
        path,
        place,
        format!("cannot be read ({})", words(e)),
        "readable data of the documented type",
        "check that the copy is complete (h5ls -v)",
    )
}

/// A text attribute in any of HDF5's string forms, the first of several; `None` if absent or not text.
pub(crate) fn text_attribute(at: &Location, name: &str) -> Option<String> {
    texts_attribute(at, name)?.into_iter().next()
}

/// All texts of an attribute; `None` if absent or not text.
pub(crate) fn texts_attribute(at: &Location, name: &str) -> Option<Vec<String>> {
    let attribute = at.attr(name).ok()?;
    fn all<T: H5Type + AsRef<[u8]>>(attribute: &Attribute) -> Option<Vec<String>> {
        let texts = attribute.read_raw::<T>().ok()?;
        Some(texts.iter().map(|v| lossy(v)).collect())
    }
    match attribute.dtype().ok()?.to_descriptor().ok()? {
        TypeDescriptor::VarLenUnicode => all::<VarLenUnicode>(&attribute),
        TypeDescriptor::VarLenAscii => all::<VarLenAscii>(&attribute),
        TypeDescriptor::FixedUnicode(n) if n > FIXED => all::<FixedUnicode<LONG>>(&attribute),
        TypeDescriptor::FixedAscii(n) if n > FIXED => all::<FixedAscii<LONG>>(&attribute),
        TypeDescriptor::FixedUnicode(_) => all::<FixedUnicode<FIXED>>(&attribute),
        TypeDescriptor::FixedAscii(_) => all::<FixedAscii<FIXED>>(&attribute),
        _ => None,
    }
}

/// The text of any of HDF5's string types, which need not be what the type says.
fn lossy(text: &impl AsRef<[u8]>) -> String {
    String::from_utf8_lossy(text.as_ref()).into_owned()
}

/// A [N] dataset of strings or integers, as text.
///
/// # Errors
/// HDF5's error if the type is neither.
pub(crate) fn names(data: &Dataset) -> hdf5::Result<Vec<String>> {
    fn all<T: hdf5::H5Type>(data: &Dataset, f: impl Fn(&T) -> String) -> hdf5::Result<Vec<String>> {
        Ok(data.read_raw::<T>()?.iter().map(f).collect())
    }
    match data.dtype()?.to_descriptor()? {
        TypeDescriptor::VarLenUnicode => all::<VarLenUnicode>(data, lossy),
        TypeDescriptor::VarLenAscii => all::<VarLenAscii>(data, lossy),
        TypeDescriptor::FixedUnicode(n) if n > FIXED => all::<FixedUnicode<LONG>>(data, lossy),
        TypeDescriptor::FixedAscii(n) if n > FIXED => all::<FixedAscii<LONG>>(data, lossy),
        TypeDescriptor::FixedUnicode(_) => all::<FixedUnicode<FIXED>>(data, lossy),
        TypeDescriptor::FixedAscii(_) => all::<FixedAscii<FIXED>>(data, lossy),
        TypeDescriptor::Unsigned(_) => all::<u64>(data, ToString::to_string),
        TypeDescriptor::Integer(_) => all::<i64>(data, ToString::to_string),
        TypeDescriptor::Float(_) => Err(
            "a float is neither text nor an integer, and does not tell integers above 2**53 apart"
                .into(),
        ),
        other => Err(format!("{other} is neither text nor an integer").into()),
    }
}

/// Writes header keys as attributes of their names in lower case.
///
/// # Errors
/// HDF5's.
pub(crate) fn attributes(at: &Location, keys: &[Key]) -> hdf5::Result<()> {
    for Key { name, value, .. } in keys {
        let name = name.to_lowercase();
        match value {
            Value::Text(v) => attribute(at, &name, &text(v))?,
            Value::Whole(v) => attribute(at, &name, v)?,
            Value::Real(v) => attribute(at, &name, v)?,
        }
    }
    Ok(())
}

/// `rows` along an axis, and all of the others.
pub(crate) fn selection(shape: &[usize], axis: usize, rows: Range<usize>) -> Hyperslab {
    let whole = shape.iter().map(|n| SliceOrIndex::from(0..*n));
    let mut axes: Vec<_> = whole.collect();
    axes[axis] = rows.into();
    axes.into()
}

/// Writes rows [n, D], or several of each, [K, n, D], as the part `range` of the rows of a dataset of whatever
/// axes, [N, ..] or [K, N, ..].
///
/// # Errors
/// HDF5's.
pub(crate) fn put<D: Dimension>(
    data: &Dataset,
    rows: ArrayView<f32, D>,
    range: Range<usize>,
) -> hdf5::Result<()> {
    let (mut shape, axis) = (data.shape(), rows.ndim() - 2);
    shape[axis] = range.len();
    let rows = rows.as_standard_layout();
    let view = ArrayViewD::from_shape(shape.as_slice(), rows.as_slice().unwrap_or_default());
    let view = view.map_err(|e| hdf5::Error::from(e.to_string()))?;
    data.write_slice(view, selection(&shape, axis, range))
}

/// An attribute, text or number, as text; `None` if absent.
pub(crate) fn key(file: &File, name: &str) -> Option<String> {
    let number = || {
        let attribute = file.attr(name).ok()?;
        let whole = attribute.read_scalar::<i64>().map(|v| v.to_string());
        let real = || attribute.read_scalar::<f64>().map(|v| v.to_string());
        if attribute.dtype().ok()?.is::<f64>() {
            real().ok()
        } else {
            whole.ok()
        }
    };
    text_attribute(file, name).or_else(number)
}
