//! The formats of what is written, chosen by the extension.

use std::path::Path;

pub(crate) enum Format {
    Fits,
    Hdf5,
}

/// The format that the extension of `path` asks for.
pub(crate) fn format(path: &Path) -> Option<Format> {
    let extension = path.extension()?.to_string_lossy().to_lowercase();
    match extension.as_str() {
        "fits" | "fit" => Some(Format::Fits),
        "h5" | "hdf5" => Some(Format::Hdf5),
        _ => None,
    }
}
