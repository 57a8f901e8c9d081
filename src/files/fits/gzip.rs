//! A gzipped FITS file, unpacked into memory up to the end that its own headers tell.

use super::fault::Fault;
use super::header::{BLOCK, ENDLESS, Header};
use super::headers::data_bytes;
use flate2::bufread::GzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::sync::atomic::{AtomicU64, Ordering};

/// How a gzipped file begins.
pub(super) const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Zeros, or anything else, that may follow the last HDU.
const AFTER: u64 = 1 << 20;
/// Bytes of memory that one file may take.
static MOST: AtomicU64 = AtomicU64::new(4 << 30);

/// Sets how many bytes of memory a file may take unpacked (4 GiB unless it is called).
pub(crate) fn unpack_at_most(bytes: u64) {
    MOST.store(bytes, Ordering::Relaxed);
}

/// How many bytes of memory a file may take.
pub(super) fn most() -> u64 {
    MOST.load(Ordering::Relaxed)
}

/// Unpacks all members of `file`. The inner error says what is impossible in its headers, or that it
/// holds more than they say.
pub(super) fn unpacked(file: File) -> io::Result<Result<Vec<u8>, Fault>> {
    let mut source = Kept {
        inner: Members(Some(GzDecoder::new(BufReader::new(file)))),
        kept: Vec::new(),
    };
    let most = most();
    for hdu in 0.. {
        let start = source.kept.len();
        let Some(header) = Header::read(&mut source)? else {
            // What is no header is not part of the file, save that cfitsio is to say so of the first.
            if hdu > 0 {
                if begins_hdu(&source.kept[start..]) {
                    return Ok(Err(cut(hdu)));
                }
                source.kept.truncate(start);
            }
            break;
        };
        if header.blocks == ENDLESS {
            break;
        }
        let bytes = match data_bytes(&header) {
            Ok(bytes) => bytes,
            Err(fault) => return Ok(Err(fault.in_hdu(hdu))),
        };
        let padded = bytes.next_multiple_of(BLOCK as u64);
        if source.kept.len() as u64 + padded > most {
            let (size, most) = (padded >> 20, most >> 20);
            return Ok(Err(Fault::unread(
                format!("HDU {hdu} takes {size} MiB of memory, and {most} are allowed"),
                "unpack it with gunzip, or raise --unpack",
            )));
        }
        let got = io::copy(&mut source.by_ref().take(padded), &mut io::sink())?;
        // The last block need not be filled up.
        if (bytes..padded).contains(&got) {
            let whole = source.kept.len() as u64 + padded - got;
            source
                .kept
                .resize(usize::try_from(whole).unwrap_or(usize::MAX), 0);
        }
    }
    let after = io::copy(&mut source.inner.by_ref().take(AFTER + 1), &mut io::sink())?;
    if after > AFTER {
        let problem = "it goes on after the last HDU: unpacked, it is larger than its headers say";
        return Ok(Err(problem.to_owned().into()));
    }
    Ok(Ok(source.kept))
}

/// Whether what follows the last HDU begins as another does, however early it ends.
pub(super) fn begins_hdu(after: &[u8]) -> bool {
    let name = b"XTENSION";
    !after.is_empty() && after.iter().zip(name).all(|(a, b)| a == b)
}

/// That HDU number `hdu` ends in its header.
pub(super) fn cut(hdu: usize) -> Fault {
    Fault::unread(
        format!("HDU {hdu} ends in its header: truncated"),
        "copy or download the file again",
    )
}

/// A reader that keeps what passes.
struct Kept<R> {
    inner: R,
    kept: Vec<u8>,
}

impl<R: Read> Read for Kept<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(bytes)?;
        self.kept
            .extend_from_slice(bytes.get(..n).ok_or(ErrorKind::InvalidData)?);
        Ok(n)
    }
}

/// The members of a gzipped file, one after the other. What follows the last and is none is left, as
/// gunzip does.
struct Members(Option<GzDecoder<BufReader<File>>>);

impl Read for Members {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.0 {
            let n = member.read(bytes)?;
            if n > 0 || bytes.is_empty() {
                return Ok(n);
            }
            let mut rest = self.0.take().map(GzDecoder::into_inner);
            self.0 = match rest.as_mut().map(BufRead::fill_buf).transpose()? {
                Some([0x1f, ..]) => rest.map(GzDecoder::new),
                _ => None,
            };
        }
        Ok(0)
    }
}
