//! How large a file is, before anything that it claims is believed.

use super::headers;
use crate::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// How a gzipped file begins.
pub(super) const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Values that one byte can stand for at most, compressed by gzip or in tiles.
pub(super) const SHRUNK: usize = 1032;
/// Values that one byte can hold at most as it is: bits (TFORM `X`).
pub(super) const BITS: usize = 8;

/// How many bytes there are in a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(super) bytes: usize,
    /// Not gzipped.
    pub(super) plain: bool,
}

/// The extent of the file `path`, which is there and whose headers claim nothing impossible.
///
/// # Errors
/// [`Error::Input`] otherwise.
pub(crate) fn extent(path: &Path) -> Result<Extent> {
    let missing = |e| Error::input(path, "", e, "a FITS file", "check the path");
    let mut file = File::open(path).map_err(missing)?;
    let length = file.metadata().map_err(missing)?.len();
    let mut start = [0; 2];
    let plain = file.read_exact(&mut start).is_ok() && start != GZIP;
    if plain && let Some(problem) = headers::impossible(&mut file).map_err(missing)? {
        return Err(Error::input(
            path,
            "",
            format!("{problem}: damaged"),
            "sizes that a FITS file can have",
            "copy or download the file again",
        ));
    }
    let bytes = usize::try_from(length).unwrap_or(usize::MAX);
    Ok(Extent { bytes, plain })
}
