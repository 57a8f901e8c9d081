//! Reading FITS through cfitsio's C interface.
//!
//! fitsio's own calls interpret brackets in file names, panic on names that are not UTF-8 and do
//! not know every column type; this wrapper does none of that. One handle belongs to one worker.

use super::column::Column;
use super::extent::{Extent, extent};
use crate::files::version::check_not_newer;
use crate::{Error, Result};
use fitsio_sys as c;
use std::ffi::CString;
use std::os::raw::{c_char, c_int, c_long, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Longest value of a header key (FLEN_VALUE) and of an error text, with room to spare.
const TEXT: usize = 256;

/// A FITS file open for reading, positioned at one HDU.
#[derive(Debug)]
pub(crate) struct Fits {
    pub(super) file: *mut c::fitsfile,
    pub(super) path: PathBuf,
    pub(super) hdu: usize,
    pub(super) extent: Extent,
    /// Of a gzipped file: dropped after the handle is closed, as `drop` of the whole comes first.
    memory: Option<Box<Memory>>,
}

// SAFETY: cfitsio keeps nothing of a handle by thread, and no two threads use one at a time.
unsafe impl Send for Fits {}

/// A file in memory as cfitsio holds it.
#[derive(Debug)]
struct Memory {
    start: *mut c_void,
    length: usize,
    _bytes: Vec<u8>,
}

impl Memory {
    fn of(mut bytes: Vec<u8>) -> Self {
        Self {
            start: bytes.as_mut_ptr().cast(),
            length: bytes.len(),
            _bytes: bytes,
        }
    }
}

/// What an HDU holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hdu {
    /// Axes in C order (slowest first); empty without data.
    Image(Vec<usize>),
    Table {
        rows: usize,
        columns: Vec<Column>,
    },
}

impl Fits {
    /// Opens a file (gzipped or not) at its primary HDU.
    ///
    /// # Errors
    /// [`Error::Input`] if it is missing, not FITS, or of a format of selfsi that came later.
    pub fn open(path: &Path) -> Result<Self> {
        log::debug!("reading {}", path.display());
        let mut extent = extent(path)?;
        let name = CString::new(path.as_os_str().as_bytes())
            .map_err(|e| Error::input(path, "", e, "a file name without NUL", "rename it"))?;
        let mut file = std::ptr::null_mut();
        let mut status = 0;
        let mut memory = extent
            .unpacked
            .take()
            .map(|bytes| Box::new(Memory::of(bytes)));
        // SAFETY: the names are NUL-terminated and outlive the call; `file` receives the handle. cfitsio
        // keeps the addresses of `start` and `length`, which stay where they are until after it closes
        // the file, and, as it only reads, leaves them and the bytes as they are.
        unsafe {
            match &mut memory {
                None => c::ffdkopn(&mut file, name.as_ptr(), 0, &mut status),
                Some(m) => {
                    let (start, length) = (&raw mut m.start, &raw mut m.length);
                    c::ffomem(
                        &mut file,
                        c"gzip".as_ptr(),
                        0,
                        start,
                        length,
                        0,
                        None,
                        &mut status,
                    )
                }
            }
        };
        if status != 0 || file.is_null() {
            return Err(Error::input(
                path,
                "",
                format!("not a readable FITS file ({})", words(status)),
                "a complete FITS file, gzipped or not",
                "check that the copy is complete (fitsverify)",
            ));
        }
        let mut fits = Self {
            file,
            path: path.to_path_buf(),
            hdu: 0,
            extent,
            memory,
        };
        check_not_newer(path, &mut |key| fits.text_key(key))?;
        Ok(fits)
    }

    /// Whether cfitsio reads the file as it lies on the disk, not unpacked or filled up.
    pub(super) fn as_it_lies(&self) -> bool {
        self.memory.is_none()
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of memory that a gzipped file takes; 0 for others.
    pub fn unpacked(&self) -> usize {
        self.memory.as_ref().map_or(0, |m| m.length)
    }

    /// Number of HDUs.
    pub fn hdus(&mut self) -> Result<usize> {
        let (mut n, mut status) = (0, 0);
        // SAFETY: the handle is open (as in every call below).
        unsafe { c::ffthdu(self.file, &mut n, &mut status) };
        self.checked(status, "")?;
        Ok(usize::try_from(n).unwrap_or_default())
    }

    /// Moves to the extension of this EXTNAME and gives its number; `None` if there is none.
    pub fn find(&mut self, name: &str) -> Result<Option<usize>> {
        for hdu in 1..self.hdus()? {
            self.seek(hdu)?;
            if self.extname() == name {
                return Ok(Some(hdu));
            }
        }
        Ok(None)
    }

    /// Moves to an HDU (0 is the primary); whether it is a table.
    pub fn seek(&mut self, hdu: usize) -> Result<bool> {
        let (mut kind, mut status) = (0, 0);
        self.hdu = hdu;
        unsafe { c::ffmahd(self.file, hdu as c_int + 1, &mut kind, &mut status) };
        self.checked(status, "")?;
        Ok(kind != 0)
    }

    /// Moves to an HDU and says what it holds.
    pub fn go(&mut self, hdu: usize) -> Result<Hdu> {
        if self.seek(hdu)? {
            Ok(Hdu::Table {
                rows: self.rows()?,
                columns: self.columns()?,
            })
        } else {
            self.image()
        }
    }

    fn image(&mut self) -> Result<Hdu> {
        let (mut naxis, mut status) = (0, 0);
        // SAFETY: the handle is open; as many axes are asked for as there is room.
        unsafe { c::ffgidm(self.file, &mut naxis, &mut status) };
        let mut axes: Vec<c_long> = vec![0; usize::try_from(naxis).unwrap_or_default()];
        unsafe {
            c::ffgisz(
                self.file,
                axes.len() as c_int,
                axes.as_mut_ptr(),
                &mut status,
            )
        };
        self.checked(status, "")?;
        let size = |a: &c_long| usize::try_from(*a).unwrap_or_default();
        Ok(Hdu::Image(axes.iter().rev().map(size).collect()))
    }

    /// Number of rows of the current table.
    pub fn rows(&mut self) -> Result<usize> {
        let (mut rows, mut status) = (0, 0);
        unsafe { c::ffgnrwll(self.file, &mut rows, &mut status) };
        self.checked(status, "")?;
        Ok(usize::try_from(rows).unwrap_or_default())
    }

    /// The first `n` pixels of the current image; NaN where undefined.
    pub fn pixels(&mut self, n: usize) -> Result<Vec<f64>> {
        self.pixels_from(0, n)
    }

    /// The `n` pixels of the current image after the first `skipped`; NaN where undefined.
    pub fn pixels_from(&mut self, skipped: usize, n: usize) -> Result<Vec<f64>> {
        self.check_room(n, "image")?;
        let mut out = vec![0.0; n];
        let (mut any, mut status) = (0, 0);
        // SAFETY: `out` has room for the n pixels asked for.
        unsafe {
            c::ffgpvd(
                self.file,
                1,
                skipped as i64 + 1,
                n as i64,
                f64::NAN,
                out.as_mut_ptr(),
                &mut any,
                &mut status,
            )
        };
        self.checked(status, "image")?;
        Ok(out)
    }

    /// `n` pixels of the current image from number `from` on; NaN where undefined.
    pub fn section(&mut self, from: usize, n: usize) -> Result<Vec<f32>> {
        self.check_room(n, "image")?;
        let mut out = vec![0.0; n];
        let (mut any, mut status) = (0, 0);
        // SAFETY: `out` has room for the n pixels asked for; cfitsio checks that they exist.
        unsafe {
            c::ffgpve(
                self.file,
                1,
                from as i64 + 1,
                n as i64,
                f32::NAN,
                out.as_mut_ptr(),
                &mut any,
                &mut status,
            )
        };
        self.checked(status, "image")?;
        Ok(out)
    }

    /// EXTNAME of the current HDU, empty if it has none.
    pub fn extname(&mut self) -> String {
        self.text_key("EXTNAME").unwrap_or_default()
    }

    /// The current HDU in words, for messages.
    pub fn place(&mut self) -> String {
        match self.extname() {
            name if name.is_empty() => format!("HDU {}", self.hdu),
            name => format!("HDU {} ({name})", self.hdu),
        }
    }

    /// A header key as text; `None` if absent or blank.
    pub fn text_key(&mut self, name: &str) -> Option<String> {
        let name = CString::new(name).ok()?;
        let mut value = [0 as c_char; TEXT];
        let mut status = 0;
        unsafe {
            c::ffgkys(
                self.file,
                name.as_ptr(),
                value.as_mut_ptr(),
                std::ptr::null_mut(),
                &mut status,
            );
            c::ffcmsg();
        }
        let text = from_c(&value);
        (status == 0 && !text.is_empty()).then_some(text)
    }

    /// A header key as a number.
    pub fn number_key(&mut self, name: &str) -> Option<f64> {
        self.text_key(name)?.parse().ok()
    }

    /// An [`Error::Input`] about this file.
    pub fn error(&self, place: &str, problem: &str, expected: &str, fix: &str) -> Error {
        Error::input(&self.path, place, problem, expected, fix)
    }

    pub(super) fn checked(&mut self, status: c_int, what: &str) -> Result<()> {
        if status == 0 {
            return Ok(());
        }
        let problem = format!("cannot be read ({}): truncated or damaged", words(status));
        let place = format!("HDU {} {what}", self.hdu);
        Err(self.error(
            place.trim(),
            &problem,
            "a complete FITS file",
            "copy or download the file again",
        ))
    }
}

impl Drop for Fits {
    fn drop(&mut self) {
        let mut status = 0;
        // SAFETY: the handle is open and is not used again.
        unsafe {
            c::ffclos(self.file, &mut status);
            c::ffcmsg();
        }
    }
}

/// cfitsio's short text for a status.
fn words(status: c_int) -> String {
    let mut text = [0 as c_char; TEXT];
    // SAFETY: the buffer is longer than FLEN_STATUS (31).
    unsafe {
        c::ffgerr(status, text.as_mut_ptr());
        c::ffcmsg();
    }
    format!("cfitsio {status}: {}", from_c(&text))
}

pub(super) fn from_c(buffer: &[c_char]) -> String {
    let bytes: Vec<u8> = buffer
        .iter()
        .map(|b| *b as u8)
        .take_while(|b| *b != 0)
        .collect();
    String::from_utf8_lossy(&bytes).trim().to_owned()
}
