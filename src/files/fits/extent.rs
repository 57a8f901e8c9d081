//! How large a file is, before anything that it claims is believed.

use super::gzip::{self, GZIP};
use super::headers;
use crate::base::regular;
use crate::{Error, Result};
use std::io::{self, Read, Seek};
use std::path::Path;

/// Values that one byte can hold at most as it is: bits (TFORM `X`).
pub(super) const BITS: usize = 8;
/// How files packed by other programs begin: cfitsio would unpack them, however large they become.
const PACKED: [&[u8]; 5] = [b"\x1f\x9d", b"\x1f\x1e", b"\x1f\xa0", b"PK", b"BZh"];

/// How many bytes there are in a file, unpacked.
#[derive(Debug)]
pub(crate) struct Extent {
    pub(super) bytes: usize,
    /// What a gzipped file holds.
    pub(super) unpacked: Option<Vec<u8>>,
}

/// The extent of the file `path`, which is there and whose headers claim nothing impossible.
///
/// # Errors
/// [`Error::Input`] otherwise.
pub(crate) fn extent(path: &Path) -> Result<Extent> {
    let missing = |e| Error::input(path, "", e, "a FITS file", "check the path");
    let impossible = |problem: String| {
        Error::input(
            path,
            "",
            format!("{problem}: damaged"),
            "sizes that a FITS file can have",
            "copy or download the file again",
        )
    };
    let mut file = regular::open(path).map_err(missing)?;
    let length = file.metadata().map_err(missing)?.len();
    let mut start = Vec::new();
    let found = file.by_ref().take(3).read_to_end(&mut start);
    found.and_then(|_| file.rewind()).map_err(missing)?;
    if PACKED.iter().any(|with| start.starts_with(with)) {
        return Err(Error::input(
            path,
            "",
            "packed by another program than gzip",
            "a FITS file, gzipped or not",
            "unpack it first",
        ));
    }
    let unpacked = if start.starts_with(&GZIP) {
        let cut = |e: io::Error| {
            Error::input(
                path,
                "",
                format!("cannot be unpacked ({e}): truncated or damaged"),
                "a complete FITS file",
                "copy or download the file again",
            )
        };
        Some(gzip::unpacked(file).map_err(cut)?.map_err(impossible)?)
    } else {
        let problem = headers::impossible(&mut file, length).map_err(missing)?;
        problem.map_or(Ok(()), |p| Err(impossible(p)))?;
        None
    };
    let bytes = unpacked.as_ref().map(Vec::len);
    Ok(Extent {
        bytes: bytes.unwrap_or(usize::try_from(length).unwrap_or(usize::MAX)),
        unpacked,
    })
}
