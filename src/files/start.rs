//! What a file is, told by how it begins and never by its name.

use crate::base::regular;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// How a file begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// Also gzipped, as is all that follows.
    Fits,
    /// Also behind a user block.
    Hdf5,
    Npy,
    Pickle,
    Png,
    Jpeg,
    /// A table in the XML of the Virtual Observatory.
    VoTable,
    /// UTF-8 without NUL: of what selfsi reads, a config or a table.
    Text,
    Other,
}

const HDF5: &[u8; 8] = b"\x89HDF\r\n\x1a\n";
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Bytes that tell text from numbers.
const LOOKED_AT: u64 = 4096;

/// How the file at `path` begins.
///
/// # Errors
/// That it cannot be read.
pub(crate) fn start(path: &Path) -> io::Result<Start> {
    let mut file = regular::open(path)?;
    let mut bytes = Vec::new();
    file.by_ref().take(LOOKED_AT).read_to_end(&mut bytes)?;
    if bytes.starts_with(&GZIP) {
        file.rewind()?;
        bytes.clear();
        // What cannot be unpacked is for the reader of FITS to refuse.
        let unpacked = MultiGzDecoder::new(file)
            .take(LOOKED_AT)
            .read_to_end(&mut bytes);
        return Ok(match kind(&bytes) {
            Start::VoTable if unpacked.is_ok() => Start::VoTable,
            Start::Text if unpacked.is_ok() => Start::Text,
            _ => Start::Fits,
        });
    }
    match kind(&bytes) {
        Start::Other if behind_user_block(&mut file)? => Ok(Start::Hdf5),
        kind => Ok(kind),
    }
}

fn kind(bytes: &[u8]) -> Start {
    let begins = |with: &[u8]| bytes.starts_with(with);
    match () {
        () if begins(HDF5) => Start::Hdf5,
        () if begins(b"SIMPLE") => Start::Fits,
        () if begins(b"\x93NUMPY") => Start::Npy,
        () if begins(b"\x89PNG\r\n\x1a\n") => Start::Png,
        () if begins(&[0xff, 0xd8, 0xff]) => Start::Jpeg,
        () if begins(&[0x80]) && bytes.get(1).is_some_and(|v| (2..=5).contains(v)) => Start::Pickle,
        () if is_text(bytes) && is_votable(bytes) => Start::VoTable,
        () if is_text(bytes) => Start::Text,
        () => Start::Other,
    }
}

/// Whether an HDF5 file begins after a block of anything, whose length is 512 times a power of two.
fn behind_user_block(file: &mut File) -> io::Result<bool> {
    let length = file.metadata()?.len();
    let starts = std::iter::successors(Some(512), |at: &u64| at.checked_mul(2));
    for at in starts.take_while(|at| at + 8 <= length) {
        let mut bytes = [0; 8];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut bytes)?;
        if bytes == *HDF5 {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_votable(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    text.starts_with('<') && text.to_ascii_uppercase().contains("VOTABLE")
}

fn is_text(bytes: &[u8]) -> bool {
    let utf8 = match std::str::from_utf8(bytes) {
        Ok(_) => true,
        // A character may go on beyond what was read.
        Err(e) => e.error_len().is_none() && bytes.len() as u64 == LOOKED_AT,
    };
    utf8 && !bytes.is_empty() && !bytes.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::{LOOKED_AT, Start, start};

    #[test]
    fn files_are_told_by_their_first_bytes_whatever_they_are_called() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.toml");
        let long = "é".repeat(LOOKED_AT as usize);
        let shifted = format!("#{long}");
        for (bytes, expected) in [
            (&b"SIMPLE  =                    T"[..], Start::Fits),
            (b"\x1f\x8b\x08", Start::Fits),
            (b"\x89HDF\r\n\x1a\n\0\0", Start::Hdf5),
            (b"\x93NUMPY\x01\0", Start::Npy),
            (b"\x89PNG\r\n\x1a\n\0", Start::Png),
            (b"\xff\xd8\xff\xe0", Start::Jpeg),
            (b"\x80\x03}", Start::Pickle),
            (b"\x80", Start::Other),
            ("[grid] # Å\npixels = 64".as_bytes(), Start::Text),
            (long.as_bytes(), Start::Text),
            (shifted.as_bytes(), Start::Text),
            (b"[grid]\0", Start::Other),
            (b"caf\xe9", Start::Other),
            ("caf\u{e9}".as_bytes().split_last().unwrap().1, Start::Other),
            (b"", Start::Other),
        ] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(start(&path).unwrap(), expected, "{bytes:?}");
        }
        assert!(start(folder.path()).is_err(), "a folder");
    }
}
