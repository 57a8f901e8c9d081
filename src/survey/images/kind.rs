//! What a path holds, recognised by its content.

use crate::files;
pub(crate) use crate::files::start::Start;
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Extensions of the files that count as pictures in a folder.
const PICTURES: [&str; 9] = [
    ".png", ".jpg", ".jpeg", ".fits", ".fit", ".fts", ".fits.gz", ".fit.gz", ".fits.fz",
];

/// What the names of other images and arrays have in them.
const OTHERS: [&str; 14] = [
    ".fit", ".fts", ".png", ".jpg", ".jpeg", ".tif", ".gif", ".bmp", ".webp", ".jp2", ".npy",
    ".npz", ".h5", ".hdf5",
];

/// What a path holds.
#[derive(Debug)]
pub(crate) enum Kind {
    /// The training batches of CIFAR-10, in order.
    CifarFolder(Vec<PathBuf>),
    /// One batch of CIFAR-10.
    Cifar,
    /// Single images, one a file, sorted by name; and images or arrays of the folder that no reader of
    /// single images takes.
    Pictures(Vec<PathBuf>, Vec<PathBuf>),
    Fits,
    Hdf5,
    Npy,
}

/// Bytes of one image of a CIFAR-10 batch: its class, then 3 × 32 × 32.
pub(crate) const CIFAR_RECORD: u64 = 1 + 3 * 32 * 32;

/// The kind of `path`.
///
/// # Errors
/// [`Error::Input`] if it is missing or holds no images that we know.
pub(crate) fn of(path: &Path) -> Result<Kind> {
    if path.is_dir() {
        return folder(path);
    }
    match start(path)? {
        Start::Fits => Ok(Kind::Fits),
        Start::Hdf5 => Ok(Kind::Hdf5),
        Start::Npy => Ok(Kind::Npy),
        Start::Pickle => Err(pickled(path)),
        Start::Png | Start::Jpeg => Ok(Kind::Pictures(vec![path.to_path_buf()], Vec::new())),
        // The binary batches have no signature but their length.
        Start::Other | Start::Text if is_cifar_length(path) => Ok(Kind::Cifar),
        Start::VoTable | Start::Text | Start::Other => Err(Error::input(
            path,
            "",
            "not an image format that selfsi reads",
            "FITS, HDF5, npy, PNG, JPEG or a CIFAR-10 batch",
            "convert it (numpy.save, h5py), or unpack it first",
        )),
    }
}

/// How the file at `path` begins.
///
/// # Errors
/// [`Error::Input`] if it cannot be read.
pub(crate) fn start(path: &Path) -> Result<Start> {
    files::start::start(path)
        .map_err(|e| Error::input(path, "", e, "a readable file", "check the path"))
}

/// That `path` is a pickle, as the batches of CIFAR-10's Python version are.
pub(crate) fn pickled(path: &Path) -> Error {
    Error::input(
        path,
        "",
        "a Python pickle, which selfsi does not read",
        "FITS, HDF5, npy, PNG, JPEG or a CIFAR-10 batch of the binary version",
        "take CIFAR-10's binary version, or turn its Python version into .npy with data/cifar10.py",
    )
}

fn is_cifar_length(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|m| m.len() > 0 && m.len().is_multiple_of(CIFAR_RECORD))
}

fn folder(path: &Path) -> Result<Kind> {
    let unreadable = |e: &dyn std::fmt::Display| {
        Error::input(path, "", e, "a readable folder", "check permissions")
    };
    let mut batches = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|e| unreadable(&e))? {
        let file = entry.map_err(|e| unreadable(&e))?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let number = name
            .strip_prefix("data_batch_")
            .map(|n| n.trim_end_matches(".bin"));
        if number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())) {
            batches.push(file.clone());
        }
    }
    if !batches.is_empty() {
        batches.sort();
        return Ok(Kind::CifarFolder(batches));
    }
    let (mut files, mut passed_over) = (Vec::new(), Vec::new());
    for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
        let entry = entry.map_err(|e| unreadable(&e))?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        let picture = PICTURES.iter().any(|e| name.ends_with(e)) && !name.starts_with('.');
        let other = OTHERS.iter().any(|o| name.contains(o)) && !name.starts_with('.');
        if picture && entry.file_type().is_file() {
            files.push(entry.into_path());
        } else if other && entry.file_type().is_file() {
            passed_over.push(entry.into_path());
        }
    }
    if files.is_empty() {
        return Err(Error::input(
            path,
            "",
            "a folder without images",
            "PNG, JPEG or FITS files, or the data_batch_* of CIFAR-10",
            "give the folder of the images; HDF5, npy and FITS cubes by their own paths",
        ));
    }
    Ok(Kind::Pictures(files, passed_over))
}
