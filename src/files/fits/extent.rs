//! How large a file is, before anything that it claims is believed.

use super::fault::Fault;
use super::gzip::{self, GZIP, begins_hdu};
use super::{fz, headers};
use crate::base::regular;
use crate::{Error, Result};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Values that one byte can hold at most as it is: bits (TFORM `X`).
pub(super) const BITS: usize = 8;
/// How files packed by other programs begin: cfitsio would unpack them, however large they become.
const PACKED: [&[u8]; 5] = [b"\x1f\x9d", b"\x1f\x1e", b"\x1f\xa0", b"PK", b"BZh"];

/// How many bytes there are in a file, unpacked.
#[derive(Debug)]
pub(crate) struct Extent {
    pub(super) bytes: usize,
    /// What the file holds, where that is not what cfitsio can read of it: one that is gzipped, has tables
    /// that fpack has compressed, or whose last block is not filled up.
    pub(super) unpacked: Option<Vec<u8>>,
}

/// The extent of the file `path`, which is there and whose headers claim nothing impossible.
///
/// # Errors
/// [`Error::Input`] otherwise.
pub(crate) fn extent(path: &Path) -> Result<Extent> {
    let missing = |e| Error::input(path, "", e, "a FITS file", "check the path");
    let unfit = |fault: Fault| {
        let expected = "a FITS file that selfsi can read";
        Error::input(path, "", fault.problem, expected, fault.fix)
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
        gzip::unpacked(file).map_err(cut)?.map_err(unfit)?
    } else {
        let reach = headers::reach(&mut file, length).map_err(missing)?;
        let reach = reach.map_err(unfit)?;
        let after = after(&mut file, reach.padded).map_err(missing)?;
        if begins_hdu(&after) {
            return Err(unfit(gzip::cut(reach.hdus)));
        }
        let whole = length >= reach.padded;
        // cfitsio reads whole blocks alone, and unpacks no tables; what follows the last HDU it leaves.
        if whole && !reach.packed || length < reach.data {
            let bytes = if whole { reach.padded } else { length };
            return Ok(Extent {
                bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
                unpacked: None,
            });
        }
        filled(&mut file, reach.padded)
            .map_err(missing)?
            .map_err(unfit)?
    };
    let unpacked = fz::unpacked(unpacked, gzip::most()).map_err(unfit)?;
    Ok(Extent {
        bytes: unpacked.len(),
        unpacked: Some(unpacked),
    })
}

/// The first bytes from `at` on: as many as tell what they are.
fn after(file: &mut File, at: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(8).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The first `length` bytes of a file, with zeros where it ends before.
fn filled(file: &mut File, length: u64) -> io::Result<std::result::Result<Vec<u8>, Fault>> {
    if length > gzip::most() {
        let problem = "its last block is not filled up, or a table is compressed by fpack";
        let fix = "write it anew (funpack, fitscopy), or raise --unpack";
        return Ok(Err(Fault::unread(problem, fix)));
    }
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(length).read_to_end(&mut bytes)?;
    bytes.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
    Ok(Ok(bytes))
}
