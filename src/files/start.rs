//! What a file is, told by how it begins and never by its name.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// How a file begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// Also gzipped, as FITS files come.
    Fits,
    Hdf5,
    Npy,
    Pickle,
    Png,
    Jpeg,
    /// UTF-8 without NUL: of what selfsi reads, a config alone.
    Text,
    Other,
}

/// Bytes that tell text from numbers.
const LOOKED_AT: u64 = 4096;

/// How the file at `path` begins.
///
/// # Errors
/// That it cannot be read.
pub(crate) fn start(path: &Path) -> io::Result<Start> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LOOKED_AT).read_to_end(&mut bytes)?;
    let begins = |with: &[u8]| bytes.starts_with(with);
    Ok(match () {
        () if begins(b"\x89HDF\r\n\x1a\n") => Start::Hdf5,
        () if begins(b"SIMPLE") || begins(&[0x1f, 0x8b]) => Start::Fits,
        () if begins(b"\x93NUMPY") => Start::Npy,
        () if begins(b"\x89PNG\r\n\x1a\n") => Start::Png,
        () if begins(&[0xff, 0xd8, 0xff]) => Start::Jpeg,
        () if begins(&[0x80]) && bytes.get(1).is_some_and(|v| (2..=5).contains(v)) => Start::Pickle,
        () if is_text(&bytes) => Start::Text,
        () => Start::Other,
    })
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
