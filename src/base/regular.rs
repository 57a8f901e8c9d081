//! Opening what must be a file: a FIFO would wait for a writer for ever, a device has no end.

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Opens the file `path` for reading; symbolic links are followed.
///
/// # Errors
/// The system's, or that it is no file.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    check(path)?;
    // What has taken its place meanwhile is not waited for, and looked at again.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    refuse(file.metadata()?.file_type())?;
    Ok(file)
}

/// Whether `path` is there and a file.
///
/// # Errors
/// As [`open`].
pub(crate) fn check(path: &Path) -> io::Result<()> {
    refuse(std::fs::metadata(path)?.file_type())
}

/// Reads the whole file `path`.
///
/// # Errors
/// As [`open`].
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads the whole file `path` as UTF-8.
///
/// # Errors
/// As [`open`], or that it is not UTF-8.
pub(crate) fn read_to_string(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open(path)?.read_to_string(&mut text)?;
    Ok(text)
}

fn refuse(kind: FileType) -> io::Result<()> {
    let what = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "a folder",
        () if kind.is_fifo() => "a FIFO",
        () if kind.is_socket() => "a socket",
        () => "a device",
    };
    Err(io::Error::new(
        ErrorKind::InvalidInput,
        format!("{what}, not a file"),
    ))
}
